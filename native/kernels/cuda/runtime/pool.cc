#include "native/kernels/cuda/pool.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "native/kernels/cuda/check.h"
#include "native/kernels/cuda/runtime/arena.h"
#include "native/kernels/cuda/runtime/current_device.h"
#include "native/kernels/cuda/runtime/staging.h"
#include "videomolmo/system.h"

namespace vmolmo {
CudaStatus probe_cuda();  // device.cc
}

namespace vmolmo::cuda {
namespace {

// The oldest architecture that the kernels are compiled for.
constexpr int kOldestMajor = 8;
// Of pinned memory: a large frame goes through it in parts.
constexpr size_t kStagingBytes = size_t{16} << 20;

bool direct_memory() {
  const char* value = std::getenv("VIDEOMOLMO_CUDA_MEMORY");
  return value && std::string_view(value) == "direct";
}

class OwnStream {
 public:
  explicit OwnStream(int index) {
    check(cudaSetDevice(index), "use the device");
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "make a stream");
  }
  ~OwnStream() { cudaStreamDestroy(stream_); }
  OwnStream(const OwnStream&) = delete;
  OwnStream& operator=(const OwnStream&) = delete;
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

class CudaPool : public Pool, public std::enable_shared_from_this<CudaPool> {
 public:
  CudaPool(int index, size_t limit)
      : index_(index),
        stream_(index),
        arena_(index, limit, direct_memory()),
        staging_(stream_, kStagingBytes) {
    check(cudaDeviceGetAttribute(&multiprocessors_, cudaDevAttrMultiProcessorCount, index),
          "read the number of multiprocessors");
  }

  // The members behind stream_ are freed before it.
  ~CudaPool() override {
    const CurrentDevice current(index_);
    cudaStreamSynchronize(stream_);
  }

  Device device() const override { return {Device::Kind::kCuda, index_}; }
  Stream stream() const override { return stream_; }
  void activate() override { check(cudaSetDevice(index_), "use the device"); }
  void synchronize() override { check(cudaStreamSynchronize(stream_), "finish its work"); }

  int multiprocessors() const override { return multiprocessors_; }
  MemoryUse use() const override {
    const std::lock_guard lock(mutex_);
    return {arena_.taken(), arena_.idle(), arena_.peak(), staging_.bytes(), arena_.allocations()};
  }
  size_t available() const override {
    const CurrentDevice current(index_);
    size_t free_bytes = 0, total_bytes = 0;
    check(cudaMemGetInfo(&free_bytes, &total_bytes), "read its free memory");
    const std::lock_guard lock(mutex_);
    if (arena_.limit() == 0) return arena_.idle() + free_bytes / 10 * 9;
    return arena_.idle() + std::min(free_bytes, arena_.limit() - arena_.taken());
  }
  void reserve(size_t bytes) override {
    const std::lock_guard lock(mutex_);
    arena_.reserve(bytes);
  }

  std::shared_ptr<Storage> allocate(size_t bytes) override {
    const Range range = take(bytes);
#ifdef VMOLMO_CUDA_EMULATION
    // Unwritten memory is NaN there, also where another tensor was before.
    check(cudaMemsetAsync(range.begin, 0xff, range.bytes, stream_), "spoil memory");
#endif
    auto storage = std::make_shared<Storage>();
    storage->data = range.begin;
    storage->bytes = bytes;
    storage->device = device();
    storage->memory = this;
    storage->owner = std::shared_ptr<void>(
        range.begin, [pool = shared_from_this(), range](void*) { pool->give_back(range); });
    return storage;
  }

  void upload(std::byte* to, const void* from, size_t bytes) override {
    if (bytes == 0) return;
    require_no_capture("an upload");
    const std::lock_guard lock(staging_mutex_);
    staging_.upload(to, static_cast<const std::byte*>(from), bytes);
  }
  void download(void* to, const std::byte* from, size_t bytes) override {
    if (bytes == 0) return;
    require_no_capture("a download");
    const std::lock_guard lock(staging_mutex_);
    staging_.download(static_cast<std::byte*>(to), from, bytes);
  }
  void copy(std::byte* to, const std::byte* from, size_t bytes) override {
    if (bytes == 0) return;
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_), "copy a tensor");
  }
  void zero(std::byte* at, size_t bytes) override {
    if (bytes > 0) check(cudaMemsetAsync(at, 0, bytes, stream_), "clear a tensor");
  }

  bool serves_graphs() const override { return !arena_.direct(); }
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
      all_given_back = graph_tensors_.empty();
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
    for (const Range& range : graph_space_.take_all()) arena_.give_back(range);
    graph_tensors_.clear();
  }

  void require_no_capture(const char* what) const {
    require(!capturing_, Code::kInternal, "There was ", what, " while a graph was being captured.");
  }

  Range take(size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (!capturing_) return arena_.take(bytes);
    std::optional<Range> range = graph_space_.take(Arena::rounded(bytes));
    if (!range) range = arena_.take_held(bytes);
    if (!range) require_no_capture("an allocation that needs the driver");
    graph_tensors_.insert(range->begin);
    return *range;
  }

  void give_back(Range range) {
    const std::lock_guard lock(mutex_);
    if (graph_tensors_.erase(range.begin) > 0 || capturing_) {
      graph_space_.add(range);
    } else {
      arena_.give_back(range);
    }
  }

  int index_;
  OwnStream stream_;
  int multiprocessors_ = 0;
  mutable std::mutex mutex_;  // of everything about memory
  Arena arena_;
  bool capturing_ = false;
  int graphs_ = 0;                      // and the capture in progress
  FreeSpace graph_space_;               // of the graphs' memory, what is in no tensor
  std::set<std::byte*> graph_tensors_;  // where the other begins
  std::mutex staging_mutex_;
  Staging staging_;
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
