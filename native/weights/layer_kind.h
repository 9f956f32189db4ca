#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "videomolmo/tensor.h"

namespace vmolmo {

// What a tensor is to its model. A family has one function from name to kind; the loader, the
// quantiser and the account of memory go by it, on every device.
enum class LayerKind : uint8_t {
  kTable,     // vectors, tables and kernels that ops take in f32
  kMatrix,    // never quantised: embeddings, a segmenter's layers
  kVision,    // linear layers of an encoder and of what pools its features
  kLanguage,  // linear layers of a projector and of a language model
  kHead,      // the language model's output
  kUnused,    // known, and left in the file
};

// `name` as the checkpoint has it; the shape tells a 1x1 kernel from a wider one.
using LayerKinds = std::function<LayerKind(const std::string& name, const Shape& shape)>;

}  // namespace vmolmo
