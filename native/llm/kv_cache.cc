#include "native/llm/kv_cache.h"

#include <cstring>

namespace vmolmo {
namespace {

// target: contiguous [n, heads, d]; source: rows whose heads lie densely side by side.
void copy_rows(const Tensor& source, const Tensor& target) {
  const size_t row_bytes = target.bytes() / static_cast<size_t>(target.dim(0));
  const float* from = source.data<float>();
  float* to = target.data<float>();
  for (int64_t i = 0; i < target.dim(0); ++i)
    std::memcpy(to + i * target.stride(0), from + i * source.stride(0), row_bytes);
}

}  // namespace

KvCache::KvCache(const DecoderConfig& config, int64_t slots, int64_t capacity)
    : capacity_(capacity),
      lengths_(static_cast<size_t>(slots), 0),
      prefixes_(static_cast<size_t>(slots)) {
  const Shape shape{slots, capacity, config.kv_heads, config.head_dim()};
  for (int64_t i = 0; i < config.blocks; ++i) {
    keys_.push_back(Tensor::empty(cpu_heap(), shape));
    values_.push_back(Tensor::empty(cpu_heap(), shape));
  }
}

void KvCache::truncate(int64_t slot, int64_t length) {
  require(length >= 0 && length <= lengths_[slot], Code::kInternal, "KvCache: cannot cut ",
          lengths_[slot], " positions to ", length, ".");
  lengths_[slot] = length;
  if (length < prefixes_[slot].rows) prefixes_[slot] = {};
}

void KvCache::mark_prefix(int64_t slot, uint64_t key, int64_t rows) {
  require(rows <= lengths_[slot], Code::kInternal, "KvCache: a prefix of ", rows,
          " positions is longer than its sequence of ", lengths_[slot], ".");
  prefixes_[slot] = {key, rows, ++uses_};
}

void KvCache::append(int64_t block, int64_t slot, const Tensor& k, const Tensor& v) {
  const int64_t begin = lengths_[slot];
  const int64_t end = begin + k.dim(0);
  require(end <= capacity_, Code::kInternal, "KvCache: ", end,
          " positions do not fit a capacity of ", capacity_, ".");
  for (const Tensor* rows : {&k, &v}) {
    require(rows->stride(2) == 1 && rows->stride(1) == rows->dim(2), Code::kInternal,
            "KvCache: the heads of a row must lie side by side.");
  }
  copy_rows(k, keys_[block][slot].slice(0, begin, end));
  copy_rows(v, values_[block][slot].slice(0, begin, end));
}

void KvCache::advance(int64_t slot, int64_t rows) { lengths_[slot] += rows; }

Tensor KvCache::keys(int64_t block, int64_t slot, int64_t count) const {
  return keys_[block][slot].slice(0, 0, count);
}

Tensor KvCache::values(int64_t block, int64_t slot, int64_t count) const {
  return values_[block][slot].slice(0, 0, count);
}

void KvCache::copy_prefix(int64_t from_slot, int64_t to_slot, int64_t count) {
  require(count <= lengths_[from_slot], Code::kInternal, "KvCache: a prefix of ", count,
          " positions is longer than its sequence of ", lengths_[from_slot], ".");
  for (size_t i = 0; i < keys_.size(); ++i) {
    const auto block = static_cast<int64_t>(i);
    copy_rows(keys(block, from_slot, count), keys(block, to_slot, count));
    copy_rows(values(block, from_slot, count), values(block, to_slot, count));
  }
  lengths_[to_slot] = count;
  prefixes_[to_slot] = {};
}

}  // namespace vmolmo
