#include "native/base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "native/base/cpu_quota.h"

#ifdef __linux__
#include <sched.h>
#endif

namespace vmolmo {
namespace {

// True on a thread that is inside a loop body: a nested loop then runs serially.
thread_local bool inside_loop = false;

// How long an idle worker polls for the next loop before it sleeps. Layers follow each other within
// microseconds; waking a sleeping thread costs tens of them.
constexpr int kSpins = 2000;

inline void pause_briefly() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

namespace {

int allowed_cores() {
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace

int available_cores() {
  const int allowed = allowed_cores();
  const std::optional<double> quota = cpu_quota();
  // Threads beyond the quota are stopped in the middle of loops that the others wait for.
  return quota ? std::clamp(static_cast<int>(*quota), 1, allowed) : allowed;
}

// A loop is published by bumping `generation`. A worker enters by raising `active` and then checks
// that the loop is still open; the caller closes the loop and waits for `active` to fall to zero.
// So a worker that wakes late costs the caller nothing, and the loop's fields are only written
// while nobody reads them.
struct ThreadPool::Impl {
  std::vector<std::thread> workers;
  std::mutex loop_mutex;  // one loop at a time

  std::mutex mutex;
  std::condition_variable wake;
  std::atomic<uint64_t> generation{0};
  std::atomic<bool> stopping{false};

  const std::function<void(int64_t, int64_t)>* body = nullptr;
  int64_t count = 0;
  int64_t chunk = 1;
  std::atomic<int64_t> next{0};
  std::atomic<bool> open{false};
  std::atomic<int> active{0};
  std::mutex error_mutex;
  std::exception_ptr error;

  void run_chunks() {
    inside_loop = true;
    try {
      for (;;) {
        const int64_t begin = next.fetch_add(chunk, std::memory_order_relaxed);
        if (begin >= count) break;
        (*body)(begin, std::min(count, begin + chunk));
      }
    } catch (...) {
      next.store(count, std::memory_order_relaxed);
      std::lock_guard lock(error_mutex);
      if (!error) error = std::current_exception();
    }
    inside_loop = false;
  }

  void wait_for_loop(uint64_t seen) {
    for (int spin = 0; spin < kSpins; ++spin) {
      if (generation.load(std::memory_order_acquire) != seen || stopping.load()) return;
      pause_briefly();
    }
    std::unique_lock lock(mutex);
    wake.wait(lock, [&] {
      return generation.load(std::memory_order_acquire) != seen || stopping.load();
    });
  }

  void work() {
    uint64_t seen = 0;
    for (;;) {
      wait_for_loop(seen);
      if (stopping.load()) return;
      seen = generation.load(std::memory_order_acquire);
      active.fetch_add(1);
      if (open.load()) run_chunks();
      active.fetch_sub(1);
    }
  }

  void stop() {
    {
      std::lock_guard lock(mutex);
      stopping.store(true);
    }
    wake.notify_all();
    for (auto& worker : workers) worker.join();
    workers.clear();
  }
};

ThreadPool::ThreadPool(int threads) : impl_(std::make_unique<Impl>()) {
  const int total = threads > 0 ? threads : available_cores();
  try {
    for (int i = 1; i < total; ++i)
      impl_->workers.emplace_back([impl = impl_.get()] { impl->work(); });
  } catch (...) {
    // A process at its thread limit computes with the workers it got.
    if (impl_->workers.empty() && total > 1) return;
  }
}

ThreadPool::~ThreadPool() { impl_->stop(); }

int ThreadPool::size() const { return static_cast<int>(impl_->workers.size()) + 1; }

void ThreadPool::parallel_for(int64_t count, int64_t grain,
                              const std::function<void(int64_t begin, int64_t end)>& body) {
  if (count <= 0) return;
  grain = std::max<int64_t>(1, grain);
  Impl& impl = *impl_;
  if (count <= grain || impl.workers.empty() || inside_loop) return body(0, count);
  std::unique_lock loop(impl.loop_mutex, std::try_to_lock);
  if (!loop.owns_lock()) return body(0, count);

  // Four chunks per thread even out threads that are slowed by other processes.
  const int64_t pieces = 4 * static_cast<int64_t>(size());
  impl.body = &body;
  impl.count = count;
  impl.chunk = std::max(grain, (count + pieces - 1) / pieces);
  impl.next.store(0, std::memory_order_relaxed);
  impl.error = nullptr;
  impl.open.store(true);
  {
    std::lock_guard lock(impl.mutex);
    impl.generation.fetch_add(1, std::memory_order_release);
  }
  impl.wake.notify_all();
  impl.run_chunks();
  impl.open.store(false);
  for (int spin = 0; impl.active.load() != 0; ++spin) {
    if (spin < kSpins) {
      pause_briefly();
    } else {
      std::this_thread::yield();
    }
  }
  if (impl.error) std::rethrow_exception(std::exchange(impl.error, nullptr));
}

}  // namespace vmolmo
