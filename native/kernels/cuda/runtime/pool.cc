#include "native/kernels/cuda/pool.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "native/base/cuda_device.h"
#include "native/kernels/cuda/check.h"

namespace vmolmo {
CudaStatus probe_cuda();  // device.cc
}

namespace vmolmo::cuda {
namespace {

// The oldest architecture that the kernels are compiled for.
constexpr int kOldestMajor = 8;

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

// Few distinct sizes: multiples of 512 up to 4 KiB, then eight steps per power of two.
size_t size_class(size_t bytes) {
  bytes = std::max<size_t>(bytes, 1);
  if (bytes <= 4096) return round_up(bytes, 512);
  size_t power = 4096;
  while (power * 2 < bytes) power *= 2;
  return round_up(bytes, power / 8);
}

bool direct_memory() {
  const char* value = std::getenv("VIDEOMOLMO_CUDA_MEMORY");
  return value && std::string_view(value) == "direct";
}

double mebibytes(size_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

// The calling thread's current device, put back at the end.
class CurrentDevice {
 public:
  explicit CurrentDevice(int wanted) : wanted_(wanted) {
    if (cudaGetDevice(&before_) != cudaSuccess) before_ = wanted;
    if (before_ != wanted) cudaSetDevice(wanted);
  }
  ~CurrentDevice() {
    if (before_ != wanted_) cudaSetDevice(before_);
  }
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;

 private:
  int wanted_;
  int before_ = 0;
};

using Blocks = std::multimap<size_t, void*>;

class CudaPool : public Pool, public std::enable_shared_from_this<CudaPool> {
 public:
  CudaPool(int index, size_t limit) : index_(index), limit_(limit), direct_(direct_memory()) {
    check(cudaSetDevice(index), "use the device");
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "make a stream");
    check(cudaDeviceGetAttribute(&multiprocessors_, cudaDevAttrMultiProcessorCount, index),
          "read the number of multiprocessors");
  }

  ~CudaPool() override {
    const CurrentDevice current(index_);
    cudaStreamSynchronize(stream_);
    for (auto& [size, block] : free_) cudaFree(block);
    cudaStreamDestroy(stream_);
  }

  Device device() const override { return {Device::Kind::kCuda, index_}; }
  Stream stream() const override { return stream_; }
  void activate() override { check(cudaSetDevice(index_), "use the device"); }
  void synchronize() override { check(cudaStreamSynchronize(stream_), "finish its work"); }

  int multiprocessors() const override { return multiprocessors_; }
  PoolUse use() const override {
    const std::lock_guard lock(mutex_);
    return {taken_, idle_};
  }

  std::shared_ptr<Storage> allocate(size_t bytes) override {
    size_t size = direct_ ? std::max<size_t>(bytes, 1) : size_class(bytes);
    void* block = take(size);
    if (!block) block = take_from_driver(size);
    auto storage = std::make_shared<Storage>();
    storage->data = static_cast<std::byte*>(block);
    storage->bytes = bytes;
    storage->device = device();
    storage->memory = this;
    storage->owner = std::shared_ptr<void>(
        block, [pool = shared_from_this(), size](void* p) { pool->give_back(p, size); });
    return storage;
  }

  void upload(std::byte* to, const void* from, size_t bytes) override {
    if (bytes == 0) return;
    require_no_capture("an upload");
    // From pageable memory the call returns when the bytes are in the driver's own buffer.
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_), "copy to the device");
  }
  void download(void* to, const std::byte* from, size_t bytes) override {
    require_no_capture("a download");
    if (bytes > 0) {
      check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_),
            "copy from the device");
    }
    synchronize();
  }
  void copy(std::byte* to, const std::byte* from, size_t bytes) override {
    if (bytes == 0) return;
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_), "copy a tensor");
  }
  void zero(std::byte* at, size_t bytes) override {
    if (bytes > 0) check(cudaMemsetAsync(at, 0, bytes, stream_), "clear a tensor");
  }

  bool serves_graphs() const override { return !direct_; }
  void begin_capture() override {
    const std::lock_guard lock(mutex_);
    require(!capturing_, Code::kInternal, "A graph is being captured already.");
    capturing_ = true;
    ++graphs_;
  }

  std::shared_ptr<void> end_capture() override {
    bool all_given_back = false;
    {
      const std::lock_guard lock(mutex_);
      capturing_ = false;
      all_given_back = graph_blocks_.size() == of_graphs_.size();
    }
    std::shared_ptr<void> owner(this,
                                [pool = shared_from_this()](void*) { pool->release_graph(); });
    return all_given_back ? owner : nullptr;
  }

 private:
  // With the last graph its memory serves everybody again.
  void release_graph() {
    const std::lock_guard lock(mutex_);
    if (--graphs_ > 0) return;
    for (const auto& [size, block] : graph_blocks_) idle_ += size;
    free_.merge(graph_blocks_);
    of_graphs_.clear();
  }

  void require_no_capture(const char* what) const {
    require(!capturing_, Code::kInternal, "There was ", what, " while a graph was being captured.");
  }

  // The smallest cached block of at least `size` and at most a quarter more, or end().
  static Blocks::iterator find(Blocks& blocks, size_t size) {
    const auto found = blocks.lower_bound(size);
    return found == blocks.end() || found->first > size + size / 4 ? blocks.end() : found;
  }

  // Of the better fitting list, so that a capture finds what the same work found before. `size`
  // becomes the block's true one.
  void* take(size_t& size) {
    const std::lock_guard lock(mutex_);
    if (direct_) return nullptr;
    auto found = find(free_, size);
    const auto own = capturing_ ? find(graph_blocks_, size) : graph_blocks_.end();
    const bool has_own = own != graph_blocks_.end();
    if (has_own && (found == free_.end() || own->first <= found->first)) {
      size = own->first;
      return graph_blocks_.extract(own).mapped();
    }
    if (found == free_.end()) return nullptr;
    size = found->first;
    idle_ -= size;
    void* block = free_.extract(found).mapped();
    if (capturing_) of_graphs_.insert(block);
    return block;
  }

  void* take_from_driver(size_t size) {
    require_no_capture("an allocation of a new size");
    const CurrentDevice current(index_);
    {
      const std::lock_guard lock(mutex_);
      if (limit_ > 0 && taken_ + size > limit_) trim();
      require(limit_ == 0 || taken_ + size <= limit_, Code::kOutOfMemory, "The memory budget of ",
              mebibytes(limit_), " MiB on ", to_string(device()),
              " is used up: ", mebibytes(taken_), " MiB are taken and ", mebibytes(size),
              " MiB more are needed.");
    }
    void* block = nullptr;
    cudaError_t error = cudaMalloc(&block, size);
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      const std::lock_guard lock(mutex_);
      trim();
      error = cudaMalloc(&block, size);
    }
    if (error == cudaErrorMemoryAllocation) fail_for_memory(size);
    check(error, "allocate memory");
    const std::lock_guard lock(mutex_);
    taken_ += size;
    return block;
  }

  [[noreturn]] void fail_for_memory(size_t size) {
    cudaGetLastError();
    size_t free_bytes = 0, total_bytes = 0;
    cudaMemGetInfo(&free_bytes, &total_bytes);
    fail(Code::kOutOfMemory, "Out of memory on ", to_string(device()), ": a block of ",
         mebibytes(size), " MiB was refused; ", mebibytes(free_bytes), " of ",
         mebibytes(total_bytes), " MiB are free and ", mebibytes(taken_), " MiB are taken here.");
  }

  // Called with the lock held.
  void trim() {
    for (auto& [size, block] : free_) {
      cudaFree(block);
      taken_ -= size;
    }
    free_.clear();
    idle_ = 0;
  }

  void give_back(void* block, size_t size) {
    if (direct_) {
      const CurrentDevice current(index_);
      cudaFree(block);  // waits for the work that still uses it
      const std::lock_guard lock(mutex_);
      taken_ -= size;
      return;
    }
    const std::lock_guard lock(mutex_);
    if (capturing_) of_graphs_.insert(block);
    if (of_graphs_.contains(block)) {
      graph_blocks_.emplace(size, block);
      return;
    }
    free_.emplace(size, block);
    idle_ += size;
  }

  int index_;
  size_t limit_;
  bool direct_;
  int multiprocessors_ = 0;
  Stream stream_ = nullptr;
  mutable std::mutex mutex_;
  Blocks free_;
  size_t taken_ = 0;
  size_t idle_ = 0;  // sum of free_
  bool capturing_ = false;
  int graphs_ = 0;             // and the capture in progress
  Blocks graph_blocks_;        // of the graphs' memory, what is in no tensor
  std::set<void*> of_graphs_;  // all of the graphs' memory
};

