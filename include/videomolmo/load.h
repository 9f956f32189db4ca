#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "videomolmo/attributes.h"
#include "videomolmo/cancel.h"
#include "videomolmo/tensor.h"
#include "videomolmo/weights.h"

// How a model is loaded: what pointers and segmenters of every family have in common.

namespace vmolmo {

// How matrices are held in memory: as the file has them, widened to f32 (the exact path), rounded
// to bfloat16, or quantised while they are loaded (pointers only). Which layers are quantised:
//   kInt8  language model, output head and projector; int8 per output channel
//   kInt4  language model and projector in groups along the input; the output head in int8
//   kFp4   every linear layer except the output head, in blocks of 64: bitsandbytes' FP4, as the
//          reference's own inference script loads the model
// What is not quantised stays as the file has it on the CPU, and is bf16 on a GPU.
enum class WeightDType : uint8_t { kStored, kF32, kBF16, kInt8, kInt4, kFp4 };

struct LoadOptions {
  // What the tensors are called, for families that know more than one way; empty: the usual one.
  std::string names;
  WeightDType dtype = WeightDType::kStored;
  int64_t int4_group = 64;  // weights that share a scale with kInt4: 64 or 128
  int threads = 0;          // 0: one per available core
  // Where the model runs and its weights lie.
  Device device;
  // Bytes that weights and work may take; 0: on the CPU no limit, on a GPU nine tenths of what is
  // free after the weights. How much goes side by side follows from it; results do not depend on
  // it. On a GPU the work's memory is taken at load and nothing exceeds the limit; on the CPU
  // answers that are longer than usual, and more objects than planned, may.
  size_t memory_limit = 0;
  // Answers that a pointer decodes side by side at most; 0: as many as share one reading of the
  // weights.
  int max_batch = 0;
  std::shared_ptr<const CancelFlag> cancel;
};

struct ModelInfo {
  int64_t parameters = 0;
  int64_t weight_bytes = 0;
  int64_t work_bytes = 0;  // that the work takes beside the weights, at most
  int threads = 0;
};

// What a model's work takes beside the weights.
struct WorkMemory {
  size_t least_bytes = 0;       // for one answer, or one object
  size_t bytes = 0;             // for all that goes side by side
  size_t frame_bytes = 0;       // features of one frame (a pointer's: of the most crops)
  size_t activation_bytes = 0;  // of the widest call
};

// The families of pointers and of segmenters that are there, by name.
std::vector<std::string> pointer_families();
std::vector<std::string> segmenter_families();

// Bytes that a model of these tensors takes for its weights when it is loaded with the options'
// names, dtype, int4_group and device: what `ModelInfo::weight_bytes` will be. Throws
// UNSUPPORTED_MODEL for an unknown family, INVALID_ARGUMENT.
int64_t weight_bytes(const std::string& family, const Attributes& attributes,
                     std::span<const TensorInfo> tensors, const LoadOptions& options);

}  // namespace vmolmo
