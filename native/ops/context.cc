#include "native/ops/context.h"

#include <chrono>
#include <cstring>

#include "native/kernels/cuda/cublaslt_gemm.h"
#include "native/ops/on_cuda.h"

namespace vmolmo {
namespace {

double now_ms() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double, std::milli>(Clock::now().time_since_epoch()).count();
}

}  // namespace

Context::Context(int threads) : threads_(threads), memory_(make_cpu_pool()) {}

Context::Context(Device device, int threads, size_t memory_limit)
    : threads_(threads), device_(device), preferences_(device_preferences(device.kind)) {
  if (device.kind == Device::Kind::kCpu) {
    memory_ = make_cpu_pool();
    return;
  }
  if constexpr (kBuiltWithCuda) {
    pool_ = cuda::make_pool(device.index, memory_limit);
    memory_ = pool_;
  } else {
    (void)memory_limit;
    fail(Code::kDeviceUnavailable, "device: ", to_string(device),
         " was asked for, but this build has no CUDA support: no CUDA compiler was found when it "
         "was made.");
  }
}

cuda::CublasLtGemm* Context::library() {
  if (!library_sought_) library_ = cuda::CublasLtGemm::make(cublaslt::library());
  library_sought_ = true;
  return library_.get();
}

void Context::activate() {
  if constexpr (kBuiltWithCuda) {
    if (pool_) pool_->activate();
  }
}

void Context::reserve(size_t bytes) {
  if constexpr (kBuiltWithCuda) {
    if (pool_) pool_->reserve(bytes);
  }
  (void)bytes;
}

MemoryUse Context::finish() {
  if constexpr (kBuiltWithCuda) {
    if (pool_) {
      activate();
      pool_->synchronize();
    }
  }
  return memory_->use();
}

Tensor Context::to_device(const Tensor& tensor) {
  return !tensor || tensor.device() == device_ ? tensor : tensor.clone(*memory_);
}

Tensor Context::to_host(const Tensor& tensor) {
  return !tensor || tensor.device().kind == Device::Kind::kCpu ? tensor : tensor.clone(cpu_heap());
}

void Context::write(const Tensor& to, const Tensor& from) {
  require(to.bytes() == from.bytes() && to.is_contiguous() && from.is_contiguous() &&
              to.device() == device_ && from.device().kind == Device::Kind::kCpu,
          Code::kInternal, "Context: ", from.dtype(), " ", from.shape(), " on ",
          to_string(from.device()), " cannot be written to ", to.dtype(), " ", to.shape(), " on ",
          to_string(to.device()), ".");
  if constexpr (kBuiltWithCuda) {
    if (pool_) return pool_->upload(to.raw(), from.raw(), to.bytes());
  }
  std::memcpy(to.raw(), from.raw(), to.bytes());
}

Tensor Context::keep(const Tensor& tensor) { return tensor.clone(lasting_memory()); }

Tensor Context::table(const std::string& key, const std::function<Tensor()>& make) {
  constexpr size_t kMaxTables = 256;
  const auto found = tables_.find(key);
  if (found != tables_.end()) return found->second;
  if (tables_.size() == kMaxTables) {
    tables_.clear();
    ++table_generation_;
  }
  return tables_[key] = to_device(make());
}

StageTimer::StageTimer(Context& context, std::string stage)
    : context_(context), stage_(std::move(stage)), started_ms_(now_ms()) {}

StageTimer::~StageTimer() { context_.times()[stage_] += now_ms() - started_ms_; }

}  // namespace vmolmo
