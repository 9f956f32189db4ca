#include <array>

#include "native/ops/context.h"
#include "test/native/harness.h"
#include "test/native/tiny_models.h"

namespace vmolmo {
namespace {

using test::check;

test::TinySegmenter tiny_model() {
  test::TinySegmenter options = test::tiny_segmenter({}, 96, 64);
  options.threads = 2;
  return options;
}

std::unique_ptr<Segmenter> load_tiny() {
  return test::load(tiny_model(), test::weights_with_score(10.0));
}

struct Clip {
  static constexpr int64_t kWidth = 80, kHeight = 60;

  Clip(Segmenter& model, int64_t frames) {
    test::Random random(11);
    for (int64_t i = 0; i < frames; ++i) {
      features.push_back(
          model.encode({test::random_picture(random, kWidth, kHeight).data(), kWidth, kHeight, 0}));
    }
  }

  std::vector<FrameFeaturesPtr> features;
};

PointPrompt click(float x, float y) {
  PointPrompt prompt;
  prompt.points = {x, y};
  prompt.labels = {1};
  return prompt;
}

VideoOptions clip_options(int64_t frames) {
  VideoOptions options;
  options.width = Clip::kWidth;
  options.height = Clip::kHeight;
  options.frame_count = frames;
  return options;
}

bool refused(Code code, const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code() == code;
  }
  return false;
}

TEST_CASE("segmenter: a clip through the public face") {
  const auto model = load_tiny();
  const Clip clip(*model, 4);
  const auto video = model->open_video(clip_options(4));
  const FrameMasks first = video->add_points(0, clip.features[0], 3, click(20, 20));
  check(first.object_ids == std::vector<int64_t>{3}, "object ids");
  check(first.masks.shape() == Shape({1, 60, 80}), "mask shape ", first.masks.shape());
  check(first.object_scores[0] > 0.0f, "object score ", first.object_scores[0]);
  check(video->prompted_frames() == std::vector<int64_t>{0}, "prompted frames");
  video->commit(0, clip.features[0]);
  for (const int64_t frame : video->plan()) {
    const FrameMasks masks = video->track(frame, clip.features[static_cast<size_t>(frame)]);
    check(masks.frame == frame && masks.masks.dim(0) == 1, "frame ", frame);
  }
  check(model->times().contains("memoryAttention"), "stage times");
  check(video->plan(3, 2, true) == std::vector<int64_t>({3, 2, 1}), "reverse plan");
}

// Every one of these differs from the plain path in what is batched or skipped.
TEST_CASE("segmenter: a recorded call gives what a plain one gives") {
  struct Silent : Recorder {
    void record(const std::string&, const Tensor&) override { ++count; }
    int64_t count = 0;
  } recorder;
  const auto model = load_tiny();
  const Clip clip(*model, 3);
  std::array<std::vector<float>, 2> logits;
  for (const bool recorded : {false, true}) {
    VideoCall call;
    if (recorded) call.recorder = &recorder;
    const auto video = model->open_video(clip_options(3));
    video->add_points(0, clip.features[0], 1, click(20, 20), true, call);
    video->add_points(0, clip.features[0], 2, click(60, 40), true, call);
    video->commit(0, clip.features[0], call);
    video->track(1, clip.features[1], false, call);
    logits[recorded] = video->track(2, clip.features[2], false, call).low_res.to_vector();
  }
  check(recorder.count > 20, "recorded ", recorder.count);
  const double error =
      test::relative_l2(logits[1].data(), logits[0].data(), static_cast<int64_t>(logits[0].size()));
  check(error < 1e-5, "relative error ", error);
}

TEST_CASE("segmenter: an absent object is masked out and remembered as absent") {
  const auto model = test::load(tiny_model(), test::weights_with_score(-10.0));
  const Clip clip(*model, 3);
  const auto video = model->open_video(clip_options(3));
  const FrameMasks first = video->add_points(0, clip.features[0], 1, click(20, 20));
  check(first.object_scores[0] < 0.0f && first.low_res.to_vector()[0] == -1024.0f, "frame 0");
  video->commit(0, clip.features[0]);
  for (const int64_t frame : {1, 2}) {
    const FrameMasks masks = video->track(frame, clip.features[static_cast<size_t>(frame)]);
    for (const float logit : masks.low_res.to_vector())
      check(logit == -1024.0f, "frame ", frame, ": ", logit);
  }
}

TEST_CASE("segmenter: what does not fit is refused, and the session stays as it was") {
  const auto model = load_tiny();
  const auto other = load_tiny();
  const Clip clip(*model, 2);
  const auto video = model->open_video(clip_options(2));
  const auto add = [&](const FrameFeaturesPtr& features, const PointPrompt& prompt) {
    return [&] { video->add_points(0, features, 1, prompt); };
  };
  check(refused(Code::kInvalidArgument, add(clip.features[0], click(-1, 5))), "outside");
  check(refused(Code::kInvalidArgument, add(clip.features[0], {})), "no prompt");
  check(refused(Code::kInvalidArgument, add(nullptr, click(5, 5))), "no features");
  const Clip foreign(*other, 1);
  check(refused(Code::kInvalidArgument, add(foreign.features[0], click(5, 5))), "other model");
  VideoCall aborted;
  const auto flag = std::make_shared<CancelFlag>();
  flag->raise();
  aborted.cancel = flag;
  check(refused(Code::kAborted,
                [&] { video->add_points(0, clip.features[0], 1, click(5, 5), true, aborted); }),
        "aborted");
  check(video->object_ids().empty(), "an object was left behind");
  check(refused(Code::kInvalidArgument, [&] { video->plan(); }), "a plan without prompts");
  check(refused(Code::kInvalidArgument, [&] { model->encode({nullptr, 8, 8, 0}); }), "no pixels");
}

}  // namespace
}  // namespace vmolmo
