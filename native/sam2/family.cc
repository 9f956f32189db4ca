#include "native/sam2/family.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "native/sam2/memory_needs.h"
#include "native/sam2/segmenter.h"
#include "native/weights/sam2_names.h"

namespace vmolmo::sam2 {
namespace {

// Of rank 2 like a layer's matrix, but looked up or added: the prompts' embeddings and the
// decoder's tokens.
bool is_embedding(std::string_view name) {
  constexpr std::array<std::string_view, 7> kParts{
      "point_embeddings.", "point_embed.weight", "_a_point_embed.weight", "no_mask_embed.weight",
      "iou_token.weight",  "mask_tokens.weight", "obj_score_token.weight"};
  return std::ranges::any_of(kParts,
                             [&](std::string_view part) { return name.find(part) != name.npos; });
}

// The rank tells a layer's matrix and a 1x1 kernel from the wider kernels, in both sets of names.
LayerKind kind_of(const std::string& name, const Shape& shape) {
  if (name == "no_mem_pos_enc" || name == "no_memory_positional_encoding")
    return LayerKind::kUnused;
  const bool flat = shape.rank() == 2 || (shape.rank() == 4 && shape[2] == 1 && shape[3] == 1);
  const bool layer = flat && name.ends_with(".weight") && !is_embedding(name);
  return layer ? LayerKind::kMatrix : LayerKind::kTable;
}

std::unique_ptr<Segmenter> load(const Attributes& attributes, std::shared_ptr<WeightSource> weights,
                                const LoadOptions& options) {
  return std::make_unique<Sam2Segmenter>(read_config(attributes), std::move(weights), options);
}

SegmenterMemory memory(const Attributes& attributes, Device::Kind kind, size_t available) {
  return segmenter_memory(read_config(attributes), kind, available);
}

TensorRules tensors(const Attributes& attributes, const std::string& names) {
  read_config(attributes);
  return tensor_rules(names);
}

}  // namespace

TensorRules tensor_rules(const std::string& names) {
  if (names.empty() || names == "original") return {kind_of};
  require(names == "transformers", Code::kInvalidArgument,
          "names: expected 'original' or 'transformers', got '", names, "'.");
  return {kind_of, sam2_transformers_name, sam2_transformers_source};
}

const SegmenterFamily kFamily{"sam2", load, memory, tensors};

}  // namespace vmolmo::sam2
