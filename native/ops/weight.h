#pragma once

#include <utility>

#include "videomolmo/tensor.h"

namespace vmolmo {

// A linear layer's matrix [out, in], as stored: F32 or BF16 as they come from the checkpoint (views
// into the mapped file). Quantised formats add their scales here; ops read the format, models do
// not.
struct Weight {
  enum class Format : uint8_t { kPlain };

  Tensor data;    // [out, in]
  Tensor scales;  // empty for kPlain
  Format format = Format::kPlain;

  Weight() = default;
  Weight(Tensor plain) : data(std::move(plain)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return static_cast<bool>(data); }
  int64_t out_features() const { return data.dim(0); }
  int64_t in_features() const { return data.dim(1); }
};

}  // namespace vmolmo
