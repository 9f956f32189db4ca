#include "native/kernels/cuda/runtime/arena.h"

#include <algorithm>

#include "native/kernels/cuda/check.h"
#include "native/kernels/cuda/runtime/current_device.h"

namespace vmolmo::cuda {
namespace {

// Of every range, and so the alignment of what begins where one ends.
constexpr size_t kUnit = 512;
// The driver gives memory in pages of 2 MiB; small tensors share a larger segment.
constexpr size_t kPage = size_t{2} << 20;
constexpr size_t kSegment = 16 * kPage;

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

double mebibytes(size_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

}  // namespace

size_t Arena::rounded(size_t bytes) { return round_up(std::max<size_t>(bytes, 1), kUnit); }

Arena::~Arena() {
  const CurrentDevice current(index_);
  for (const auto& [segment, bytes] : segments_) cudaFree(segment);
}

void Arena::note_peak() { peak_ = std::max(peak_, taken_ - free_.bytes()); }

std::optional<Range> Arena::take_held(size_t bytes) {
  if (direct_) return {};
  const std::optional<Range> range = free_.take(rounded(bytes));
  if (range) note_peak();
  return range;
}

Range Arena::take(size_t bytes) {
  if (direct_) {
    const Range range = add_segment(std::max<size_t>(bytes, 1));
    note_peak();
    return range;
  }
  if (const std::optional<Range> range = take_held(bytes)) return *range;
  free_.add(add_segment(growth(rounded(bytes))));
  return *take_held(bytes);
}

void Arena::give_back(Range range) {
  if (direct_) {
    free_segment(range.segment, range.bytes);
  } else {
    free_.add(range);
  }
}

void Arena::reserve(size_t bytes) {
  bytes = rounded(bytes);
  if (direct_ || free_.largest() >= bytes) return;
  free_.add(add_segment(bytes));
}

// The size of a new segment that `bytes` are to come from: as little as there is room for.
size_t Arena::growth(size_t bytes) const {
  const size_t wanted = std::max(kSegment, round_up(bytes, kPage));
  if (limit_ == 0) return wanted;
  return std::max(bytes, std::min(wanted, (limit_ - std::min(limit_, taken_)) / kUnit * kUnit));
}

Range Arena::add_segment(size_t bytes) {
  const CurrentDevice current(index_);
  if (limit_ > 0 && taken_ + bytes > limit_) trim();
  require_room(bytes);
  void* segment = nullptr;
  ++allocations_;
  cudaError_t error = cudaMalloc(&segment, bytes);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    trim();
    error = cudaMalloc(&segment, bytes);
  }
  if (error == cudaErrorMemoryAllocation) fail_for_memory(bytes);
  check(error, "allocate memory");
  auto* begin = static_cast<std::byte*>(segment);
  segments_[begin] = bytes;
  taken_ += bytes;
  return {begin, bytes, begin};
}

void Arena::require_room(size_t bytes) const {
  require(limit_ == 0 || taken_ + bytes <= limit_, Code::kOutOfMemory, "The memory budget of ",
          mebibytes(limit_), " MiB on cuda:", index_, " is used up: ", mebibytes(taken_),
          " MiB are taken, of which the largest free piece has ", mebibytes(free_.largest()),
          " MiB, and ", mebibytes(bytes), " MiB more are needed.");
}

void Arena::fail_for_memory(size_t bytes) const {
  cudaGetLastError();
  size_t free_bytes = 0, total_bytes = 0;
  cudaMemGetInfo(&free_bytes, &total_bytes);
  fail(Code::kOutOfMemory, "Out of memory on cuda:", index_, ": a block of ", mebibytes(bytes),
       " MiB was refused; ", mebibytes(free_bytes), " of ", mebibytes(total_bytes),
       " MiB are free and ", mebibytes(taken_), " MiB are taken here.");
}

void Arena::free_segment(std::byte* segment, size_t bytes) {
  const CurrentDevice current(index_);
  cudaFree(segment);  // waits for the work that still uses it
  segments_.erase(segment);
  taken_ -= bytes;
}

// Gives back segments that nobody uses.
void Arena::trim() {
  for (auto next = segments_.begin(); next != segments_.end();) {
    const auto [segment, bytes] = *next++;
    if (free_.take_segment(segment, bytes)) free_segment(segment, bytes);
  }
}

}  // namespace vmolmo::cuda
