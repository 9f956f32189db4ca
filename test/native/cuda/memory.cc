// Models in a steady state: all memory is there from loading on.

#include "native/sam2/memory_needs.h"
#include "test/native/cuda/support.h"
#include "test/native/tiny_models.h"

namespace vmolmo::test {
namespace {

constexpr Device kGpu{Device::Kind::kCuda, 0};

// That nothing but the work itself changed between two looks at a model's memory, of which the
// first is right behind loading.
template <typename Info>
void check_flat(const Info& loaded, const MemoryUse& later) {
  const MemoryUse& first = loaded.memory;
  check(later.allocations == first.allocations && later.taken == first.taken,
        "the driver was asked for memory ", later.allocations - first.allocations, " times; ",
        first.taken, " bytes became ", later.taken);
  check(later.pinned == first.pinned, "pinned memory grew");
  const size_t work = later.peak - (first.taken - first.idle);
  check(static_cast<int64_t>(work) <= loaded.work_bytes, "the work took ", work,
        " bytes, planned were ", loaded.work_bytes);
}

TEST_CASE("cuda memory: a pointer takes nothing from the driver behind loading") {
  for (const WeightDType dtype : {WeightDType::kF32, WeightDType::kInt4}) {
    PointerLoadOptions options = tiny_pointer(kGpu, false);
    options.dtype = dtype;
    const auto pointer = Pointer::load(options);
    const PointerInfo loaded = pointer->info();
    const auto before = counted();
    check_flat(loaded, ask_often(*pointer, 12));
    const MemoryUse middle = pointer->info().memory;
    ask_often(*pointer, 24);
    const MemoryUse last = pointer->info().memory;
    check_flat(loaded, last);
    check(last.idle == middle.idle, "tensors were left behind");
    check(counted().allocations == before.allocations &&
              counted().pinned_allocations == before.pinned_allocations,
          "the driver was asked for memory");
  }
}

TEST_CASE("cuda memory: a segmenter takes nothing from the driver behind loading") {
  const auto model = Segmenter::load(tiny_segmenter(kGpu));
  const SegmenterInfo loaded = model->info();
  const auto before = counted();
  check_flat(loaded, follow_often(*model, 5));
  check_flat(loaded, follow_often(*model, 7));
  check(counted().allocations == before.allocations, "the driver was asked for memory");
}

TEST_CASE("cuda memory: a budget that is too small is refused at load, by name") {
  PointerLoadOptions options = tiny_pointer(kGpu, false);
  const PointerInfo info = Pointer::load(options)->info();
  options.memory_limit = static_cast<size_t>(info.weight_bytes) + (size_t{1} << 20);
  try {
    Pointer::load(options);
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
