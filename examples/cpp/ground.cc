// Grounds a clip without JavaScript: the pointer is asked about the first frame, its points become
// objects, and the segmenter follows them to the clip's end.
//
//   videomolmo_ground job.json
//
// job.json:
//   {
//     "pointer": {"family": "molmo", "attributes": {...}, "weights": "assets/pointer"},
//     "segmenter": {"family": "sam2", "names": "original", "attributes": {...}, "weights": "..."},
//     "tokenizer": "assets/pointer/tokenizer.json",
//     "frames": "clip.rgb", "width": 128, "height": 96,
//     "promptIds": [12, 7, ...]
//   }
//
// `videomolmo inspect <checkpoint> --json` prints family, names and attributes; frames are raw RGB
// (ffmpeg -i clip.mp4 -f rawvideo -pix_fmt rgb24 clip.rgb); promptIds are the text " User:
// <sentence> Assistant:" in the tokens of tokenizer.json.

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "answer_points.h"
#include "videomolmo/pointer.h"
#include "videomolmo/segmenter.h"

namespace {

using namespace vmolmo;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  require(file.good(), Code::kModelNotFound, path, " cannot be read.");
  return {std::istreambuf_iterator<char>(file), {}};
}

const Attribute& member(const Attributes& job, const std::string& name) {
  const auto at = job.find(name);
  require(at != job.end(), Code::kInvalidArgument, "The job has no \"", name, "\".");
  return at->second;
}

std::string text_of(const Attributes& job, const std::string& name) {
  const std::string* text = member(job, name).text();
  require(text != nullptr, Code::kInvalidArgument, name, ": expected a text.");
  return *text;
}

int64_t integer_of(const Attributes& job, const std::string& name) {
  const double* number = member(job, name).number();
  require(number != nullptr, Code::kInvalidArgument, name, ": expected a number.");
  return static_cast<int64_t>(*number);
}

const Attributes& map_of(const Attributes& job, const std::string& name) {
  const Attributes* map = member(job, name).map();
  require(map != nullptr, Code::kInvalidArgument, name, ": expected an object.");
  return *map;
}

LoadOptions options_of(const Attributes& model) {
  LoadOptions options;
  if (model.contains("names")) options.names = text_of(model, "names");
  return options;
}

// A clip of raw RGB frames.
struct Clip {
  explicit Clip(const Attributes& job)
      : bytes(read_file(text_of(job, "frames"))),
        width(integer_of(job, "width")),
        height(integer_of(job, "height")) {}

  int64_t frames() const { return static_cast<int64_t>(bytes.size()) / (3 * width * height); }
  RgbImage operator[](int64_t frame) const {
    const char* first = bytes.data() + frame * 3 * width * height;
    return {reinterpret_cast<const uint8_t*>(first), width, height};
  }

  std::string bytes;
  int64_t width, height;
};

std::vector<int32_t> prompt_ids(const Attributes& job) {
  const Attribute::List* list = member(job, "promptIds").list();
  require(list != nullptr, Code::kInvalidArgument, "promptIds: expected a list.");
  std::vector<int32_t> ids;
  for (const Attribute& id : *list) ids.push_back(static_cast<int32_t>(*id.number()));
  return ids;
}

std::vector<Point> points_in_first_frame(const Attributes& job, const Clip& clip) {
  const Attributes& model = map_of(job, "pointer");
  const auto pointer = load_pointer(text_of(model, "family"), map_of(model, "attributes"),
                                    open_weights(text_of(model, "weights")), options_of(model));
  const auto stream = pointer->open_stream();
  stream->encode(0, clip[0]);
  const AnswerRequest question{0, prompt_ids(job), {}};
  const std::vector<Answer> answers = stream->answer({&question, 1});
  return answer_points(read_vocabulary(text_of(job, "tokenizer")), answers[0].ids,
                       static_cast<float>(clip.width), static_cast<float>(clip.height));
}

void print(const FrameMasks& frame) {
  for (size_t i = 0; i < frame.object_ids.size(); ++i) {
    const Tensor mask = frame.masks[static_cast<int64_t>(i)];
    const uint8_t* pixels = mask.data<uint8_t>();
    std::printf("frame %lld object %lld area %lld\n", static_cast<long long>(frame.frame),
                static_cast<long long>(frame.object_ids[i]),
                static_cast<long long>(std::count(pixels, pixels + mask.numel(), 1)));
  }
}

void follow(const Attributes& job, const Clip& clip, const std::vector<Point>& points) {
  const Attributes& model = map_of(job, "segmenter");
  const auto segmenter = load_segmenter(text_of(model, "family"), map_of(model, "attributes"),
                                        open_weights(text_of(model, "weights")), options_of(model));
  VideoOptions options;
  options.width = clip.width;
  options.height = clip.height;
  options.frame_count = clip.frames();
  const auto video = segmenter->open_video(options);
  const FrameFeaturesPtr first = segmenter->encode(clip[0]);
  for (size_t i = 0; i < points.size(); ++i) {
    PointPrompt click;
    click.points = {points[i].x, points[i].y};
    click.labels = {1};
    video->add_points(0, first, static_cast<int64_t>(i) + 1, click);
  }
  if (points.empty()) return;
  video->commit(0, first);
  for (const int64_t frame : video->plan())
    print(video->track(frame, frame == 0 ? first : segmenter->encode(clip[frame])));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    require(argc == 2, Code::kInvalidArgument, "Usage: ", argv[0], " job.json");
    const Attributes job = parse_attributes(read_file(argv[1]), argv[1]);
    const Clip clip(job);
    const std::vector<Point> points = points_in_first_frame(job, clip);
    for (const Point& point : points) std::printf("point %.3f %.3f\n", point.x, point.y);
    follow(job, clip, points);
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "%s: %s\n", code_name(error.code()), error.what());
    return 1;
  }
}
