#pragma once

#include <cstddef>

namespace vmolmo {

// A mapping whose pages may stop being readable: the file is cut, the network mount goes away, the
// disk fails. The kernel answers such a read with SIGBUS, whose default ends the process. While a
// guard is alive, the first read of a lost page turns the rest of the mapping, from that page on,
// into zeros, and the reading thread goes on: the numbers are wrong from then on, so lost() has to
// be asked before anything that was computed meanwhile is handed out.
//
// The handler is installed with the first guard and stays; faults outside every guarded mapping go
// to whoever handled SIGBUS before, or end the process as they would have.
class MappedGuard {
 public:
  struct Entry;

  MappedGuard(const void* data, size_t size);
  ~MappedGuard();
  MappedGuard(const MappedGuard&) = delete;
  MappedGuard& operator=(const MappedGuard&) = delete;

  bool lost() const;

 private:
  Entry* entry_;
};

}  // namespace vmolmo
