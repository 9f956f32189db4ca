#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "native/kernels/cuda/runtime/free_space.h"
#include "videomolmo/tensor.h"

namespace vmolmo::cuda {

// A device's memory in few large segments, cut to measure. Caches by size, which this is instead
// of, hold memory that only tensors of one size can use: a change of the prompt's length or of the
// number of objects then needs new memory while old memory lies idle. No lock.
class Arena {
 public:
  // `limit`: bytes of all segments, 0: none. `direct`: every range is a segment of its own.
  Arena(int index, size_t limit, bool direct) : index_(index), limit_(limit), direct_(direct) {}
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // The bytes that a range of `bytes` takes.
  static size_t rounded(size_t bytes);

  // Memory that is there; nothing when it has to come from the driver.
  std::optional<Range> take_held(size_t bytes);
  // Throws OUT_OF_MEMORY.
  Range take(size_t bytes);
  void give_back(Range range);
  // Makes sure of so many free bytes in one piece. Throws OUT_OF_MEMORY.
  void reserve(size_t bytes);

  bool direct() const { return direct_; }
  size_t limit() const { return limit_; }
  size_t taken() const { return taken_; }
  size_t idle() const { return free_.bytes(); }
  size_t peak() const { return peak_; }
  int64_t allocations() const { return allocations_; }

 private:
  Range add_segment(size_t bytes);
  void free_segment(std::byte* segment, size_t bytes);
  void trim();
  void note_peak();
  size_t growth(size_t bytes) const;
  void require_room(size_t bytes) const;
  [[noreturn]] void fail_for_memory(size_t bytes) const;

  int index_;
  size_t limit_;
  bool direct_;
  std::map<std::byte*, size_t> segments_;
  FreeSpace free_;
  size_t taken_ = 0;  // sum of segments_
  size_t peak_ = 0;
  int64_t allocations_ = 0;
};

}  // namespace vmolmo::cuda
