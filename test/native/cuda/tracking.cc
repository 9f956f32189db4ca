// SAM 2's tracked frame on the emulated device: against the CPU, in batches, without waiting.

#include <algorithm>
#include <map>

#include "native/kernels/cuda/pool.h"
#include "native/ops/context.h"
#include "native/sam2/hiera_encoder.h"
#include "native/sam2/model.h"
#include "test/native/cuda/support.h"
#include "test/native/tiny_models.h"

namespace vmolmo::test {
namespace {

constexpr Device kGpu{Device::Kind::kCuda, 0};
constexpr int64_t kWidth = 50, kHeight = 40;
// Generated weights find some objects and miss others with this score.
constexpr double kMixedScores = 0.17;

struct Fixture {
  Fixture(Device device, int64_t frames, double score_shift) {
    TinySegmenter options = tiny_segmenter(device, 32);
    // Full after four frames.
    options.config.max_memory_frames = 3;
    options.config.max_object_pointers = 4;
    model = load(options, weights_with_score(score_shift));
    Random random(11);
    for (int64_t i = 0; i < frames; ++i) {
      features.push_back(
          model->encode({random_picture(random, kWidth, kHeight).data(), kWidth, kHeight, 0}));
    }
  }

  std::unique_ptr<SegmenterVideo> open(bool live = false) const {
    VideoOptions options;
    options.width = kWidth;
    options.height = kHeight;
    options.frame_count = live ? 0 : static_cast<int64_t>(features.size());
    return model->open_video(options);
  }
  const FrameFeaturesPtr& at(int64_t frame) const { return features[static_cast<size_t>(frame)]; }

