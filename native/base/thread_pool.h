#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace vmolmo {

// A fixed set of workers for data-parallel loops. The calling thread takes part, so a pool of size
// 1 has no worker threads at all. One loop runs at a time; nested loops run serially on their
// caller.
class ThreadPool {
 public:
  // threads <= 0: one per available core.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const;

  // Calls body(begin, end) on disjoint ranges that cover [0, count), each at least `grain` long
  // except the last. Returns when all are done. The first exception thrown by a body is rethrown.
  void parallel_for(int64_t count, int64_t grain,
                    const std::function<void(int64_t begin, int64_t end)>& body);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Of the process's affinity mask, and not more than its control group grants time for; at least 1.
int available_cores();

}  // namespace vmolmo
