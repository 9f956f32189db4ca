#pragma once

#include <string>

#include "native/layers/linear.h"
#include "native/ops/attention.h"

namespace vmolmo {

// Multi-head attention with its projections.
struct Attention {
  Linear query, key, value, out;
  int64_t heads = 1;

  // What `out` takes, [B, Nq, heads * D], of inputs [B, N, C]. What the result feeds by the
  // options, the projections feed too.
  Tensor mix(Context& context, const Tensor& q, const Tensor& k, const Tensor& v,
             const ops::AttentionOptions& options = {}) const;
  // The same for windows of 2x2 tokens: every window of q [W, n, C] against its tokens [W, 4, C].
  Tensor mix_windows(Context& context, const Tensor& q, const Tensor& tokens) const;
};

struct AttentionWidths {
  int64_t heads = 1;
  int64_t in = 0;
  int64_t inner = 0;  // heads * D
  int64_t out = 0;
};

// What the projections are called, each with the dot behind it.
struct AttentionNames {
  const char* query;
  const char* key;
  const char* value;
  const char* out;
};

Attention load_attention(WeightLoader& loader, const std::string& prefix,
                         const AttentionNames& names, const AttentionWidths& widths,
                         const LinearOptions& options = {});

}  // namespace vmolmo
