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

// How matrices are held in memory: as the file has them, widened to f32 (the exact path), or
// rounded to bfloat16.
enum class WeightDType : uint8_t { kStored, kF32, kBF16 };

struct CallOptions {
  std::shared_ptr<const CancelFlag> cancel;
  // Receives every stage under its golden name. Slower: nothing is skipped then.
  Recorder* recorder = nullptr;
};

}  // namespace vmolmo
