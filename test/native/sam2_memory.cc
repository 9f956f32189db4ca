#include <algorithm>

#include "native/sam2/memory_bank.h"
#include "native/sam2/video_predictor.h"
#include "test/native/harness.h"

namespace vmolmo::sam2 {
namespace {

using test::check;

FrameOutputPtr output_with_memory() {
  auto output = std::make_shared<FrameOutput>();
  output->memory = Tensor::empty(cpu_heap(), {1, 4}, DType::kBF16);
  return output;
}

MemoryBank make_bank(std::initializer_list<int64_t> conditioning,
                     std::initializer_list<int64_t> tracked) {
  MemoryBank bank;
  for (const int64_t frame : conditioning) bank.conditioning.set(frame, output_with_memory());
  for (const int64_t frame : tracked) bank.tracked[frame] = output_with_memory();
  return bank;
}

// The frame that an output of the bank belongs to.
int64_t frame_of(const MemoryBank& bank, const FrameOutput* output) {
  for (const auto& [frame, entry] : bank.conditioning.entries())
    if (entry.get() == output) return frame;
  for (const auto& [frame, entry] : bank.tracked)
    if (entry.get() == output) return frame;
  return -1;
}

using Pairs = std::vector<std::pair<int64_t, int64_t>>;

Pairs memories_of(const MemoryBank& bank, const MemorySelection& selection) {
  Pairs pairs;
  for (const auto& entry : selection.memories)
    pairs.emplace_back(frame_of(bank, entry.output), entry.temporal_index);
  return pairs;
}

Pairs pointers_of(const MemoryBank& bank, const MemorySelection& selection) {
  Pairs pairs;
  for (const auto& entry : selection.pointers)
    pairs.emplace_back(frame_of(bank, entry.output), entry.distance);
  return pairs;
}

std::string text(const Pairs& pairs) {
  std::string out;
  for (const auto& [a, b] : pairs) out += concat("(", a, ", ", b, ") ");
  return out;
}

void expect(const Pairs& got, const Pairs& wanted, const char* what) {
  check(got == wanted, what, ": expected ", text(wanted), "got ", text(got));
}

TEST_CASE("memory bank: conditioning frames first, then the six frames before, oldest first") {
  const MemoryBank bank = make_bank({0}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  const MemorySelection selection = select_memory(bank, 10, false, {});
  expect(memories_of(bank, selection), {{0, 6}, {4, 5}, {5, 4}, {6, 3}, {7, 2}, {8, 1}, {9, 0}},
         "memories");
  expect(pointers_of(bank, selection),
         {{0, 10}, {9, 1}, {8, 2}, {7, 3}, {6, 4}, {5, 5}, {4, 6}, {3, 7}, {2, 8}, {1, 9}},
         "pointers");
}

TEST_CASE("memory bank: in reverse the frames after count, and future prompts give no pointer") {
  const MemoryBank bank = make_bank({2, 9}, {6, 7});
  const MemorySelection selection = select_memory(bank, 5, true, {});
  expect(memories_of(bank, selection), {{2, 6}, {9, 6}, {7, 1}, {6, 0}}, "memories");
  expect(pointers_of(bank, selection), {{9, 4}, {6, 1}, {7, 2}}, "pointers");
}

TEST_CASE("memory bank: an object may be tracked before its only prompt, without pointers") {
  const MemoryBank bank = make_bank({5}, {});
  const MemorySelection selection = select_memory(bank, 0, false, {});
  expect(memories_of(bank, selection), {{5, 6}}, "memories");
  check(selection.pointers.empty(), "a prompt in the future gave a pointer");
}

TEST_CASE("memory bank: a limit keeps the nearest on both sides, then the nearest of the rest") {
  const MemoryBank bank = make_bank({0, 10, 4, 30, 8}, {});
  BankLimits limits;
  limits.max_conditioning = 3;
  const MemorySelection selection = select_memory(bank, 9, false, limits);
  // 8 before, 10 after, 4 is the next nearest; 0 is left out and, within the window of tracked
  // frames, would stand in for a tracked output.
  expect(memories_of(bank, selection), {{8, 6}, {10, 6}, {4, 6}}, "memories");
  expect(pointers_of(bank, selection), {{8, 1}, {4, 5}, {0, 9}}, "pointers");
}

TEST_CASE("memory bank: a conditioning frame beyond the limit stands in for a tracked one") {
  const MemoryBank bank = make_bank({7, 8, 20}, {9});
  BankLimits limits;
  limits.max_conditioning = 2;
  const MemorySelection selection = select_memory(bank, 10, false, limits);
  expect(memories_of(bank, selection), {{8, 6}, {20, 6}, {7, 2}, {9, 0}}, "memories");
}

TEST_CASE("memory bank: a stride looks at multiples of it, and always at the last frame") {
  const MemoryBank bank = make_bank({0}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  BankLimits limits;
  limits.stride = 3;
  const MemorySelection forward = select_memory(bank, 11, false, limits);
  expect(memories_of(bank, forward), {{0, 6}, {3, 3}, {6, 2}, {9, 1}, {10, 0}}, "memories");
  const MemoryBank ahead = make_bank({20}, {11, 12, 13, 14, 15, 16});
  const MemorySelection reverse = select_memory(ahead, 10, true, limits);
  expect(memories_of(ahead, reverse), {{20, 6}, {15, 2}, {12, 1}, {11, 0}}, "reverse");
}

TEST_CASE("memory bank: nothing beyond its reach is looked at") {
  test::Random random(5);
  for (int round = 0; round < 200; ++round) {
    BankLimits limits;
    limits.stride = random.integer(1, 5);
    limits.pointer_frames = random.integer(2, 16);
    MemoryBank bank = make_bank({500}, {});
    for (int64_t frame = 300; frame < 700; ++frame) bank.tracked[frame] = output_with_memory();
    const int64_t frame = random.integer(450, 550);
    const MemorySelection selection = select_memory(bank, frame, random.integer(0, 1) == 1, limits);
    for (const auto& pairs : {memories_of(bank, selection), pointers_of(bank, selection)})
      for (const auto& [at, second] : pairs)
        check(at == 500 || std::abs(at - frame) <= limits.reach(), "frame ", frame, " looks at ",
              at, " with stride ", limits.stride);
  }
}

TEST_CASE("output table: frames keep the place where they first came") {
  OutputTable table;
  for (const int64_t frame : {5, 2, 9, 2}) table.set(frame, output_with_memory());
  std::vector<int64_t> order;
  for (const auto& [frame, output] : table.entries()) order.push_back(frame);
  check(order == std::vector<int64_t>{5, 2, 9}, "wrong order");
  check(table.take(2) != nullptr && table.take(2) == nullptr && !table.contains(2), "taking twice");
}

TEST_CASE("sam2 trunk plan: Hiera-tiny's windows, widths and pools") {
  const std::vector<BlockPlan> plan = plan_blocks(Sam2Config{});
  check(plan.size() == 12, "blocks: ", plan.size());
  const std::vector<int64_t> windows{8, 8, 4, 4, 14, 0, 14, 0, 14, 0, 14, 7};
  for (size_t i = 0; i < plan.size(); ++i) {
    check(plan[i].window == windows[i], "window of block ", i, ": ", plan[i].window);
    check(plan[i].pool == (i == 1 || i == 3 || i == 10), "pool of block ", i);
    check(plan[i].stage_end == (i == 0 || i == 2 || i == 9 || i == 11), "end at block ", i);
  }
  check(plan[3].dim == 192 && plan[3].dim_out == 384 && plan[3].heads == 4, "block 3");
}

TEST_CASE("sam2 configuration: numbers that do not fit are refused") {
  const auto refused = [](auto change) {
    Sam2Config config;
    change(config);
    try {
      validate(config);
    } catch (const Error& error) {
      return error.code() == Code::kUnsupportedModel;
    }
    return false;
  };
  validate(Sam2Config{});
  check(refused([](Sam2Config& c) { c.image_size = 1000; }), "image size");
  check(refused([](Sam2Config& c) { c.trunk.widths.pop_back(); }), "stage widths");
  check(refused([](Sam2Config& c) { c.trunk.heads_per_stage[1] = 7; }), "heads");
  check(refused([](Sam2Config& c) { c.memory_encoder.channels = 60; }), "memory channels");
  check(refused([](Sam2Config& c) { c.decoder.heads = 5; }), "decoder heads");
  check(refused([](Sam2Config& c) { c.version = "3"; }), "version");
}

TEST_CASE("non-overlap: the largest logit keeps the pixel, ties go to the first object") {
  Context context(1);
  Tensor logits = Tensor::from(std::vector<float>{3, 1, -4, 2, 5, 1, -2, 2}, {2, 1, 4});
  apply_non_overlap(context, logits);
  // Pixel 0: 3 against 5; pixel 1: a tie; pixel 2: -4 against -2; pixel 3: a tie.
  const std::vector<float> expected{-10, 1, -10, 2, 5, -10, -2, -10};
  check(logits.to_vector() == expected, "wrong values");
}

}  // namespace
}  // namespace vmolmo::sam2
