#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "videomolmo/cancel.h"
#include "videomolmo/tensor.h"

// What calls of the pointer and of the segmenter have in common.

namespace vmolmo {

// Interleaved 8-bit RGB, borrowed for the length of a call. Rows are `stride` bytes apart
// (0: 3 * width).
struct RgbImage {
  const uint8_t* data = nullptr;
  int64_t width = 0;
  int64_t height = 0;
  int64_t stride = 0;
};

// Receives intermediate tensors by stage name ("vit.hidden.3"). They belong to the model, which
// overwrites them; whoever wants to keep one copies it.
class Recorder {
 public:
  virtual ~Recorder() = default;
  virtual void record(const std::string& name, const Tensor& tensor) = 0;
};

// Milliseconds per stage, accumulated by name.
using StageTimes = std::map<std::string, double>;

using NamedTensors = std::map<std::string, Tensor>;

struct CallOptions {
  std::shared_ptr<const CancelFlag> cancel;
  // Receives every stage under its golden name. Slower: nothing is skipped then.
  Recorder* recorder = nullptr;
};

}  // namespace vmolmo
