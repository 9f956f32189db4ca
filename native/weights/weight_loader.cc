#include <algorithm>
#include <unordered_set>

#include "native/base/thread_pool.h"
#include "native/tensor/bf16.h"
#include "native/weights/finite.h"
#include "native/weights/quantize.h"
#include "native/weights/weight_source.h"

namespace vmolmo {

namespace {

constexpr int64_t kFreelyChecked = int64_t{1} << 30;

bool is_floating(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16;
}

}  // namespace

WeightLoader::WeightLoader(std::shared_ptr<WeightSource> source, TensorRules rules,
                           const WeightPolicy& policy, ThreadPool& threads)
    : source_(rules.view ? rules.view(std::move(source)) : std::move(source)),
      rules_(std::move(rules)),
      policy_(policy),
      threads_(threads) {}

std::string WeightLoader::stored_name(const std::string& name) const {
  return rules_.rename ? rules_.rename(name) : name;
}

bool WeightLoader::has(const std::string& name) const { return source_->has(stored_name(name)); }

WeightLoader::Taken WeightLoader::take(const std::string& name, const Shape& shape) {
  if (cancel_) cancel_->check();
  const std::string stored = stored_name(name);
  Tensor tensor = source_->get(stored, shape);
  require(is_floating(tensor.dtype()), Code::kCheckpointInvalid, "The tensor ", stored,
          " must be F32, BF16 or F16, but is ", tensor.dtype(), ".");
  taken_.push_back(stored);
  const LayerKind kind = rules_.kind(stored, shape);
  parameters_ += tensor.numel();
  bytes_ += policy_.bytes(kind, tensor.dtype(), shape);
  return {tensor, kind};
}

Tensor WeightLoader::to_bf16(const Tensor& tensor) const {
  constexpr int64_t kGrain = 1 << 16;
  Tensor narrow = Tensor::empty(cpu_heap(), tensor.shape(), DType::kBF16);
  const float* from = tensor.data<float>();
  BFloat16* to = narrow.data<BFloat16>();
  threads_.parallel_for(tensor.numel(), kGrain, [&](int64_t begin, int64_t end) {
    round_to_bf16(from + begin, to + begin, end - begin);
  });
  return narrow;
}

void WeightLoader::check_finite(const Tensor& tensor) const {
  if (all_finite(tensor, &threads_)) return;
  fail(Code::kCheckpointInvalid, "The tensor ", taken_.back(),
       " holds NaN or infinity: a model with it computes no numbers; the checkpoint is damaged.");
}

Tensor WeightLoader::matrix(const std::string& name, Shape shape) {
  Weight weight = linear(name, shape);
  require(weight.format == Weight::Format::kPlain, Code::kInternal, "The matrix ", name,
          " is one that is quantised.");
  return weight.data;
}

Weight WeightLoader::linear(const std::string& name, Shape shape) {
  auto [tensor, kind] = take(name, shape);
  require(kind != LayerKind::kTable && kind != LayerKind::kUnused, Code::kInternal, "The tensor ",
          name, " is no matrix to its family.");
  const Held held = policy_.held(kind, tensor.dtype());
  if (held.format != Weight::Format::kPlain) check_finite(tensor);
  switch (held.format) {
    case Weight::Format::kInt8:
      return place(quantize_int8(tensor, threads_));
    case Weight::Format::kInt4:
      return place(quantize_int4(tensor, policy_.int4_group(), threads_));
    case Weight::Format::kFp4:
      return place(quantize_fp4(tensor, threads_));
    case Weight::Format::kPlain:
      break;
  }
  const bool converted = tensor.dtype() != held.dtype;
  if (converted && tensor.dtype() != DType::kF32) tensor = tensor.to_f32(cpu_heap());
  if (tensor.dtype() != held.dtype) tensor = to_bf16(tensor);
  // A matrix that is converted or sent to a GPU passes by anyway. Mapped ones would be read for
  // this alone: that costs little up to kFreelyChecked bytes, which all segmenters keep to.
  const bool passes_by = converted || memory_ != nullptr;
  if (!passes_by) freely_checked_ += static_cast<int64_t>(tensor.bytes());
  if (passes_by || freely_checked_ <= kFreelyChecked) check_finite(tensor);
  return place(tensor);
}

Tensor WeightLoader::place(const Tensor& tensor) const {
  return memory_ && tensor && tensor.device() != memory_->device() ? tensor.clone(*memory_)
                                                                   : tensor;
}

Tensor WeightLoader::place_matrix(const Tensor& matrix) const {
  return place(policy_.computed_matrix() == DType::kBF16 ? to_bf16(matrix) : matrix);
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
  auto [tensor, kind] = take(name, shape);
  require(kind == LayerKind::kTable, Code::kInternal, "The tensor ", name,
          " is no table to its family.");
  if (policy_.rounds_tables() && tensor.dtype() == DType::kF32) tensor = to_bf16(tensor);
  if (tensor.dtype() != DType::kF32) tensor = tensor.to_f32(cpu_heap());
  check_finite(tensor);
  return tensor;
}

void WeightLoader::drop(const std::string& name) { taken_.push_back(stored_name(name)); }

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

namespace {

// A checkpoint of which only the header is known.
class Listing : public WeightSource {
 public:
  explicit Listing(std::span<const TensorInfo> tensors) : tensors_(tensors) {}

  bool has(const std::string& name) const override {
    return std::ranges::find(tensors_, name, &TensorInfo::name) != tensors_.end();
  }
  std::vector<TensorInfo> list() const override { return {tensors_.begin(), tensors_.end()}; }
  Tensor get(const std::string& name, const Shape&) override {
    fail(Code::kInternal, "The tensor ", name, " is listed, not there.");
  }

 private:
  std::span<const TensorInfo> tensors_;
};

}  // namespace

int64_t weight_bytes(std::span<const TensorInfo> tensors, const TensorRules& rules,
                     const WeightPolicy& policy) {
  std::shared_ptr<WeightSource> source = std::make_shared<Listing>(tensors);
  if (rules.view) source = rules.view(std::move(source));
  int64_t bytes = 0;
  for (const TensorInfo& info : source->list())
    bytes += policy.bytes(rules.kind(info.name, info.shape), info.dtype, info.shape);
  return bytes;
}

}  // namespace vmolmo