  std::unique_ptr<Segmenter> model;
  std::vector<FrameFeaturesPtr> features;
};

PointPrompt click(float x, float y) {
  PointPrompt prompt;
  prompt.points = {x, y};
  prompt.labels = {1};
  return prompt;
}

// Every number of a frame.
void keep(std::vector<float>& out, const FrameMasks& masks) {
  for (const float value : masks.low_res.to_vector()) out.push_back(value);
  out.insert(out.end(), masks.ious.begin(), masks.ious.end());
  out.insert(out.end(), masks.object_scores.begin(), masks.object_scores.end());
}

void commit(SegmenterVideo& video, const Fixture& clip) {
  for (const int64_t frame : video.prompted_frames()) video.commit(frame, clip.at(frame));
}

// Objects present and absent, one that comes late, one from a mask, a correction, both directions.
std::vector<float> long_story(Device device) {
  const Fixture clip(device, 5, kMixedScores);
  const auto video = clip.open();
  std::vector<float> out;
  keep(out, video->add_points(0, clip.at(0), 1, click(20, 15)));
  PointPrompt box;
  box.box = std::array<float, 4>{5.0f, 6.0f, 30.0f, 31.0f};
  keep(out, video->add_points(0, clip.at(0), 2, box));
  PointPrompt three = click(10, 10);
  three.points.insert(three.points.end(), {30.0f, 20.0f, 44.0f, 33.0f});
  three.labels = {1, 0, 1};
  keep(out, video->add_points(0, clip.at(0), 3, three));
  Tensor mask = Tensor::zeros(cpu_heap(), {kHeight, kWidth}, DType::kU8);
  for (int64_t i = 300; i < 900; ++i) mask.data<uint8_t>()[i] = 1;
  keep(out, video->add_mask(2, clip.at(2), 9, mask));
  commit(*video, clip);
  for (const int64_t frame : video->plan()) keep(out, video->track(frame, clip.at(frame)));
  keep(out, video->add_points(3, clip.at(3), 2, click(30, 30)));
  commit(*video, clip);
  for (const int64_t frame : video->plan(4, {}, true))
    keep(out, video->track(frame, clip.at(frame), true));
  return out;
}

TEST_CASE("cuda tracking: a long story with several objects is the CPU's") {
  const std::vector<float> expected = long_story({});
  const auto absent = std::count(expected.begin(), expected.end(), -1024.0f);
  const auto all = static_cast<int64_t>(expected.size());
  check(absent > all / 10 && absent < all - all / 10, "absent pixels: ", absent, " of ", all);
  in_shuffled_order([&] { check_close(long_story(kGpu), expected, 1e-4, "numbers"); });
}

// Frames 1 and 2 of every object, in the order of `objects`; more objects than go through the heads
// at once.
std::map<int64_t, std::vector<float>> tracked(const Fixture& clip,
                                              const std::vector<int64_t>& objects) {
  const auto video = clip.open();
  for (const int64_t object : objects) {
    const float offset = static_cast<float>(object);
    video->add_points(0, clip.at(0), object, click(5 + 3 * offset, 35 - 2 * offset));
  }
  commit(*video, clip);
  std::map<int64_t, std::vector<float>> out;
  for (const int64_t frame : {1, 2}) {
    const FrameMasks masks = video->track(frame, clip.at(frame));
    for (size_t i = 0; i < objects.size(); ++i) {
      std::vector<float>& own = out[objects[i]];
      for (const float value : masks.low_res[int64_t(i)].to_vector()) own.push_back(value);
      own.push_back(masks.ious[i]);
      own.push_back(masks.object_scores[i]);
    }
  }
  return out;
}

TEST_CASE("cuda tracking: objects in a batch get what they get alone") {
  const Fixture clip(kGpu, 3, kMixedScores);
  const std::vector<int64_t> all{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const auto together = tracked(clip, all);
  for (const int64_t object : {1, 6, 11}) {
    check(together.at(object) == tracked(clip, {object}).at(object), "object ", object,
          " differs in a batch of ", all.size());
  }
}

TEST_CASE("cuda tracking: a frame comes to the host once, at its end") {
  const Fixture clip(kGpu, 3, kMixedScores);
  const auto video = clip.open();
  for (const int64_t object : {1, 2, 3})
    video->add_points(0, clip.at(0), object, click(10.0f * float(object), 20));
  commit(*video, clip);
  for (const int64_t frame : {1, 2}) {
    const emulation::Counters before = emulation::counters();
    video->track(frame, clip.at(frame));
    const emulation::Counters after = emulation::counters();
    // Masks, low-resolution logits, and scores with IoUs.
    check(after.device_to_host - before.device_to_host == 3,
          "copies to the host: ", after.device_to_host - before.device_to_host);
    check(after.event_waits - before.event_waits == 3 &&
              after.synchronisations == before.synchronisations,
          "waits: ", after.event_waits - before.event_waits);
  }
}

// A live session of two objects, long enough that the memory is full; the last frames' numbers.
std::vector<float> live(const Fixture& clip, int64_t frames, int64_t kept,
                        Recorder* recorder = nullptr) {
  VideoCall call;
  call.recorder = recorder;
  const auto video = clip.open(true);
  video->add_points(0, clip.at(0), 1, click(8, 31));
  video->add_points(0, clip.at(0), 2, click(38, 13));
  commit(*video, clip);
  std::vector<float> out;
  for (int64_t frame = 1; frame < frames; ++frame) {
    const FrameMasks masks = video->track(frame, clip.at(frame % 3), false, call);
    if (frame >= frames - kept) keep(out, masks);
  }
  return out;
}

TEST_CASE("cuda tracking: frames with a full memory are one graph, and the same to the bit") {
  const Fixture clip(kGpu, 3, kMixedScores);
  struct Silent : Recorder {
    void record(const std::string&, const Tensor&) override {}
  } recorder;
  // From frame 4 on nothing changes any more. The second frame of a pattern is the first in its
  // place, the third settles, the fourth is captured.
  constexpr int64_t kFrames = 10;
  const std::vector<float> launched = live(clip, kFrames, 3);
  const sam2::FrameStep& step = internals(*clip.model).model()->step();
  check(step.graphs().size() == 1, "graphs: ", step.graphs().size());
  const GraphCache::Use& use = step.graphs()[0]->use();
  check(use.plain == 1 && use.captured == 1 && use.launched == 3 && use.failed == 0, "plain ",
        use.plain, ", captured ", use.captured, ", launched ", use.launched, ", failed ",
        use.failed, ": ", step.graphs()[0]->failure());
  // A recorder keeps frames from being graphs.
  check(live(clip, kFrames, 3, &recorder) == launched, "plain frames differ");
  check(use.launched == 3, "a recorded frame was a graph");
}

TEST_CASE("cuda tracking: windows in which the memory fills share their graphs") {
  const Fixture clip(kGpu, 3, kMixedScores);
  const sam2::FrameStep& step = internals(*clip.model).model()->step();
  constexpr int64_t kFrames = 3;
  const std::vector<float> first = live(clip, kFrames, kFrames);
  check(step.graphs().empty(), "a pattern that came once has a graph");
  for (int window = 1; window < 5; ++window)
    check(live(clip, kFrames, kFrames) == first, "window ", window, " differs");
  check(step.graphs().size() == kFrames - 1, "graphs: ", step.graphs().size());
  for (const sam2::FrameGraph* graph : step.graphs())
    check(graph->use().launched == 2 && graph->use().failed == 0, "launched ",
          graph->use().launched, ", ", graph->failure());
}

const sam2::FrameGraph& encoder_graph(const Fixture& fixture) {
  const sam2::ImageEncoder& encoder = internals(*fixture.model).model()->encoder();
  return dynamic_cast<const sam2::HieraEncoder&>(encoder).graph();
}

TEST_CASE("cuda tracking: a picture's features are one graph, and the same to the bit") {
  const Fixture clip(kGpu, 5, 0.0);
  const GraphCache::Use& use = encoder_graph(clip).use();
  check(use.captured == 1 && use.launched == 3 && use.failed == 0, "captured ", use.captured,
        ", launched ", use.launched, ", failed ", use.failed, ": ", encoder_graph(clip).failure());
  const Fixture two(kGpu, 2, 0.0);
  check(encoder_graph(two).use().launched == 0, "launched too early");
  Random random(5);
  std::vector<uint8_t> bytes(3 * kWidth * kHeight);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.integer(0, 255));
  const RgbImage image{bytes.data(), kWidth, kHeight, 0};
  const FrameFeaturesPtr launched = clip.model->encode(image);
  const auto& graph = sam2::own_features(launched);
  struct Silent : Recorder {
    void record(const std::string&, const Tensor&) override {}
  } recorder;
  const FrameFeaturesPtr recorded =
      clip.model->encode(image, ResizeMode::kVideo, {nullptr, &recorder});
  const auto& plain = sam2::own_features(recorded);
  check(graph.vision.to_vector() == plain.vision.to_vector() &&
            graph.high0.to_vector() == plain.high0.to_vector() &&
            graph.high1.to_vector() == plain.high1.to_vector(),
        "features differ");
}

TEST_CASE("cuda tracking: a live stream's memory on the device does not grow") {
  const Fixture clip(kGpu, 3, kMixedScores);
  const auto video = clip.open(true);
  video->add_points(0, clip.at(0), 1, click(20, 15));
  commit(*video, clip);
  const auto held = [&] {
    const MemoryUse use = internals(*clip.model).context().pool().use();
    return std::pair{use.taken, use.taken - use.idle};
  };
  // Frames further back than memory and pointers reach are forgotten.
  for (int64_t frame = 1; frame < 12; ++frame) video->track(frame, clip.at(frame % 3));
  const auto steady = held();
  for (int64_t frame = 12; frame < 20; ++frame) video->track(frame, clip.at(frame % 3));
  check(held() == steady, "taken and held: ", held().first, " and ", held().second, " bytes, were ",
        steady.first, " and ", steady.second);
}

// A clip whose frames repeat, forward, then backward over its beginning.
TEST_CASE("cuda tracking: a long clip's memory on the device does not grow, nor is anything lost") {
  constexpr int64_t kFrames = 34, kSteady = 24;
  const auto story = [](Device device, int64_t* grown) {
    const Fixture clip(device, 3, 0.3);
    VideoOptions options;
    options.width = kWidth;
    options.height = kHeight;
    options.frame_count = kFrames;
    const auto video = clip.model->open_video(options);
    std::vector<float> out;
    video->add_points(0, clip.at(0), 1, click(20, 15));
    commit(*video, clip);
    const auto held = [&] {
      const MemoryUse use = internals(*clip.model).context().pool().use();
      return static_cast<int64_t>(use.taken - use.idle);
    };
    int64_t steady = 0;
    for (int64_t frame = 1; frame < kFrames; ++frame) {
      video->track(frame, clip.at(frame % 3));
      if (grown && frame == kSteady) steady = held();
    }
    if (grown) *grown = held() - steady;
    // Frame 2 looks at frames that were moved away, and is prompted with its own old mask.
    for (int64_t frame = 3; frame > 1; --frame)
      keep(out, video->track(frame, clip.at(frame % 3), true));
    keep(out, video->add_points(6, clip.at(0), 1, click(30, 20)));
    return out;
  };
  int64_t grown = 0;
  const std::vector<float> actual = story(kGpu, &grown);
  // Pointers, scores and IoUs stay: 512 bytes each.
  check(grown <= (kFrames - kSteady) * 3 * 512, "grown by ", grown, " bytes");
  check_close(actual, story({}, nullptr), 1e-4, "numbers");
}

}  // namespace
}  // namespace vmolmo::test
