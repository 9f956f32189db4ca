// Whole models on the emulated device against the CPU: small ones with generated weights.

#include "native/sam2/video_predictor.h"
#include "native/weights/weight_source.h"
#include "test/native/cuda/support.h"
#include "test/native/tiny_models.h"

namespace vmolmo::test {
namespace {

constexpr Device kGpu{Device::Kind::kCuda, 0};

// The ids of two questions about the third frame of a clip, one of them asked twice.
std::vector<std::vector<int32_t>> ask(TinyPointer options, emulation::Counters* step = {}) {
  const auto pointer = load(options);
  const auto stream = pointer->open_stream();
  Random random(3);
  for (int64_t frame = 0; frame < 3; ++frame) {
    std::vector<uint8_t> pixels(40 * 30 * 3);
    for (uint8_t& value : pixels) value = static_cast<uint8_t>(random.integer(0, 255));
    const emulation::Counters before = counted();
    stream->encode(frame, {pixels.data(), 40, 30});
    if (step) {
      check(counted().device_to_host == before.device_to_host,
            "encoding a frame copied to the host");
    }
  }
  AnswerOptions answer;
  answer.max_new_tokens = 6;
  const std::vector<AnswerRequest> requests{{2, {1, 2, 3}}, {2, {4}}, {1, {4, 9}}};
  // A model's first logits are looked at.
  if (step) stream->answer(std::vector<AnswerRequest>{{0, {7}}}, answer);
  const emulation::Counters before = counted();
  std::vector<std::vector<int32_t>> ids;
  for (const Answer& one : stream->answer(requests, answer)) ids.push_back(one.ids);
  if (step) {
    const emulation::Counters after = counted();
    step->device_to_host = after.device_to_host - before.device_to_host;
    step->synchronisations = after.synchronisations - before.synchronisations;
  }
  return ids;
}

TEST_CASE("cuda models: a pointer's answers are the CPU's, and the ids alone come to the host") {
  for (const bool olmo : {false, true}) {
    const auto expected = ask(tiny_pointer({}, olmo));
    for_each_order([&] {
      emulation::Counters copies;
      check(ask(tiny_pointer(kGpu, olmo), &copies) == expected, "answers differ, OLMo: ", olmo);
      // The prompts' pass gives three ids in one copy, and so does each of five steps.
      check(!kEmulated || copies.device_to_host == 1 + 5,
            "copies to the host: ", copies.device_to_host);
    });
  }
}

TEST_CASE("cuda models: bf16 and quantised weights answer like the CPU's") {
  for (const WeightDType dtype : {WeightDType::kBF16, WeightDType::kInt8}) {
    TinyPointer cpu = tiny_pointer({}, false), gpu = tiny_pointer(kGpu, false);
    cpu.dtype = gpu.dtype = dtype;
    check(ask(gpu) == ask(cpu), "answers differ with dtype ", int(dtype));
  }
}

TEST_CASE("cuda models: beside quantised matrices the others are bf16") {
  TinyPointer cpu = tiny_pointer({}, false), gpu = tiny_pointer(kGpu, false);
  const int64_t stored = load(gpu)->info().weight_bytes;
  check(stored == load(cpu)->info().weight_bytes, "stored weights changed");
  cpu.dtype = gpu.dtype = WeightDType::kInt8;
  const int64_t host = load(cpu)->info().weight_bytes;
  const int64_t device = load(gpu)->info().weight_bytes;
  // Most of this model is its vision encoder.
  check(device < host && device > host / 4, "weights: ", host, " bytes on the CPU, ", device,
        " on the GPU");
}

TEST_CASE("cuda models: host memory is free for reuse as soon as a call returns") {
  const auto expected = ask(tiny_pointer({}, false));
  const DeferredWork deferred;
  check(ask(tiny_pointer(kGpu, false)) == expected, "answers differ when work is deferred");
}

// Two objects through three frames; every number that comes out.
std::vector<float> segment_clip(Device device, double score_shift,
                                WeightDType dtype = WeightDType::kStored) {
  constexpr int64_t kWidth = 50, kHeight = 40, kFrames = 3;
  TinySegmenter tiny = tiny_segmenter(device);
  tiny.dtype = dtype;
  const auto model = load(tiny, weights_with_score(score_shift));
  Random random(11);
  std::vector<FrameFeaturesPtr> features;
  for (int64_t i = 0; i < kFrames; ++i) {
    features.push_back(
        model->encode({random_picture(random, kWidth, kHeight).data(), kWidth, kHeight, 0}));
  }
  VideoOptions options;
  options.width = kWidth;
  options.height = kHeight;
  options.frame_count = kFrames;
  options.non_overlap_masks = true;
  const auto video = model->open_video(options);
  std::vector<float> out;
  const auto keep = [&](const FrameMasks& masks) {
    for (const float value : masks.low_res.to_vector()) out.push_back(value);
    out.insert(out.end(), masks.ious.begin(), masks.ious.end());
    out.insert(out.end(), masks.object_scores.begin(), masks.object_scores.end());
  };
  PointPrompt click;
  click.points = {20.0f, 15.0f};
  click.labels = {1};
  keep(video->add_points(0, features[0], 1, click));
  click.box = std::array<float, 4>{5.0f, 6.0f, 30.0f, 31.0f};
  keep(video->add_points(0, features[0], 2, click));
  video->commit(0, features[0]);
  for (const int64_t frame : video->plan())
    keep(video->track(frame, features[static_cast<size_t>(frame)]));
  Tensor mask = Tensor::zeros(cpu_heap(), {kHeight, kWidth}, DType::kU8);
  for (int64_t i = 300; i < 900; ++i) mask.data<uint8_t>()[i] = 1;
  keep(video->add_mask(2, features[2], 4, mask));
  click.box.reset();
  for (const ImageMasks& masks : model->segment(features[1], {{click, {}}, {click, {}}})) {
    for (const float value : masks.low_res.to_vector()) out.push_back(value);
    out.insert(out.end(), masks.ious.begin(), masks.ious.end());
  }
  return out;
}

TEST_CASE("cuda models: a segmenter's clip, mask prompts and pictures are the CPU's") {
  in_shuffled_order([] {
    for (const double shift : {10.0, -10.0}) {  // objects present, objects absent
      check_close(segment_clip(kGpu, shift), segment_clip({}, shift), 1e-4, "score shift ", shift);
    }
  });
}

TEST_CASE("cuda models: a segmenter in bf16 stays near the CPU's") {
  const auto expected = segment_clip({}, 10.0, WeightDType::kBF16);
  // A few roundings' worth of 2^-9 in most of the numbers.
  for_each_order(
      [&] { check_close(segment_clip(kGpu, 10.0, WeightDType::kBF16), expected, 0.01, "bf16"); });
}

TEST_CASE("cuda models: devices that cannot serve are refused by name") {
  const auto refused = [](const emulation::Settings& wanted, Device device, const char* part) {
    const emulation::ScopedSettings scope(wanted);
    try {
      Context context(device, 1);
    } catch (const Error& error) {
      check(error.code() == Code::kDeviceUnavailable &&
                std::string(error.what()).find(part) != std::string::npos,
            "expected a refusal for \"", part, "\", got ", error.what());
      return;
    }
    check(false, "expected a refusal for \"", part, "\"");
  };
  emulation::Settings wanted = emulation::settings();
  refused(wanted, {Device::Kind::kCuda, 3}, "no cuda:3");
  wanted.compute_major = 7;
  refused(wanted, kGpu, "capability 7.0");
  wanted = emulation::settings();
  wanted.driver_version = 12040;
  refused(wanted, kGpu, "12.4");
  wanted.driver_version = 0;
  refused(wanted, kGpu, "no NVIDIA driver");
}

}  // namespace
}  // namespace vmolmo::test
