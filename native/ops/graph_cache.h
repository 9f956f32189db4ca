#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "native/ops/context.h"

namespace vmolmo {

namespace cuda {
class Graph;
}  // namespace cuda

// Work that repeats, as CUDA graphs: under one key the first call runs it plainly (and so warms the
// pool and the tables), the second captures it, and from there on it is launched as a whole.
// Plainly as well: on the CPU, under a recorder, with VIDEOMOLMO_CUDA_MEMORY=direct, and after
// three captures of a key that failed.
//
// What the work must be, for the same key always:
//  - the same launches on the same memory: whatever it reads or writes beyond its own temporaries
//    lies at fixed addresses. So inputs are written into tensors that stay, before run(), and
//    results are copied into tensors that stay, at the end of the work;
//  - without a copy to or from the host, and without a trace on the host: it runs neither when its
//    graph is launched nor only once when a capture fails. Lengths move on after run();
//  - without a tensor of its own that outlives it.
// The owner of those fixed tensors owns the cache too and declares it behind them, so that no graph
// outlives the memory it names; a key of anything that can be replaced names its generation.
class GraphCache {
 public:
  // At most `capacity` graphs are kept; the one used longest ago goes first.
  explicit GraphCache(size_t capacity = 16) : capacity_(capacity) {}

  void run(Context& context, const std::string& key, const std::function<void()>& work);
  void clear() { entries_.clear(); }

  struct Use {
    int64_t plain = 0, captured = 0, launched = 0, failed = 0;
  };
  const Use& use() const { return use_; }
  // Why the last capture failed; empty when none did.
  const std::string& failure() const { return failure_; }

 private:
  struct Entry {
    std::shared_ptr<cuda::Graph> graph;
    bool warm = false;
    int failures = 0;
    int64_t used = 0;
  };
  void run_on_device(Context& context, const std::string& key, const std::function<void()>& work);
  Entry& find(Context& context, const std::string& key);
  void capture(Context& context, Entry& entry, const std::function<void()>& work);

  size_t capacity_;
  std::map<std::string, Entry> entries_;
  int64_t calls_ = 0;
  int64_t tables_ = 0;  // Context::table_generation() of the entries
  Use use_;
  std::string failure_;
};

}  // namespace vmolmo
