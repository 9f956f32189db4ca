#include <algorithm>
#include <unordered_set>

#include "native/base/thread_pool.h"
#include "native/tensor/bf16.h"
#include "native/weights/finite.h"
#include "native/weights/quantize.h"
#include "native/weights/weight_source.h"

namespace vmolmo {

namespace {

// On the calling thread alone when there are no others.
Tensor to_bf16(const Tensor& tensor, ThreadPool* threads) {
  constexpr int64_t kGrain = 1 << 16;
  Tensor narrow = Tensor::empty(cpu_heap(), tensor.shape(), DType::kBF16);
  const float* from = tensor.data<float>();
  BFloat16* to = narrow.data<BFloat16>();
  const auto round = [&](int64_t begin, int64_t end) {
    round_to_bf16(from + begin, to + begin, end - begin);
  };
  if (threads)
    threads->parallel_for(tensor.numel(), kGrain, round);
  else
    round(0, tensor.numel());
  return narrow;
}

constexpr int64_t kFreelyChecked = int64_t{1} << 30;

bool is_floating(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16;
}

}  // namespace

LayerFormats layer_formats(WeightDType dtype, int64_t int4_group) {
  using Format = Weight::Format;
  switch (dtype) {
    case WeightDType::kInt8:
      return {Format::kPlain, Format::kInt8, Format::kInt8, int4_group};
    case WeightDType::kInt4:
      require(int4_group == 64 || int4_group == 128, Code::kInvalidArgument,
              "The groups of int4 must have 64 or 128 weights; got ", int4_group, ".");
      return {Format::kPlain, Format::kInt4, Format::kInt8, int4_group};
    case WeightDType::kFp4:
      return {Format::kFp4, Format::kFp4, Format::kPlain, int4_group};
    default:
      return {};
  }
}

WeightLoader::WeightLoader(std::shared_ptr<WeightSource> source,
                           std::function<std::string(const std::string&)> rename)
    : source_(std::move(source)), rename_(std::move(rename)) {}

bool WeightLoader::has(const std::string& name) const {
  return source_->has(rename_ ? rename_(name) : name);
}

Tensor WeightLoader::take(const std::string& name, const Shape& shape) {
  if (cancel_) cancel_->check();
  const std::string stored = rename_ ? rename_(name) : name;
  Tensor tensor = source_->get(stored, shape);
  require(is_floating(tensor.dtype()), Code::kCheckpointInvalid, "The tensor ", stored,
          " must be F32, BF16 or F16, but is ", tensor.dtype(), ".");
  taken_.push_back(stored);
  parameters_ += tensor.numel();
  return tensor;
}

void WeightLoader::check_finite(const Tensor& tensor) const {
  if (all_finite(tensor, threads_)) return;
  fail(Code::kCheckpointInvalid, "The tensor ", taken_.back(),
       " holds NaN or infinity: a model with it computes no numbers; the checkpoint is damaged.");
}

Tensor WeightLoader::matrix(const std::string& name, Shape shape) {
  Tensor tensor = take(name, shape);
  const DType stored = tensor.dtype();
  // The ops read f32 and bf16 alone.
  if (tensor.dtype() == DType::kF16 || (widen_ && tensor.dtype() != DType::kF32)) {
    tensor = tensor.to_f32(cpu_heap());
  }
  const bool narrow = narrow_ || narrow_matrices_;
  if (narrow && tensor.dtype() == DType::kF32) tensor = to_bf16(tensor, threads_);
  // A matrix that is converted or sent to a GPU passes by anyway. Mapped ones would be read for
  // this alone: that costs little up to kFreelyChecked bytes, which all segmenters keep to.
  const bool passes_by = tensor.dtype() != stored || memory_ != nullptr;
  if (!passes_by) freely_checked_ += static_cast<int64_t>(tensor.bytes());
  if (passes_by || freely_checked_ <= kFreelyChecked) check_finite(tensor);
  bytes_ += static_cast<int64_t>(tensor.bytes());
  return place(tensor);
}

Weight WeightLoader::linear(const std::string& name, Shape shape, Weight::Format format) {
  if (format == Weight::Format::kPlain) return matrix(name, shape);
  const Tensor stored = take(name, shape);
  check_finite(stored);
  Weight weight = format == Weight::Format::kInt8 ? quantize_int8(stored, *threads_)
                  : format == Weight::Format::kInt4
                      ? quantize_int4(stored, formats_.int4_group, *threads_)
                      : quantize_fp4(stored, *threads_);
  bytes_ += static_cast<int64_t>(weight.bytes());
  return place(std::move(weight));
}

void WeightLoader::set_formats(const LayerFormats& formats, ThreadPool& threads) {
  formats_ = formats;
  threads_ = &threads;
}

Tensor WeightLoader::place(const Tensor& tensor) const {
  return memory_ && tensor && tensor.device() != memory_->device() ? tensor.clone(*memory_)
                                                                   : tensor;
}

Tensor WeightLoader::place_matrix(const Tensor& matrix) const {
  return place(narrow_matrices_ ? to_bf16(matrix, threads_) : matrix);
}

Weight WeightLoader::place(Weight weight) const {
  weight.data = place(weight.data);
  weight.scales = place(weight.scales);
  return weight;
}

Tensor WeightLoader::f32(const std::string& name, Shape shape) {
  return place(host_f32(name, shape));
}

Tensor WeightLoader::host_f32(const std::string& name, Shape shape) {
  Tensor tensor = take(name, shape);
  if (narrow_ && tensor.dtype() == DType::kF32) tensor = to_bf16(tensor, threads_);
  if (tensor.dtype() != DType::kF32) tensor = tensor.to_f32(cpu_heap());
  check_finite(tensor);
  bytes_ += static_cast<int64_t>(tensor.bytes());
  return tensor;
}

void WeightLoader::drop(const std::string& name) {
  taken_.push_back(rename_ ? rename_(name) : name);
}

void WeightLoader::finish() const {
  const std::unordered_set<std::string> taken(taken_.begin(), taken_.end());
  std::vector<const TensorInfo*> left;
  const std::vector<TensorInfo> all = source_->list();
  for (const TensorInfo& info : all) {
    if (!taken.contains(info.name)) left.push_back(&info);
  }
  if (left.empty()) return;
  fail(Code::kCheckpointInvalid, left.front()->file, ": the tensor ", left.front()->name,
       " of shape ", left.front()->shape, " belongs to no part of the model",
       left.size() > 1 ? concat(" (and ", left.size() - 1, " more)") : std::string(),
       "; the checkpoint and its configuration do not fit together.");
}

}  // namespace vmolmo
