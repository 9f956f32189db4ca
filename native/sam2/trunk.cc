#include "native/sam2/trunk.h"

#include "native/layers/nchw.h"
#include "native/ops/attention.h"
#include "native/ops/conv.h"
#include "native/ops/elementwise.h"
#include "native/ops/resize.h"
#include "native/ops/window_partition.h"

namespace vmolmo::sam2 {
namespace {

constexpr char kPrefix[] = "image_encoder.trunk.";

Tensor make_positions(const Sam2Config& config, WeightLoader& loader, Context& context) {
  const auto& trunk = config.trunk;
  const int64_t side = config.image_size / 4;
  const int64_t tile = trunk.window_per_stage[0];
  const Tensor background =
      loader.f32(concat(kPrefix, "pos_embed"),
                 {1, trunk.width, trunk.background_size[0], trunk.background_size[1]});
  const Tensor window =
      loader.f32(concat(kPrefix, "pos_embed_window"), {1, trunk.width, tile, tile});
  const Tensor grid = to_nhwc(context, background)[0];
  Tensor positions = ops::resize_bicubic(context, grid, side, side).clone(cpu_heap());
  const Tensor tiles = context.to_host(to_nhwc(context, window));
  float* out = positions.data<float>();
  for (int64_t row = 0; row < side; ++row) {
    for (int64_t column = 0; column < side; ++column) {
      const float* in = tiles.data<float>() + (row % tile * tile + column % tile) * trunk.width;
      for (int64_t c = 0; c < trunk.width; ++c) *out++ += in[c];
    }
  }
  return loader.place(positions);
}

// [B, N, parts * heads * D] -> part `index` as [B, N, heads, D], a view.
Tensor part_of(const Tensor& fused, int64_t parts, int64_t index, int64_t heads) {
  const int64_t width = fused.dim(2) / parts;
  const Tensor split = fused.reshape({fused.dim(0), fused.dim(1), parts, heads, width / heads});
  return split.transpose(0, 2)[index].transpose(0, 1);
}

}  // namespace

Trunk::Trunk(const Sam2Config& config, WeightLoader& loader, Context& context) : config_(config) {
  const int64_t width = config.trunk.width;
  patch_embed_ = load_conv(loader, concat(kPrefix, "patch_embed.proj."), {width, 3, 7, 7}, width);
  positions_ = make_positions(config, loader, context);
  const auto plan = plan_blocks(config);
  for (size_t i = 0; i < plan.size(); ++i) blocks_.push_back(load_block(loader, i, plan[i]));
}

Trunk::Block Trunk::load_block(WeightLoader& loader, size_t index, const BlockPlan& plan) const {
  const std::string prefix = concat(kPrefix, "blocks.", index, ".");
  const float eps = config_.trunk.norm_eps;
  const auto hidden =
      static_cast<int64_t>(static_cast<double>(plan.dim_out) * config_.trunk.mlp_ratio);
  Block block;
  block.plan = plan;
  block.norm = load_norm(loader, prefix + "norm1.", plan.dim, eps);
  block.qkv = load_linear(loader, prefix + "attn.qkv.", plan.dim, 3 * plan.dim_out);
  block.proj = load_linear(loader, prefix + "attn.proj.", plan.dim_out, plan.dim_out);
  block.mlp = {load_norm(loader, prefix + "norm2.", plan.dim_out, eps),
               load_linear(loader, prefix + "mlp.layers.0.", plan.dim_out, hidden),
               load_linear(loader, prefix + "mlp.layers.1.", hidden, plan.dim_out),
               Activation::kGelu};
  if (plan.pool) {
    block.query = block.qkv.outputs(0, plan.dim_out);
    block.key_value = block.qkv.outputs(plan.dim_out, 3 * plan.dim_out);
  }
  if (plan.dim != plan.dim_out)
    block.shortcut = load_linear(loader, prefix + "proj.", plan.dim, plan.dim_out);
  return block;
}

std::array<Tensor, 4> Trunk::forward(Context& context, const Tensor& pixels) const {
  const int64_t side = positions_.dim(0);
  const Tensor positions = positions_.reshape({1, side, side, positions_.dim(2)});
  if (context.recording()) {
    context.tap("trunk.pos_embed", positions);
    context.tap("trunk.patch_embed",
                ops::conv2d(context, pixels, patch_embed_.weight, patch_embed_.bias, 4, 3));
  }
  Tensor x =
      ops::conv2d_add(context, pixels, patch_embed_.weight, patch_embed_.bias, 4, 3, positions);
  std::array<Tensor, 4> stages;
  size_t stage = 0;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    context.check_cancelled();
    x = run_block(context, blocks_[i], x, i);
    context.tap(concat("trunk.block.", i), x);
    if (blocks_[i].plan.stage_end) stages[stage++] = x;
  }
  return stages;
}

Tensor Trunk::run_block(Context& context, const Block& block, const Tensor& x, size_t index) const {
  const BlockPlan& plan = block.plan;
  const Tensor normed = block.norm(context, x, ops::Feeds::kProducts);
  Tensor residual = x;
  if (block.shortcut.weight) {
    // The shortcut starts from the normalised input.
    residual = block.shortcut(context, normed);
    if (plan.pool) residual = ops::max_pool_2x2(context, residual);
  }
  const int64_t height = residual.dim(1), width = residual.dim(2);
  Tensor attended;
  if (plan.window == 0) {
    attended = attend(context, block, normed);
  } else {
    const Tensor windows =
        attend(context, block, ops::window_partition(context, normed, plan.window));
    if (context.recording())
      context.tap(concat("trunk.block.", index, ".attn_windows"), block.proj(context, windows));
    const int64_t side = plan.pool ? plan.window / 2 : plan.window;
    attended = ops::window_unpartition(context, windows, side, height, width);
  }
  // The projection works token by token, so the padding need not go through it.
  return block.mlp.in_chunks(context, block.proj.add_to(context, residual, attended));
}

Tensor Trunk::attend(Context& context, const Block& block, const Tensor& windows) const {
  const BlockPlan& plan = block.plan;
  const int64_t count = windows.dim(0), height = windows.dim(1), width = windows.dim(2);
  const Tensor tokens = windows.reshape({count, height * width, plan.dim});
  ops::AttentionOptions options;
  options.feeds = ops::Feeds::kProducts;
  if (!plan.pool) {
    const Tensor qkv = block.qkv.operand(context, tokens);
    return ops::attention(context, part_of(qkv, 3, 0, plan.heads), part_of(qkv, 3, 1, plan.heads),
                          part_of(qkv, 3, 2, plan.heads), options)
        .reshape({count, height, width, plan.dim_out});
  }
  const Tensor query = ops::max_pool_2x2(
      context, block.query.operand(context, tokens).reshape({count, height, width, plan.dim_out}));
  const Tensor key_value = block.key_value.operand(context, tokens);
  const Tensor heads = query.reshape({count, -1, plan.heads, plan.dim_out / plan.heads});
  return ops::attention(context, heads, part_of(key_value, 2, 0, plan.heads),
                        part_of(key_value, 2, 1, plan.heads), options)
      .reshape({count, height / 2, width / 2, plan.dim_out});
}

}  // namespace vmolmo::sam2
