// Heap memory behind tensors. The pool keeps freed blocks and hands the smallest one that fits and
// wastes little; blocks hold the pool alive, so tensors may outlive the Context that made them.

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <mutex>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "videomolmo/tensor.h"

namespace vmolmo {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kIdleBytes = size_t{512} << 20;  // what the pool may keep when it needs a new size

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

std::byte* allocate_block(size_t bytes) {
  const bool large = bytes >= 2 * kHugePage;
  const size_t alignment = large ? kHugePage : kAlignment;
  void* block = std::aligned_alloc(alignment, round_up(bytes, alignment));
  if (!block) fail(Code::kOutOfMemory, "Out of memory: a block of ", bytes, " bytes was refused.");
#ifdef __linux__
  if (large) madvise(block, round_up(bytes, alignment), MADV_HUGEPAGE);
#endif
  return static_cast<std::byte*>(block);
}

// Few distinct sizes, so that blocks are reusable: multiples of 64 up to 4 KiB, then eight steps
// per power of two (at most 12.5 % waste).
size_t size_class(size_t bytes) {
  bytes = std::max(bytes, kAlignment);
  if (bytes <= 4096) return round_up(bytes, kAlignment);
  size_t power = 4096;
  while (power * 2 < bytes) power *= 2;
  return round_up(bytes, power / 8);
}

class CpuPool : public Allocator, public std::enable_shared_from_this<CpuPool> {
 public:
  ~CpuPool() override {
    for (auto& [size, block] : free_) std::free(block);
  }

  Device device() const override { return {}; }
  MemoryUse use() const override {
    std::lock_guard lock(mutex_);
    return use_;
  }

  std::shared_ptr<Storage> allocate(size_t bytes) override {
    size_t size = size_class(bytes);
    std::byte* block = take(size);
    if (!block) {
      trim();
      block = allocate_block(size);
      note_block(size);
    }
    auto storage = std::make_shared<Storage>();
    storage->data = block;
    storage->bytes = bytes;
    storage->owner = std::shared_ptr<void>(
        block, [pool = shared_from_this(), size](void* p) { pool->give_back(p, size); });
    return storage;
  }

 private:
  void note_block(size_t size) {
    std::lock_guard lock(mutex_);
    ++use_.allocations;
    use_.taken += size;
    note_peak();
  }

  void note_peak() { use_.peak = std::max(use_.peak, use_.taken - use_.idle); }

  // A cached block of at least `size` and at most a quarter more; `size` becomes its true size.
  std::byte* take(size_t& size) {
    std::lock_guard lock(mutex_);
    auto found = free_.lower_bound(size);
    if (found == free_.end() || found->first > size + size / 4) return nullptr;
    size = found->first;
    auto* block = static_cast<std::byte*>(found->second);
    free_.erase(found);
    use_.idle -= size;
    note_peak();
    return block;
  }

  // A steady load finds all its blocks and never comes here; a load whose sizes keep changing would
  // otherwise collect blocks of every size it ever used.
  void trim() {
    std::lock_guard lock(mutex_);
    while (use_.idle > kIdleBytes) {
      auto largest = std::prev(free_.end());
      use_.idle -= largest->first;
      use_.taken -= largest->first;
      std::free(largest->second);
      free_.erase(largest);
    }
  }

  void give_back(void* block, size_t size) {
    std::lock_guard lock(mutex_);
    free_.emplace(size, block);
    use_.idle += size;
  }

  mutable std::mutex mutex_;
  std::multimap<size_t, void*> free_;
  MemoryUse use_;  // idle: sum of free_
};

class CpuHeap : public Allocator {
 public:
  Device device() const override { return {}; }
  MemoryUse use() const override {
    std::lock_guard lock(mutex_);
    return use_;
  }

  std::shared_ptr<Storage> allocate(size_t bytes) override {
    const size_t size = round_up(std::max<size_t>(bytes, 1), kAlignment);
    auto storage = std::make_shared<Storage>();
    storage->data = allocate_block(size);
    storage->bytes = bytes;
    count(size);
    // The heap lives as long as the process.
    storage->owner =
        std::shared_ptr<void>(storage->data, [this, size](void* p) { give_back(p, size); });
    return storage;
  }

 private:
  void count(size_t size) {
    std::lock_guard lock(mutex_);
    ++use_.allocations;
    use_.taken += size;
    use_.peak = std::max(use_.peak, use_.taken);
  }

  void give_back(void* block, size_t size) {
    std::free(block);
    std::lock_guard lock(mutex_);
    use_.taken -= size;
  }

  mutable std::mutex mutex_;
  MemoryUse use_;
};

}  // namespace

std::shared_ptr<Allocator> make_cpu_pool() { return std::make_shared<CpuPool>(); }

Allocator& cpu_heap() {
  static CpuHeap& heap = *new CpuHeap;  // outlives tensors of static variables
  return heap;
}

}  // namespace vmolmo
