#include "native/ops/graph_cache.h"

#include <algorithm>

#include "native/kernels/cuda/graph.h"
#include "native/ops/on_cuda.h"

namespace vmolmo {
namespace {

// A capture can fail for want of memory in the pool, which the plain run behind it then takes.
constexpr int kMostFailures = 3;

}  // namespace

void GraphCache::run(Context& context, const std::string& key, const std::function<void()>& work) {
  ON_CUDA(context) {
    if (!context.recording() && context.pool().serves_graphs())
      return run_on_device(context, key, work);
  }
  work();
}

GraphCache::Entry& GraphCache::find(Context& context, const std::string& key) {
  // Graphs name the tables' memory.
  if (tables_ != context.table_generation()) clear();
  tables_ = context.table_generation();
  if (!entries_.contains(key) && entries_.size() == capacity_) {
    entries_.erase(std::min_element(
        entries_.begin(), entries_.end(),
        [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
  }
  Entry& entry = entries_[key];
  entry.used = ++calls_;
  return entry;
}

void GraphCache::run_on_device(Context& context, const std::string& key,
                               const std::function<void()>& work) {
  context.check_cancelled();
  Entry& entry = find(context, key);
  if (!entry.graph && entry.warm && entry.failures < kMostFailures) capture(context, entry, work);
  if (entry.graph) {
    entry.graph->launch();
    ++use_.launched;
    return;
  }
  entry.warm = true;
  ++use_.plain;
  work();
}

void GraphCache::capture(Context& context, Entry& entry, const std::function<void()>& work) {
  if constexpr (kBuiltWithCuda) {
    try {
      entry.graph = cuda::capture_graph(context.pool(), work);
      ++use_.captured;
    } catch (const Error& error) {
      if (error.code() == Code::kAborted) throw;
      failure_ = error.what();
      ++entry.failures;
      ++use_.failed;
    }
  }
}

}  // namespace vmolmo
