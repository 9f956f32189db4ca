#pragma once

#include <cstdint>

namespace vmolmo {

// What a layer applies to its sums, element by element.
enum class Activation : uint8_t {
  kNone,
  kRelu,
  kGelu,       // exact, x/2 (1 + erf(x / sqrt 2))
  kQuickGelu,  // x sigmoid(1.702 x)
  kSilu,       // x sigmoid(x)
  kSigmoid,
};

}  // namespace vmolmo
