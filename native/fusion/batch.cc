#include "native/fusion/batch.h"

#include <algorithm>

#include "native/fusion/rle.h"
#include "native/ops/copy.h"
#include "native/ops/mask_fusion_device.h"

namespace vmolmo {
namespace {

// The masks as contiguous [N, H, W]; empty stays empty.
Tensor dense_masks(Context& context, const Tensor& masks, const char* op) {
  if (!masks) return masks;
  require(masks.rank() == 3 && masks.dtype() == DType::kU8, Code::kInternal, op,
          ": expected U8 masks [N, H, W]; got ", masks.dtype(), " ", masks.shape(), ".");
  return masks.is_contiguous() ? masks : ops::dense_copy(context, masks);
}

void fuse_one(const Tensor& forward, const Tensor& backward, int64_t index, double tau,
              FusionStrategy strategy, const FusedBatch& batch) {
  const int64_t pixels = batch.masks.dim(1) * batch.masks.dim(2);
  const auto bytes = [&](const Tensor& masks) {
    return masks ? MaskBytes{masks.data<uint8_t>() + index * pixels, pixels} : MaskBytes{};
  };
  const MaskBytes first = bytes(forward), second = bytes(backward);
  const FusedMask fused = fuse_masks(first, second, tau, strategy);
  std::ranges::copy(fused.data, batch.masks.data<uint8_t>() + index * pixels);
  batch.branches.data<uint8_t>()[index] = static_cast<uint8_t>(fused.branch);
  const FusionCounts counts = count_pixels(first, second);
  int64_t* out = batch.counts.data<int64_t>() + 3 * index;
  out[0] = counts.forward, out[1] = counts.backward, out[2] = counts.intersection;
}

}  // namespace

FusedBatch fuse_batch(Context& context, const Tensor& forward, const Tensor& backward, double tau,
                      FusionStrategy strategy) {
  require(tau >= 0.0 && tau <= 1.0, Code::kInvalidArgument, "tau must be from 0 to 1, but is ", tau,
          ".");
  const Tensor first = dense_masks(context, forward, "fuse_batch");
  const Tensor second = dense_masks(context, backward, "fuse_batch");
  require(first || second, Code::kInvalidArgument,
          "forward or backward must be masks, but both are absent.");
  require(!first || !second || first.shape() == second.shape(), Code::kInvalidArgument,
          "Two batches of masks must have the same size to be fused, but have ",
          first ? first.shape() : Shape{}, " and ", second ? second.shape() : Shape{}, ".");
  const Shape shape = first ? first.shape() : second.shape();
  FusedBatch batch{context.empty(shape, DType::kU8), context.empty({shape[0]}, DType::kU8),
                   context.zeros({shape[0], 3}, DType::kI64)};
  if (shape[0] == 0) return batch;
  if (!context.at_hand(batch.masks)) {
    ops::fuse_on_device(context,
                        {first, second, batch.masks, batch.branches, batch.counts, tau, strategy});
    return batch;
  }
  for (int64_t i = 0; i < shape[0]; ++i) fuse_one(first, second, i, tau, strategy, batch);
  return batch;
}

std::vector<std::vector<uint32_t>> encode_rle_batch(Context& context, const Tensor& masks) {
  const Tensor dense = dense_masks(context, masks, "encode_rle_batch");
  require(dense && dense.dim(1) * dense.dim(2) <= INT32_MAX, Code::kInternal,
          "encode_rle_batch: expected masks of fewer than 2^31 pixels.");
  const int64_t pixels = dense.dim(1) * dense.dim(2);
  if (pixels == 0)
    return std::vector<std::vector<uint32_t>>(static_cast<size_t>(dense.dim(0)), {0});
  if (dense.dim(0) == 0) return {};
  if (!context.at_hand(dense)) return ops::run_lengths_on_device(context, dense);
  std::vector<std::vector<uint32_t>> out;
  for (int64_t m = 0; m < dense.dim(0); ++m)
    out.push_back(encode_rle(dense.data<uint8_t>() + m * pixels, dense.dim(2), dense.dim(1)));
  return out;
}

}  // namespace vmolmo
