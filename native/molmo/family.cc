#include "native/molmo/family.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "native/molmo/memory_plan.h"
#include "native/molmo/pointer.h"

namespace vmolmo {
namespace {

template <size_t N>
bool ends_with_one(std::string_view name, const std::array<std::string_view, N>& endings) {
  return std::ranges::any_of(endings,
                             [&](std::string_view ending) { return name.ends_with(ending); });
}

constexpr std::array<std::string_view, 2> kEmbeddings{"wte.embedding", "wte.new_embedding"};
constexpr std::array<std::string_view, 7> kVisionLayers{".wq.weight",
                                                        ".wk.weight",
                                                        ".wv.weight",
                                                        ".wo.weight",
                                                        ".w1.weight",
                                                        ".w2.weight",
                                                        ".patch_embedding.weight"};
constexpr std::array<std::string_view, 3> kProjector{".w1.weight", ".w2.weight", ".w3.weight"};
constexpr std::array<std::string_view, 4> kDecoderLayers{".att_proj.weight", ".attn_out.weight",
                                                         ".ff_proj.weight", ".ff_out.weight"};

LayerKind kind_of(const std::string& name, const Shape&) {
  const std::string_view view = name;
  if (view == "model.transformer.ff_out.weight") return LayerKind::kHead;
  if (ends_with_one(view, kEmbeddings)) return LayerKind::kMatrix;
  if (view.find(".image_projector.") != view.npos)
    return ends_with_one(view, kProjector) ? LayerKind::kLanguage : LayerKind::kTable;
  if (view.find(".vision_backbone.") != view.npos)
    return ends_with_one(view, kVisionLayers) ? LayerKind::kVision : LayerKind::kTable;
  return ends_with_one(view, kDecoderLayers) ? LayerKind::kLanguage : LayerKind::kTable;
}

std::unique_ptr<Pointer> load(const Attributes& attributes, std::shared_ptr<WeightSource> weights,
                              const LoadOptions& options) {
  return std::make_unique<MolmoPointer>(read_molmo_config(attributes), std::move(weights), options);
}

PointerMemory memory(const Attributes& attributes, Device::Kind kind, size_t available) {
  return molmo_memory(read_molmo_config(attributes), kind, available);
}

TensorRules tensors(const Attributes& attributes, const std::string& names) {
  read_molmo_config(attributes);
  return molmo_tensors(names);
}

}  // namespace

TensorRules molmo_tensors(const std::string& names) {
  require(names.empty(), Code::kInvalidArgument,
          "names: Molmo's tensors have one set of names, got '", names, "'.");
  return {kind_of};
}

const PointerFamily kMolmoFamily{"molmo", load, memory, tensors};

}  // namespace vmolmo
