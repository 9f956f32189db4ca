// Models in a steady state: all memory is there from loading on.

#include "native/sam2/memory_needs.h"
#include "test/native/cuda/support.h"
#include "test/native/tiny_models.h"

namespace vmolmo::test {
namespace {

constexpr Device kGpu{Device::Kind::kCuda, 0};

// That nothing but the work itself changed between two looks at a model's memory, of which the
// first is right behind loading. `planned`: bytes of the work.
void check_flat(const MemoryUse& first, const MemoryUse& later, int64_t planned) {
  check(later.allocations == first.allocations && later.taken == first.taken,
        "the driver was asked for memory ", later.allocations - first.allocations, " times; ",
        first.taken, " bytes became ", later.taken);
  check(later.pinned == first.pinned, "pinned memory grew");
  const size_t work = later.peak - (first.taken - first.idle);
  check(static_cast<int64_t>(work) <= planned, "the work took ", work, " bytes, planned were ",
        planned);
}

TEST_CASE("cuda memory: a pointer takes nothing from the driver behind loading") {
  for (const WeightDType dtype : {WeightDType::kF32, WeightDType::kInt4}) {
    TinyPointer options = tiny_pointer(kGpu, false);
    options.dtype = dtype;
    const auto pointer = load(options);
    const int64_t planned = pointer->info().work_bytes;
    const MemoryUse loaded = pointer->memory_use();
    const auto before = counted();
    check_flat(loaded, ask_often(*pointer, 12), planned);
    const MemoryUse middle = pointer->memory_use();
    ask_often(*pointer, 24);
    const MemoryUse last = pointer->memory_use();
    check_flat(loaded, last, planned);
    check(last.idle == middle.idle, "tensors were left behind");
    check(counted().allocations == before.allocations &&
              counted().pinned_allocations == before.pinned_allocations,
          "the driver was asked for memory");
  }
}

TEST_CASE("cuda memory: a segmenter takes nothing from the driver behind loading") {
  const auto model = load(tiny_segmenter(kGpu));
  const int64_t planned = model->info().work_bytes;
  const MemoryUse loaded = model->memory_use();
  const auto before = counted();
  check_flat(loaded, follow_often(*model, 5), planned);
  check_flat(loaded, follow_often(*model, 7), planned);
  check(counted().allocations == before.allocations, "the driver was asked for memory");
}

TEST_CASE("cuda memory: a budget that is too small is refused at load, by name") {
  TinyPointer options = tiny_pointer(kGpu, false);
  const PointerInfo info = load(options)->info();
  options.memory_limit = static_cast<size_t>(info.weight_bytes) + (size_t{1} << 20);
  try {
    load(options);
  } catch (const Error& error) {
    const std::string message = error.what();
    check(error.code() == Code::kOutOfMemory && message.find("needs") != std::string::npos &&
              message.find("memory budget is") != std::string::npos,
          "the message does not name both: ", message);
    return;
  }
  check(false, "the budget was accepted");
}

}  // namespace
}  // namespace vmolmo::test
