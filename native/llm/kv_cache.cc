#include "native/llm/kv_cache.h"

#include <algorithm>

#include "native/llm/visibility.h"
#include "native/ops/copy.h"
#include "native/ops/feeds.h"

namespace vmolmo {

KvCache::KvCache(Context& context, const DecoderConfig& config, int64_t slots, int64_t capacity)
    : capacity_(capacity),
      lengths_(static_cast<size_t>(slots), 0),
      classes_(static_cast<size_t>(slots)),
      prefixes_(static_cast<size_t>(slots)) {
  const Shape shape{slots, capacity, config.kv_heads, config.head_dim};
  Allocator& memory = context.lasting_memory();
  const DType dtype = ops::result_type(context, ops::Feeds::kProducts);
  for (int64_t i = 0; i < config.blocks; ++i) {
    keys_.push_back(Tensor::empty(memory, shape, dtype));
    values_.push_back(Tensor::empty(memory, shape, dtype));
  }
}

size_t KvCache::bytes(const DecoderConfig& config, int64_t slots, int64_t capacity) {
  const int64_t row = config.kv_heads * config.head_dim;
  return static_cast<size_t>(2 * config.blocks * slots * capacity * row) * sizeof(float);
}

void KvCache::truncate(int64_t slot, int64_t length) {
  require(length >= 0 && length <= lengths_[slot], Code::kInternal, "KvCache: cannot cut ",
          lengths_[slot], " positions to ", length, ".");
  if (length < static_cast<int64_t>(classes_[slot].size())) {
    check_cut(slot, length);
    classes_[slot].resize(static_cast<size_t>(length));
  }
  lengths_[slot] = length;
  if (length < prefixes_[slot].rows) prefixes_[slot] = {};
}

void KvCache::mark_prefix(int64_t slot, uint64_t key, int64_t rows) {
  require(rows <= lengths_[slot], Code::kInternal, "KvCache: a prefix of ", rows,
          " positions is longer than its sequence of ", lengths_[slot], ".");
  check_cut(slot, rows);
  prefixes_[slot] = {key, rows, ++uses_};
}

void KvCache::append(Context& context, int64_t block, int64_t slot, Tensor& k, const Tensor& v,
                     const ops::RopeTable& rope) {
  const int64_t begin = lengths_[slot];
  const int64_t end = begin + k.dim(0);
  require(end <= capacity_, Code::kInternal, "KvCache: ", end,
          " positions do not fit a capacity of ", capacity_, ".");
  ops::rope_append(context, k, v, rope, begin, keys_[block][slot], values_[block][slot]);
}

void KvCache::advance(int64_t slot, int64_t rows, std::span<const int32_t> classes) {
  if (!classes.empty()) {
    classes_[slot].resize(static_cast<size_t>(lengths_[slot]), -1);
    classes_[slot].insert(classes_[slot].end(), classes.begin(), classes.end());
  }
  lengths_[slot] += rows;
}

void KvCache::check_visibility(int64_t slot, std::span<const int32_t> classes) const {
  const std::optional<int32_t> shared = shared_class(classes_[slot], classes);
  require(!shared, Code::kInternal, "KvCache: rows of the visibility class ", shared.value_or(-1),
          " follow positions of that class, which have not seen them.");
}

void KvCache::check_cut(int64_t slot, int64_t length) const {
  const std::span<const int32_t> classes = classes_[slot];
  const auto kept = std::min(static_cast<size_t>(length), classes.size());
  const std::optional<int32_t> shared = shared_class(classes.first(kept), classes.subspan(kept));
  require(!shared, Code::kInternal, "KvCache: a cut at position ", length,
          " parts the visibility class ", shared.value_or(-1), ".");
}

Tensor KvCache::keys(int64_t block, int64_t slot, int64_t count) const {
  return keys_[block][slot].slice(0, 0, count);
}

Tensor KvCache::values(int64_t block, int64_t slot, int64_t count) const {
  return values_[block][slot].slice(0, 0, count);
}

void KvCache::copy_prefix(Context& context, int64_t from_slot, int64_t to_slot, int64_t count) {
  require(count <= lengths_[from_slot], Code::kInternal, "KvCache: a prefix of ", count,
          " positions is longer than its sequence of ", lengths_[from_slot], ".");
  check_cut(from_slot, count);
  for (size_t i = 0; i < keys_.size(); ++i) {
    const auto block = static_cast<int64_t>(i);
    ops::copy_into(context, keys(block, from_slot, count), keys(block, to_slot, count));
    ops::copy_into(context, values(block, from_slot, count), values(block, to_slot, count));
  }
  const std::vector<int32_t>& classes = classes_[from_slot];
  classes_[to_slot].assign(classes.begin(),
                           classes.begin() + std::min<int64_t>(count, std::ssize(classes)));
  lengths_[to_slot] = count;
  prefixes_[to_slot] = {};
}

StepMemory& KvCache::step_memory(Context& context, int64_t rows) {
  if (!step_.best || step_.best.dim(0) < rows) {
    step_.graphs.clear();
    step_.numbers = context.empty({3 * rows}, DType::kI32);
    step_.best = context.empty({rows}, DType::kI32);
  }
  return step_;
}

}  // namespace vmolmo
