// Memory, streams, events and graphs of the emulated device.

#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "test/native/cuda_emulation/cuda_runtime_api.h"
#include "test/native/cuda_emulation/emulation.h"
#include "test/native/cuda_emulation/execution.h"

using Work = std::function<void()>;

struct CUgraph_st {
  std::vector<Work> nodes;
};
struct CUgraphExec_st {
  std::vector<Work> nodes;
};
struct CUevent_st {
  std::chrono::steady_clock::time_point time;
  CUstream_st* stream = nullptr;  // where it was recorded last
  int64_t ahead = 0;              // records that have not been reached
};
struct CUstream_st {
  std::deque<Work> waiting;
  CUgraph_st* capture = nullptr;
  bool invalidated = false;
};

namespace vmolmo::emulation {
namespace {

constexpr size_t kPage = 4096;

struct Block {
  size_t bytes;   // asked for
  size_t mapped;  // without the page behind
  std::byte* base;
};

struct State {
  std::recursive_mutex lock;
  Settings settings;
  Counters counters;
  std::map<std::byte*, Block> blocks;
  std::vector<CUstream_st*> streams;
  CUstream_st null_stream;
  cudaError_t last_error = cudaSuccess;
  int device = 0;
  std::map<const std::byte*, size_t> pinned;
};

State& state() {
  static State* all = new State;  // outlives everything that may still free memory
  return *all;
}

size_t pages(size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

// What lies between the asked-for end and the page that nobody may touch.
constexpr std::byte kCanary{0xff};

void check_canary(const std::byte* pointer, const Block& block) {
  for (const std::byte* at = pointer + block.bytes; at < block.base + block.mapped; ++at) {
    if (*at == kCanary) continue;
    std::fprintf(stderr, "emulated CUDA: %zu bytes were written behind a block of %zu bytes\n",
                 size_t(at - pointer - block.bytes) + 1, block.bytes);
    std::abort();
  }
}

cudaError_t set_error(cudaError_t error) {
  if (error != cudaSuccess) state().last_error = error;
  return error;
}

CUstream_st& get(cudaStream_t stream) { return stream ? *stream : state().null_stream; }

void drain(CUstream_st& stream) {
  while (!stream.waiting.empty()) {
    const Work work = std::move(stream.waiting.front());
    stream.waiting.pop_front();
    work();
  }
}

// Work in front of the event's last record, and no more.
void drain_to(CUevent_st& event) {
  while (event.ahead > 0) {
    const Work work = std::move(event.stream->waiting.front());
    event.stream->waiting.pop_front();
    work();
  }
}

bool is_pinned(const void* from, size_t bytes) {
  const auto* begin = static_cast<const std::byte*>(from);
  auto found = state().pinned.upper_bound(begin);
  if (found == state().pinned.begin()) return false;
  --found;
  return begin + bytes <= found->first + found->second;
}

void drain_all() {
  drain(state().null_stream);
  for (CUstream_st* stream : state().streams) drain(*stream);
}

cudaError_t add(cudaStream_t handle, Work work) {
  CUstream_st& stream = get(handle);
  if (stream.capture) {
    stream.capture->nodes.push_back(std::move(work));
  } else if (state().settings.deferred) {
    stream.waiting.push_back(std::move(work));
  } else {
    drain(stream);
    work();
  }
  return cudaSuccess;
}

// Calls that no capture survives.
cudaError_t forbid_in_capture() {
  for (CUstream_st* stream : state().streams) {
    if (!stream->capture) continue;
    stream->invalidated = true;
    return set_error(cudaErrorStreamCaptureUnsupported);
  }
  return cudaSuccess;
}

void count_copy(cudaMemcpyKind kind) {
  if (kind == cudaMemcpyHostToDevice) ++state().counters.host_to_device;
  if (kind == cudaMemcpyDeviceToHost) ++state().counters.device_to_host;
}

}  // namespace

Settings& settings() { return state().settings; }
Counters counters() { return state().counters; }

void enqueue_kernel(cudaStream_t stream, Work work) {
  const std::lock_guard lock(state().lock);
  add(stream, [work = std::move(work)] {
    ++state().counters.launches;
    work();
  });
}

}  // namespace vmolmo::emulation

using namespace vmolmo::emulation;  // NOLINT

#define LOCKED const std::lock_guard lock(state().lock)

cudaError_t cudaGetLastError() {
  LOCKED;
  return std::exchange(state().last_error, cudaSuccess);
}
cudaError_t cudaPeekAtLastError() { return state().last_error; }
const char* cudaGetErrorName(cudaError_t error) {
  return error == cudaSuccess ? "cudaSuccess" : "cudaError";
}
const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated:
      return "operation failed due to a previous error during capture";
    default:
      return "unknown error";
  }
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = settings().driver_version;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  if (settings().driver_version < CUDART_VERSION) return set_error(cudaErrorInsufficientDriver);
  *count = settings().devices;
  return *count > 0 ? cudaSuccess : set_error(cudaErrorNoDevice);
}
cudaError_t cudaGetDevice(int* device) {
  *device = state().device;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= settings().devices) return set_error(cudaErrorInvalidDevice);
  state().device = device;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device < 0 || device >= settings().devices) return set_error(cudaErrorInvalidDevice);
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "CPU emulation of CUDA");
  properties->totalGlobalMem = settings().total_bytes;
  properties->sharedMemPerBlockOptin = size_t{99} << 10;
  properties->major = settings().compute_major;
  properties->minor = settings().compute_minor;
  properties->multiProcessorCount = 4;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = 4;
      return cudaSuccess;
    case cudaDevAttrL2CacheSize:
      *value = 1 << 20;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      *value = settings().compute_major;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = settings().compute_minor;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = 99 << 10;
      return cudaSuccess;
  }
  return set_error(cudaErrorInvalidValue);
}
cudaError_t cudaDeviceSynchronize() {
  LOCKED;
  if (const cudaError_t error = forbid_in_capture()) return error;
  ++state().counters.synchronisations;
  drain_all();
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  LOCKED;
  *total_bytes = settings().total_bytes;
  *free_bytes = *total_bytes - std::min(*total_bytes, size_t(state().counters.live_bytes));
  return cudaSuccess;
}

