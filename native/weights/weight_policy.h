#pragma once

#include <cstdint>

#include "native/tensor/weight.h"
#include "native/weights/layer_kind.h"
#include "videomolmo/load.h"

namespace vmolmo {

// How a tensor lies in memory.
struct Held {
  DType dtype = DType::kF32;  // kF32 or kBF16, of the plain format
  Weight::Format format = Weight::Format::kPlain;

  bool operator==(const Held&) const = default;
};

// How a model's tensors are held, by what they are, what the file has, what was asked for and where
// the model runs:
//
//   tables     f32 always. kBF16 rounds their values, as a checkpoint in bf16 holds them.
//   matrices   kStored   as the file has them; f16, which the ops do not read, as f32
//              kF32      f32
//              kBF16     bf16
//              quantised on the CPU as kStored, on a GPU bf16: its products round to that anyway
//   layers     quantised by kind (see WeightDType), the others as matrices
class WeightPolicy {
 public:
  // Throws INVALID_ARGUMENT for groups of int4 that there are not.
  WeightPolicy(WeightDType dtype, int64_t int4_group, Device::Kind device);
  explicit WeightPolicy(const LoadOptions& options)
      : WeightPolicy(options.dtype, options.int4_group, options.device.kind) {}

  Held held(LayerKind kind, DType stored) const;
  // Bytes of a tensor that is held so.
  int64_t bytes(LayerKind kind, DType stored, const Shape& shape) const;

  // Values go through bf16 even where they are held in f32.
  bool rounds_tables() const { return dtype_ == WeightDType::kBF16; }
  // Matrices that a model computes from the checkpoint's when it is loaded.
  DType computed_matrix() const;
  // Products are to be those of f32, also on a GPU. As stored, weights say nothing about how to
  // compute: as the CPU does.
  bool exact() const { return dtype_ == WeightDType::kF32 || dtype_ == WeightDType::kStored; }
  bool quantises() const { return dtype_ > WeightDType::kBF16; }
  int64_t int4_group() const { return int4_group_; }

 private:
  Weight::Format format_of(LayerKind kind) const;

  WeightDType dtype_;
  int64_t int4_group_;
  Device::Kind device_;
};

}  // namespace vmolmo
