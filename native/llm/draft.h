#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace vmolmo {

// A guess at an answer, as the answer itself is generated beside it: after every generated id it
// says which ids it expects next. Any guess is allowed; a bad one costs time only.
class Draft {
 public:
  explicit Draft(std::vector<int32_t> ids = {}) : ids_(std::move(ids)) {}

  // The ids expected next, at most `count`.
  std::span<const int32_t> expected(int64_t count) const;
  // Takes a generated id. Where it is another than expected, the draft goes on behind the place
  // (neighbouring answers differ in digits); after a second surprise it looks for the two latest
  // ids and goes on behind them.
  void follow(int32_t id);

 private:
  // Position behind the pair that lies nearest to the present one; -1: the draft has no such pair.
  int64_t behind_pair(int32_t first, int32_t second) const;

  std::vector<int32_t> ids_;
  int64_t position_ = 0;
  int32_t last_ = -1;
  bool surprised_ = false;
};

}  // namespace vmolmo
