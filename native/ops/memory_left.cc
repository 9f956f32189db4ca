#include "native/ops/memory_left.h"

#include <algorithm>

#include "native/ops/on_cuda.h"

namespace vmolmo {
namespace {

double mebibytes(size_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

}  // namespace

MemoryLeft::MemoryLeft(Context& context, size_t limit_bytes, int64_t weight_bytes)
    : weights(weight_bytes), limit(limit_bytes) {
  if constexpr (kBuiltWithCuda) {
    if (context.on_cuda()) {
      available = context.pool().available();
      return;
    }
  }
  available = limit == 0 ? SIZE_MAX : limit - std::min(limit, static_cast<size_t>(weights));
}

void MemoryLeft::require_for(const char* model, size_t work_bytes) const {
  const size_t held = static_cast<size_t>(weights);
  require(work_bytes <= available, Code::kOutOfMemory, "The ", model, " needs ",
          mebibytes(held + work_bytes), " MiB: ", mebibytes(held), " for its weights and at least ",
          mebibytes(work_bytes), " for its work. ",
          limit > 0 ? "The memory budget is " : "There are ",
          mebibytes(limit > 0 ? limit : held + available), " MiB.");
}

}  // namespace vmolmo
