#pragma once

#include <cstdint>

namespace vmolmo::ops {

// Which kernel goes over the rows (tokens) of an op's input. kAuto takes the faster one for their
// number, so that the last bits of a row can depend on how many others come with it. With the other
// two they do not: a row gets the same bits alone, in a batch, and behind a reused prefix.
enum class RowPath : uint8_t {
  kAuto,
  kStream,  // few rows: weights and keys are read as they lie (decoding)
  kBlock,   // many rows: register tiles over packed panels (prefill)
};

}  // namespace vmolmo::ops
