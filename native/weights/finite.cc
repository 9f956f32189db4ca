#include "native/weights/finite.h"

#include <atomic>

#include "native/base/thread_pool.h"

namespace vmolmo {

namespace {

// NaN and infinity are the numbers whose exponent is all ones. Without a branch, so that the loop
// is vectorised.
template <typename Word>
bool all_finite(const Word* words, int64_t count, Word exponent) {
  Word found = 0;
  for (int64_t i = 0; i < count; ++i) found |= static_cast<Word>((words[i] & exponent) == exponent);
  return found == 0;
}

bool all_finite(const std::byte* data, DType dtype, int64_t begin, int64_t end) {
  if (dtype == DType::kF32)
    return all_finite(reinterpret_cast<const uint32_t*>(data) + begin, end - begin, 0x7F800000u);
  const auto* words = reinterpret_cast<const uint16_t*>(data) + begin;
  const uint16_t exponent = dtype == DType::kBF16 ? 0x7F80u : 0x7C00u;
  return all_finite(words, end - begin, exponent);
}

}  // namespace

NonFinite::NonFinite(const std::string& what)
    : Error(Code::kCheckpointInvalid,
            concat("The model computes no numbers: ", what, " are NaN or infinite.")) {}

bool all_finite(const Tensor& tensor, ThreadPool* threads) {
  constexpr int64_t kGrain = 1 << 18;
  const DType dtype = tensor.dtype();
  if (dtype != DType::kF32 && dtype != DType::kBF16 && dtype != DType::kF16) return true;
  if (!threads) return all_finite(tensor.raw(), dtype, 0, tensor.numel());
  std::atomic<bool> finite{true};
  threads->parallel_for(tensor.numel(), kGrain, [&](int64_t begin, int64_t end) {
    if (!all_finite(tensor.raw(), dtype, begin, end)) finite = false;
  });
  return finite;
}

void require_finite(const Tensor& results, const char* what) {
  if (!all_finite(results)) throw NonFinite(what);
}

std::string explain_non_finite(WeightSource& weights) {
  for (const TensorInfo& info : weights.list()) {
    if (all_finite(weights.get(info.name, info.shape))) continue;
    return concat("The first of its tensors with such a value is ", info.name, " in ", info.file,
                  "; the checkpoint is damaged.");
  }
  return "All of its weights are finite: they are too large for what is computed with them, or "
         "belong to another configuration.";
}

}  // namespace vmolmo
