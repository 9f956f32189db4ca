#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "native/llm/config.h"
#include "native/ops/context.h"
#include "native/ops/graph_cache.h"
#include "native/ops/rope.h"

namespace vmolmo {

// What decode_step() keeps at fixed addresses, so that a step can be a graph.
struct StepMemory {
  Tensor numbers;  // I32 [3 * rows]: ids, slots and positions of a step, one behind the other
  Tensor best;     // I32 [rows]: the chosen ids
  GraphCache graphs{32};
};

// Keys (after RoPE) and values of several sequences side by side, in the type of what feeds
// products (ops/feeds.h). All memory is taken at construction: `slots` sequences of up to
// `capacity` positions. Every block of the decoder appends to a slot, then advance() moves its
// length, so length() is the number of positions that all blocks hold.
class KvCache {
 public:
  KvCache(Context& context, const DecoderConfig& config, int64_t slots, int64_t capacity);
  // What such a cache takes.
  static size_t bytes(const DecoderConfig& config, int64_t slots, int64_t capacity);

  int64_t slots() const { return static_cast<int64_t>(lengths_.size()); }
  int64_t capacity() const { return capacity_; }
  int64_t length(int64_t slot) const { return lengths_[slot]; }
  // Forgets the positions from `length` on, and the slot's prefix if it reaches further. Throws
  // where that would part a visibility class: what is left has seen what goes.
  void truncate(int64_t slot, int64_t length);

  // What the first rows of a slot hold, for whoever needs the same rows again. Key 0: nothing
  // known.
  struct Prefix {
    uint64_t key = 0;
    int64_t rows = 0;
    int64_t used = 0;  // grows with every use
  };
  const Prefix& prefix(int64_t slot) const { return prefixes_[slot]; }
  // Throws where a visibility class reaches over the prefix's end.
  void mark_prefix(int64_t slot, uint64_t key, int64_t rows);
  // Forgets everything behind the prefix.
  void keep_prefix_only(int64_t slot) { truncate(slot, prefixes_[slot].rows); }
  // Turns the rows k by their positions and writes them and v [n, kv_heads, head_dim] (rows may be
  // strided views of a projection) behind the slot's length, for one block. k may change.
  void append(Context& context, int64_t block, int64_t slot, Tensor& k, const Tensor& v,
              const ops::RopeTable& rope);
  // classes: of the rows; empty for text.
  void advance(int64_t slot, int64_t rows, std::span<const int32_t> classes = {});
  // Throws where the slot already holds positions of one of these visibility classes: they would
  // have had to see the new ones.
  void check_visibility(int64_t slot, std::span<const int32_t> classes) const;
  // Of one block, all slots: [slots, capacity, kv_heads, head_dim].
  const Tensor& keys(int64_t block) const { return keys_[block]; }
  const Tensor& values(int64_t block) const { return values_[block]; }
  // The first `count` positions of one block: [count, kv_heads, head_dim] views.
  Tensor keys(int64_t block, int64_t slot, int64_t count) const;
  Tensor values(int64_t block, int64_t slot, int64_t count) const;
  // Copies the first `count` positions of every block; the target then has that length and no known
  // prefix. Throws where that would part a visibility class.
  void copy_prefix(Context& context, int64_t from_slot, int64_t to_slot, int64_t count);
  // For steps of up to `rows` rows.
  StepMemory& step_memory(Context& context, int64_t rows);

 private:
  void check_cut(int64_t slot, int64_t length) const;

  int64_t capacity_;
  std::vector<int64_t> lengths_;
  // Per slot, the visibility classes of its first positions; those behind them have none.
  std::vector<std::vector<int32_t>> classes_;
  std::vector<Prefix> prefixes_;
  int64_t uses_ = 0;
  std::vector<Tensor> keys_;    // per block [slots, capacity, kv_heads, head_dim]
  std::vector<Tensor> values_;  // the same
  StepMemory step_;             // behind them: its graphs name their memory
};

}  // namespace vmolmo
