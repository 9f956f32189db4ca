#include "native/molmo/pointer.h"

#include <array>

#include "native/molmo/family.h"
#include "native/molmo/preprocess.h"
#include "native/ops/call_scope.h"
#include "native/ops/memory_left.h"
#include "native/ops/picture.h"
#include "native/weights/weight_source.h"

namespace vmolmo {

MolmoPointer::MolmoPointer(const MolmoConfig& config, std::shared_ptr<WeightSource> weights,
                           const LoadOptions& options)
    : context_(options.device, options.threads, options.memory_limit), config_(config) {
  require(options.max_batch >= 0, Code::kInvalidArgument, "max_batch must not be negative; it is ",
          options.max_batch, ".");
  const CallScope scope(context_, {options.cancel, nullptr});
  const WeightPolicy policy(options);
  context_.set_products(policy.exact() ? Products::kExact : Products::kTensorCores);
  WeightLoader loader(std::move(weights), molmo_tensors(options.names), policy, context_.threads());
  loader.set_cancel(options.cancel);
  loader.set_memory(context_.weight_memory());
  model_ = std::make_unique<VideoMolmo>(context_, config_, loader);
  loader.finish();
  info_.parameters = loader.parameters();
  info_.weight_bytes = loader.bytes();
  info_.threads = context_.threads().size();
  plan(options);
}

void MolmoPointer::plan(const LoadOptions& options) {
  BatchSizes sizes = best_batch_sizes(context_.device().kind, config_.previous_frames);
  if (options.max_batch > 0) sizes.sequences = options.max_batch;
  const MemoryLeft left(context_, options.memory_limit, info_.weight_bytes);
  const PointerPlan plan = plan_pointer(config_, sizes, context_.device().kind, left.available);
  left.require_for("pointer", plan.bytes);
  context_.reserve(plan.bytes);
  model_->set_plan(plan);
  info_.work_bytes = static_cast<int64_t>(plan.bytes);
  info_.sequences = plan.sizes.sequences;
  info_.frames = plan.sizes.frames;
}

std::unique_ptr<PointerStream> MolmoPointer::open_stream(const StreamOptions& options) {
  return std::make_unique<MolmoStream>(*this, options);
}

NamedTensors MolmoPointer::preprocess(const RgbImage& image) {
  const ops::ImageView view = ops::view_of(image);
  const ImageLayout layout = plan_image(config_, image.width, image.height);
  context_.activate();
  std::vector<int32_t> positions = layout.cell_position;
  for (int32_t& position : positions)
    if (position >= 0) ++position;  // behind BOS
  const std::array tiling{static_cast<int32_t>(layout.rows), static_cast<int32_t>(layout.columns)};
  const int64_t patches = config_.vit.grid() * config_.vit.grid();
  return {{"pre.crops", context_.to_host(make_crops(context_, config_, layout, view, true))},
          {"pre.image_input_idx", Tensor::from(positions, {layout.crops, layout.cells})},
          {"pre.image_masks", Tensor::from(layout.masks, {layout.crops, patches})},
          {"pre.image_tokens",
           Tensor::from(layout.tokens, {static_cast<int64_t>(layout.tokens.size())})},
          {"pre.tiling", Tensor::from(tiling, {2})}};
}

}  // namespace vmolmo