std::string version(int number) { return concat(number / 1000, ".", number % 1000 / 10); }

}  // namespace

std::shared_ptr<Pool> make_pool(int index, size_t limit) {
  const CudaStatus status = probe_cuda();
  require(status.driver_version > 0, Code::kDeviceUnavailable, "device: cuda:", index,
          " was asked for, but no NVIDIA driver was found.");
  require(status.driver_version >= status.runtime_version, Code::kDeviceUnavailable,
          "device: the NVIDIA driver serves CUDA up to ", version(status.driver_version),
          "; this build needs ", version(status.runtime_version), ". Update the driver.");
  require(!status.devices.empty(), Code::kDeviceUnavailable, "device: cuda:", index,
          " was asked for. ", status.message);
  for (const CudaDevice& device : status.devices) {
    if (device.index != index) continue;
    require(device.compute_major >= kOldestMajor, Code::kDeviceUnavailable, "device: cuda:", index,
            " (", device.name, ") has compute capability ", device.compute_major, ".",
            device.compute_minor, "; the kernels need 8.0 or newer.");
    return std::make_shared<CudaPool>(index, limit);
  }
  fail(Code::kDeviceUnavailable, "device: there is no cuda:", index, "; the driver shows ",
       status.devices.size(), " device", status.devices.size() == 1 ? "." : "s.");
}

}  // namespace vmolmo::cuda