// The end of a block lies as close to an inaccessible page as its 16-byte alignment allows.
cudaError_t cudaMalloc(void** pointer, size_t bytes) {
  LOCKED;
  *pointer = nullptr;
  if (const cudaError_t error = forbid_in_capture()) return error;
  if (size_t(state().counters.live_bytes) + bytes > settings().total_bytes) {
    return set_error(cudaErrorMemoryAllocation);
  }
  const size_t mapped = pages(std::max<size_t>(bytes, 1));
  void* memory =
      mmap(nullptr, mapped + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return set_error(cudaErrorMemoryAllocation);
  auto* base = static_cast<std::byte*>(memory);
  mprotect(base + mapped, kPage, PROT_NONE);
  std::memset(base, 0xff, mapped);
  std::byte* start = base + mapped - (bytes + 15) / 16 * 16;
  state().blocks[start] = {bytes, mapped, base};
  ++state().counters.allocations;
  state().counters.live_bytes += int64_t(bytes);
  *pointer = start;
  return cudaSuccess;
}
cudaError_t cudaFree(void* pointer) {
  LOCKED;
  if (!pointer) return cudaSuccess;
  if (const cudaError_t error = forbid_in_capture()) return error;
  drain_all();
  const auto found = state().blocks.find(static_cast<std::byte*>(pointer));
  if (found == state().blocks.end()) return set_error(cudaErrorInvalidValue);
  check_canary(found->first, found->second);
  state().counters.live_bytes -= int64_t(found->second.bytes);
  munmap(found->second.base, found->second.mapped + kPage);
  state().blocks.erase(found);
  return cudaSuccess;
}
cudaError_t cudaMallocAsync(void** pointer, size_t bytes, cudaStream_t) {
  return cudaMalloc(pointer, bytes);
}
cudaError_t cudaFreeAsync(void* pointer, cudaStream_t) { return cudaFree(pointer); }
cudaError_t cudaHostAlloc(void** pointer, size_t bytes, unsigned) {
  LOCKED;
  *pointer = nullptr;
  if (const cudaError_t error = forbid_in_capture()) return error;
  Counters& counters = state().counters;
  if (size_t(counters.pinned_bytes) + bytes > settings().pinnable_bytes) {
    return set_error(cudaErrorMemoryAllocation);
  }
  *pointer = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
  state().pinned[static_cast<std::byte*>(*pointer)] = bytes;
  ++counters.pinned_allocations;
  counters.pinned_bytes += int64_t(bytes);
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void** pointer, size_t bytes) {
  return cudaHostAlloc(pointer, bytes, cudaHostAllocDefault);
}
cudaError_t cudaFreeHost(void* pointer) {
  LOCKED;
  const auto found = state().pinned.find(static_cast<std::byte*>(pointer));
  if (found == state().pinned.end()) return set_error(cudaErrorInvalidValue);
  drain_all();
  state().counters.pinned_bytes -= int64_t(found->second);
  state().pinned.erase(found);
  std::free(pointer);
  return cudaSuccess;
}

cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind kind,
                              cudaStream_t stream) {
  LOCKED;
  count_copy(kind);
  if (kind == cudaMemcpyHostToDevice && !is_pinned(from, (height - 1) * from_pitch + width) &&
      !get(stream).capture) {
    // Pageable memory is read before the call returns.
    const auto kept = std::make_shared<std::vector<std::byte>>(width * height);
    for (size_t y = 0; y < height; ++y) {
      std::memcpy(kept->data() + y * width, static_cast<const std::byte*>(from) + y * from_pitch,
                  width);
    }
    return add(stream, [=] {
      for (size_t y = 0; y < height; ++y) {
        std::memcpy(static_cast<std::byte*>(to) + y * to_pitch, kept->data() + y * width, width);
      }
    });
  }
  return add(stream, [=] {
    for (size_t y = 0; y < height; ++y) {
      std::memcpy(static_cast<std::byte*>(to) + y * to_pitch,
                  static_cast<const std::byte*>(from) + y * from_pitch, width);
    }
  });
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, bytes > 0 ? 1 : 0, kind, stream);
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  LOCKED;
  if (const cudaError_t error = forbid_in_capture()) return error;
  drain_all();
  cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  drain_all();
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* pointer, int value, size_t bytes, cudaStream_t stream) {
  LOCKED;
  return add(stream, [=] {
    if (bytes > 0) std::memset(pointer, value, bytes);
  });
}
cudaError_t cudaMemset(void* pointer, int value, size_t bytes) {
  return cudaMemsetAsync(pointer, value, bytes, nullptr);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  LOCKED;
  *stream = new CUstream_st;
  state().streams.push_back(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  LOCKED;
  drain(*stream);
  std::erase(state().streams, stream);
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  LOCKED;
  if (get(stream).capture) return forbid_in_capture();
  ++state().counters.synchronisations;
  drain(get(stream));
  return cudaSuccess;
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return get(stream).waiting.empty() ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  LOCKED;
  drain_to(*event);
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  LOCKED;
  if (get(stream).capture) return add(stream, [] {});
  event->stream = &get(stream);
  ++event->ahead;
  return add(stream, [=] {
    event->time = std::chrono::steady_clock::now();
    --event->ahead;
  });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  LOCKED;
  ++state().counters.event_waits;
  drain_to(*event);
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  LOCKED;
  return event->ahead == 0 ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  *milliseconds = std::chrono::duration<float, std::milli>(end->time - begin->time).count();
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  LOCKED;
  if (!stream || stream->capture) return set_error(cudaErrorStreamCaptureUnsupported);
  stream->capture = new CUgraph_st;
  stream->invalidated = false;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  LOCKED;
  *graph = nullptr;
  if (!stream || !stream->capture) return set_error(cudaErrorStreamCaptureUnmatched);
  CUgraph_st* captured = std::exchange(stream->capture, nullptr);
  if (stream->invalidated) {
    delete captured;
    return set_error(cudaErrorStreamCaptureInvalidated);
  }
  *graph = captured;
  return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const CUstream_st& s = get(stream);
  *status = !s.capture      ? cudaStreamCaptureStatusNone
            : s.invalidated ? cudaStreamCaptureStatusInvalidated
                            : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  *exec = new CUgraphExec_st{graph->nodes};
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  LOCKED;
  ++state().counters.graph_launches;
  for (const Work& work : exec->nodes) add(stream, work);
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int) { return cudaSuccess; }
