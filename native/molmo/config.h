#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "native/llm/config.h"
#include "native/vit/config.h"
#include "videomolmo/attributes.h"

namespace vmolmo {

struct PreprocessConfig {
  int64_t max_crops = 12;
  int64_t margin_before = 4;  // overlap margins in patches
  int64_t margin_after = 4;
  std::array<float, 3> mean{0.48145466f, 0.4578275f, 0.40821073f};
  std::array<float, 3> std{0.26862954f, 0.26130258f, 0.27577711f};
  bool use_col_tokens = true;
};

struct ImageTokens {
  int32_t start = 152064;
  int32_t end = 152065;
  int32_t patch = 152066;
  int32_t col = 152067;
  int32_t image = 152068;
};

struct MolmoConfig {
  VitConfig vit;
  DecoderConfig decoder;
  PreprocessConfig preprocess;
  ImageTokens tokens;
  int32_t bos = 151643;
  int32_t eos = 151643;                     // ends an answer; negative: no id does
  std::vector<int64_t> vit_layers{-2, -9};  // negative layers count from the last stored block
  bool pad_embed = false;                   // Molmo: image_padding_embed
  bool temporal_adapter = true;             // VideoMolmo
  int64_t previous_frames = 4;              // l

  // Throws INVALID_ARGUMENT naming the first attribute that no model can have.
  void validate() const;
};

// The configuration that attributes describe, checked; what they leave out is VideoMolmo-7B's.
// Throws INVALID_ARGUMENT naming the attribute.
MolmoConfig read_molmo_config(const Attributes& attributes);

}  // namespace vmolmo
