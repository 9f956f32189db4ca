#pragma once

#include <cstdint>
#include <memory>

#include "videomolmo/cancel.h"

// What calls of the pointer and of the segmenter have in common.

namespace vmolmo {

class Recorder;

// Interleaved 8-bit RGB, borrowed for the length of a call. Rows are `stride` bytes apart
// (0: 3 * width).
struct RgbImage {
  const uint8_t* data = nullptr;
  int64_t width = 0;
  int64_t height = 0;
  int64_t stride = 0;
};

// How matrices are held in memory: as the file has them, widened to f32 (the exact path), rounded
// to bfloat16, or quantised while they are loaded (pointers only). Which layers are quantised:
//   kInt8  language model, output head and projector; int8 per output channel
//   kInt4  language model and projector in groups along the input; the output head in int8
//   kFp4   every linear layer except the output head, in blocks of 64: bitsandbytes' FP4, as the
//          reference's own inference script loads the model
// What is not quantised stays as the file has it.
enum class WeightDType : uint8_t { kStored, kF32, kBF16, kInt8, kInt4, kFp4 };

// How the bytes of weight files are got at: mapped, so that loading copies nothing and processes
// share pages, or read into memory of the model's own. kAuto maps what lies on a local file system.
enum class FileAccess : uint8_t { kAuto, kMap, kRead };

struct CallOptions {
  std::shared_ptr<const CancelFlag> cancel;
  // Receives every stage under its golden name. Slower: nothing is skipped then.
  Recorder* recorder = nullptr;
};

}  // namespace vmolmo
