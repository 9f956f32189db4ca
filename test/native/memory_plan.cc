#include "native/molmo/memory_plan.h"

#include "native/molmo/image_layout.h"
#include "native/sam2/memory_needs.h"
#include "test/native/harness.h"
#include "test/native/tiny_models.h"

namespace vmolmo::test {
namespace {

constexpr auto kCpu = Device::Kind::kCpu;
constexpr auto kCuda = Device::Kind::kCuda;

TEST_CASE("memory plan: fits what there is, and gives up what is worth least first") {
  const MolmoConfig config;
  const BatchSizes best = best_batch_sizes(kCuda, config.previous_frames);
  const PointerPlan whole = plan_pointer(config, best, kCuda, SIZE_MAX);
  check(whole.sizes == best, "unbounded memory narrows the work");
  const PointerPlan least = plan_pointer(config, best, kCuda, 0);
  check(least.sizes.sequences == 1 && least.sizes.frames == config.previous_frames + 1 &&
            least.bytes > 0,
        "the least plan is not that of one answer");
  BatchSizes before = best;
  for (size_t available = whole.bytes; available > least.bytes; available -= whole.bytes / 97) {
    const PointerPlan plan = plan_pointer(config, best, kCuda, available);
    check(plan.bytes <= available, plan.bytes, " bytes of ", available);
    const BatchSizes& sizes = plan.sizes;
    check(sizes.sequences <= before.sequences && sizes.frames <= before.frames &&
              sizes.vision_rows <= before.vision_rows && sizes.prefill_rows <= before.prefill_rows,
          "less memory, more work side by side");
    check(sizes.sequences == best.sequences || sizes.frames == config.previous_frames + 1,
          "answers were given up before frames");
    before = sizes;
  }
  check(before.sequences < best.sequences, "the answers side by side never changed");
}

TEST_CASE("memory plan: sequences are as long as the largest image") {
  MolmoConfig config;
  const PointerNeeds needs = pointer_needs(config, {}, kCpu);
  check(needs.positions > 1500 && needs.positions <= config.decoder.max_positions,
        "positions: ", needs.positions);
  config.preprocess.max_crops = 1;
  check(pointer_needs(config, {}, kCpu).positions < needs.positions / 2, "crops count for nothing");
  config.decoder.max_positions = 100;
  check(pointer_needs(config, {}, kCpu).positions == 100, "more positions than the model has");
}

TEST_CASE("memory plan: an image is counted as it is laid out") {
  Random random(7);
  for (int i = 0; i < 200; ++i) {
    MolmoConfig config;
    PreprocessConfig& pre = config.preprocess;
    config.vit.patch_size = random.integer(1, 5);
    pre.margin_before = random.integer(0, 3);
    pre.margin_after = random.integer(0, 3);
    const int64_t grid = pre.margin_before + pre.margin_after + random.integer(1, 9);
    config.vit.image_size = grid * config.vit.patch_size;
    pre.max_crops = random.integer(1, 20);
    pre.use_col_tokens = random.integer(0, 1) == 1;
    const ImageLayout layout = plan_image(config, random.integer(1, 400), random.integer(1, 400));
    const ImageSize size = image_size(config, {layout.rows, layout.columns});
    check(size.crops == layout.crops, size.crops, " crops of ", layout.crops);
    check(size.tokens == static_cast<int64_t>(layout.tokens.size()), size.tokens, " tokens of ",
          layout.tokens.size());
  }
}

TEST_CASE("memory plan: a grid that nobody could lay out is planned by arithmetic") {
  MolmoConfig config;
  config.vit.patch_size = 1;
  config.vit.image_size = 30000;
  config.preprocess.max_crops = 1024;
  check(pointer_needs(config, {}, kCpu).frame > size_t{1} << 40, "a frame of terabytes");
}

TEST_CASE("memory: a pointer's work takes what was planned, and memory stays flat") {
  for (const bool olmo : {false, true}) {
    const auto pointer = load(tiny_pointer({}, olmo));
    const auto before = static_cast<int64_t>(pointer->memory_use().peak);
    const MemoryUse first = ask_often(*pointer, 40), last = ask_often(*pointer, 120);
    const PointerInfo info = pointer->info();
    check(last.taken == first.taken && last.allocations == first.allocations, "memory grew from ",
          first.taken, " to ", last.taken, " bytes");
    check(static_cast<int64_t>(last.peak) - before <= info.work_bytes, "the work took ",
          static_cast<int64_t>(last.peak) - before, " bytes, planned were ", info.work_bytes);
  }
}

TEST_CASE("memory: a budget narrows the work and changes no answer") {
  TinyPointer options = tiny_pointer({}, false);
  const auto whole = load(options);
  const PointerInfo info = whole->info();
  const auto expected = ask_all(*whole);
  options.memory_limit = static_cast<size_t>(info.weight_bytes + info.work_bytes);
  check(load(options)->info().sequences == info.sequences, "exactly enough is too little");
  PointerPlan least =
      plan_pointer(options.config, best_batch_sizes(kCpu, options.config.previous_frames), kCpu, 0);
  options.memory_limit = static_cast<size_t>(info.weight_bytes) + least.bytes;
  const auto narrow = load(options);
  check(narrow->info().sequences == 1, "sequences: ", narrow->info().sequences);
  check(ask_all(*narrow) == expected, "answers differ");
  --options.memory_limit;
  check_throws(Code::kOutOfMemory, [&] { load(options); });
}

TEST_CASE("memory: a segmenter's work takes what was planned, and memory stays flat") {
  const auto model = load(tiny_segmenter({}));
  const auto before = static_cast<int64_t>(model->memory_use().peak);
  const MemoryUse first = follow_often(*model, 30), last = follow_often(*model, 60);
  check(last.taken == first.taken && last.allocations == first.allocations, "memory grew from ",
        first.taken, " to ", last.taken, " bytes");
  const int64_t work = model->info().work_bytes;
  check(static_cast<int64_t>(last.peak) - before <= work, "the work took ",
        static_cast<int64_t>(last.peak) - before, " bytes, planned were ", work);
}

TEST_CASE("memory plan: fewer objects where there is less memory, and an error below one") {
  const sam2::MemoryNeeds needs = sam2::memory_needs({}, kCuda);
  check(sam2::planned_objects(needs, SIZE_MAX) > 1, "one object alone");
  for (int64_t objects = 1; objects <= 3; ++objects) {
    check(sam2::planned_objects(needs, needs.bytes(objects)) == objects, objects, " objects");
    check(
        sam2::planned_objects(needs, needs.bytes(objects) - 1) == std::max<int64_t>(1, objects - 1),
        "one byte less than ", objects, " objects need");
  }
  TinySegmenter options = tiny_segmenter({});
  const int64_t weights = load(options)->info().weight_bytes;
  options.memory_limit =
      static_cast<size_t>(weights) + sam2::memory_needs(options.config, kCpu).bytes(1);
  check(load(options)->info().objects == 1, "enough for one object");
  --options.memory_limit;
  check_throws(Code::kOutOfMemory, [&] { load(options); });
}

}  // namespace
}  // namespace vmolmo::test
