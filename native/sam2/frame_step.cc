#include "native/sam2/frame_step.h"

#include <algorithm>
#include <functional>

#include "native/layers/nchw.h"
#include "native/ops/copy.h"
#include "native/ops/elementwise.h"
#include "native/ops/mask.h"
#include "native/ops/stack.h"

namespace vmolmo::sam2 {
namespace {

constexpr float kHoleValue = 0.1f;
// Patterns that have a graph: those of a window while the memory fills, in both directions. Each
// holds its results, 0.8 MiB per object.
constexpr size_t kSlots = 32;
constexpr size_t kSeen = 256;

void tap_memory(Context& context, const MemorySequences& sequences, size_t index,
                const std::string& label) {
  const MemorySequences::Part& part = sequences.parts[index];
  const Tensor memory = sequences.memory.slice(0, part.begin, part.end);
  const Tensor placed = sequences.placed.slice(0, part.begin, part.end);
  const Shape shape{memory.dim(0), 1, memory.dim(1)};
  context.tap(label + "memattn.memory", memory.reshape(shape));
  context.tap(label + "memattn.memory_pos",
              ops::add(context, placed, memory, -1.0f).reshape(shape));
  const std::vector<int32_t> counts{static_cast<int32_t>(memory.dim(0)),
                                    static_cast<int32_t>(part.pointer_tokens)};
  context.tap(label + "memattn.n_tokens", Tensor::from(counts, {2}));
}

// Object `index` of a batch.
void tap_result(Context& context, const HeadResult& heads, const StepResult& kept, int64_t index,
                const std::string& label) {
  const int64_t side = kept.low_res.dim(1);
  context.tap(label + "iou", heads.candidate_ious.slice(0, index, index + 1));
  context.tap(label + "low_res_raw", heads.low_res[index].reshape({1, 1, side, side}));
  context.tap(label + "low_res", kept.low_res[index].reshape({1, 1, side, side}));
  context.tap(label + "obj_ptr", kept.pointers.slice(0, index, index + 1));
  context.tap(label + "object_score", kept.scores.slice(0, index, index + 1).reshape({1, 1}));
}

// What a frame's features consist of.
constexpr Tensor ImageFeatures::* kFeatureTensors[] = {
    &ImageFeatures::vision, &ImageFeatures::high0, &ImageFeatures::high1,
    &ImageFeatures::memory_query, &ImageFeatures::memory_pixels};

}  // namespace

std::vector<FrameOutputPtr> outputs_of(const StepResult& result) {
  std::vector<FrameOutputPtr> outputs;
  for (int64_t b = 0; b < result.low_res.dim(0); ++b) {
    auto output = std::make_shared<FrameOutput>();
    output->low_res = result.low_res[b];
    output->pointer = result.pointers[b];
    output->score = result.scores.slice(0, b, b + 1);
    output->iou = result.ious.slice(0, b, b + 1);
    if (result.memory) output->memory = result.memory[b];
    outputs.push_back(std::move(output));
  }
  return outputs;
}

FrameStep::FrameStep(const Sam2Config& config, Context& context, const TrackerHeads& heads,
                     const MemoryEncoder& memory_encoder, const MemoryAttention& memory_attention,
                     const MemoryAssembler& assembler)
    : heads_(heads),
      memory_encoder_(memory_encoder),
      memory_attention_(memory_attention),
      assembler_(assembler),
      grid_(config.grid()),
      width_(config.hidden_size),
      channels_(config.memory_encoder.channels),
      memory_frames_(config.max_memory_frames),
      pointer_frames_(config.max_object_pointers) {
  // Without a prompt the reference feeds one padding point, beside the one that is always there.
  const ModelPoint none{0.0f, 0.0f, -1};
  no_prompt_ = heads.prompts().sparse(context, {&none, 1});
}

Tensor FrameStep::condition(Context& context, ImageFeatures& features, const MemoryBatch& memories,
                            const std::vector<std::string>& labels) const {
  const auto batch = static_cast<int64_t>(memories.objects.size());
  const int64_t at_once = std::min(batch, context.preferences().token_objects);
  std::vector<Tensor> parts;
  for (int64_t begin = 0; begin < batch; begin += at_once) {
    const int64_t end = std::min(batch, begin + at_once);
    const MemorySequences sequences = assembler_.assemble(context, memories, begin, end);
    std::vector<std::string> names;
    if (context.recording()) names.assign(labels.begin() + begin, labels.begin() + end);
    for (size_t i = 0; i < names.size(); ++i) tap_memory(context, sequences, i, names[i]);
    parts.push_back(memory_attention_.forward(context, features, sequences, names));
    for (size_t i = 0; i < names.size(); ++i) {
      const Tensor one = parts.back()[static_cast<int64_t>(i)];
      context.tap(names[i] + "memattn.out", one.reshape({one.dim(0), 1, one.dim(1)}));
    }
  }
  return ops::joined(context, parts);
}

StepResult FrameStep::finish(Context& context, const HeadResult& heads, int64_t fill_hole_area,
                             const std::vector<std::string>& labels) const {
  StepResult kept{context.keep(heads.low_res),
                  context.keep(heads.pointers),
                  context.keep(heads.scores),
                  context.keep(heads.ious),
                  {}};
  if (fill_hole_area > 0)
    ops::fill_holes_inplace(context, kept.low_res, fill_hole_area, 0.0f, kHoleValue);
  for (int64_t b = 0; context.recording() && b < kept.low_res.dim(0); ++b)
    tap_result(context, heads, kept, b, labels[static_cast<size_t>(b)]);
  return kept;
}

Tensor FrameStep::encode_memory(Context& context, ImageFeatures& features,
                                const MemoryEncoder::Request& request,
                                const std::vector<std::string>& labels) const {
  const Tensor memory = memory_encoder_.encode(context, features, request);
  for (int64_t b = 0; context.recording() && b < memory.dim(0); ++b)
    tap_nchw(context, labels[static_cast<size_t>(b)] + "maskmem",
             memory[b].reshape({1, grid_, grid_, channels_}));
  return context.keep(ops::narrowed(context, memory));
}

StepResult FrameStep::compute(Context& context, ImageFeatures& features,
                              const MemoryBatch& memories, int64_t fill_hole_area,
                              const std::vector<std::string>& labels) const {
  HeadRequest request;
  request.image = condition(context, features, memories, labels);
  request.sparse = ops::stacked(context, std::vector<Tensor>(memories.objects.size(), no_prompt_));
  const HeadResult heads = heads_.run(context, request, features);
  StepResult result = finish(context, heads, fill_hole_area, labels);
  // Memory is made from the masks before hole filling.
  result.memory =
      encode_memory(context, features, {heads.low_res, heads.scores, true, false}, labels);
  return result;
}

StepResult FrameStep::track(Context& context, ImageFeatures& features, const MemoryBatch& memories,
                            int64_t fill_hole_area, const std::vector<std::string>& labels) const {
  Slot* slot = find_slot(context, memories, fill_hole_area);
  if (!slot) return compute(context, features, memories, fill_hole_area, labels);
  fill_slot(context, features, memories, *slot);
  const std::vector<Tensor> kept = slot->graph.run(context, [&] {
    const StepResult result = compute(context, features_, slot->inputs, fill_hole_area, {});
    return std::vector<Tensor>{result.low_res, result.pointers, result.scores, result.ious,
                               result.memory};
  });
  return {kept[0], kept[1], kept[2], kept[3], kept[4]};
}

std::vector<const FrameGraph*> FrameStep::graphs() const {
  std::vector<const Slot*> slots;
  for (const auto& [pattern, slot] : slots_) slots.push_back(slot.get());
  std::ranges::sort(slots, std::ranges::greater(), &Slot::used);
  std::vector<const FrameGraph*> graphs;
  for (const Slot* slot : slots) graphs.push_back(&slot->graph);
  return graphs;
}

FrameStep::Slot* FrameStep::find_slot(Context& context, const MemoryBatch& memories,
                                      int64_t fill_hole_area) const {
  if (!context.keeps_graphs()) return nullptr;
  const std::string pattern = concat(memories.pattern(), "holes ", fill_hole_area);
  const auto found = slots_.find(pattern);
  if (found != slots_.end()) {
    found->second->used = ++calls_;
    return found->second.get();
  }
  // A pattern that comes once is not worth a graph.
  if (seen_.size() >= kSeen) seen_.clear();
  if (seen_.insert(pattern).second) return nullptr;
  if (slots_.size() == kSlots) {
    slots_.erase(std::min_element(slots_.begin(), slots_.end(), [](const auto& a, const auto& b) {
      return a.second->used < b.second->used;
    }));
  }
  Slot& slot = *(slots_[pattern] = make_slot(context, memories));
  slot.used = ++calls_;
  return &slot;
}

void FrameStep::reserve(Context& context, const MemoryBatch& memories) const {
  const auto batch = static_cast<int64_t>(memories.objects.size());
  const auto frames = static_cast<int64_t>(memories.memories.size());
  const auto pointers = static_cast<int64_t>(memories.pointers.size());
  if (!memories_ || frames > memories_.dim(0)) {
    slots_.clear();
    memories_ = context.empty({std::max(frames, batch * memory_frames_), grid_ * grid_, channels_},
                              DType::kBF16);
  }
  if (!pointers_ || pointers > pointers_.dim(0)) {
    slots_.clear();
    pointers_ = context.empty({std::max(pointers, batch * pointer_frames_), width_});
    codes_ = context.empty(pointers_.shape());
  }
}

std::unique_ptr<FrameStep::Slot> FrameStep::make_slot(Context& context,
                                                      const MemoryBatch& memories) const {
  reserve(context, memories);
  auto slot = std::make_unique<Slot>();
  const auto frames = static_cast<int64_t>(memories.memories.size());
  const auto pointers = static_cast<int64_t>(memories.pointers.size());
  slot->inputs.objects = memories.objects;
  for (int64_t i = 0; i < frames; ++i) slot->inputs.memories.push_back(memories_[i]);
  for (int64_t i = 0; i < pointers; ++i) slot->inputs.pointers.push_back(pointers_[i]);
  if (memories.codes) slot->inputs.codes = codes_.slice(0, 0, pointers);
  return slot;
}

void FrameStep::fill_slot(Context& context, ImageFeatures& features, const MemoryBatch& memories,
                          Slot& slot) const {
  const auto frames = static_cast<int64_t>(memories.memories.size());
  const auto pointers = static_cast<int64_t>(memories.pointers.size());
  ops::stack_into(context, memories.memories, memories_.slice(0, 0, frames));
  ops::stack_into(context, memories.pointers, pointers_.slice(0, 0, pointers));
  if (memories.codes) ops::copy_into(context, memories.codes, slot.inputs.codes);
  // What the tracker derives from the frame alone is made before, as other calls need it too.
  memory_attention_.first_self_attention(context, features);
  memory_encoder_.pixel_features(context, features);
  for (Tensor ImageFeatures::* tensor : kFeatureTensors) {
    if (!(features_.*tensor)) features_.*tensor = context.empty((features.*tensor).shape());
    ops::copy_into(context, features.*tensor, features_.*tensor);
  }
}

}  // namespace vmolmo::sam2
