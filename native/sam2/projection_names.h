#pragma once

#include "native/layers/attention.h"

namespace vmolmo::sam2 {

// What SAM 2's checkpoints call the projections of an attention.
inline constexpr AttentionNames kProjections{"q_proj.", "k_proj.", "v_proj.", "out_proj."};

}  // namespace vmolmo::sam2
