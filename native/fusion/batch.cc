#include "native/fusion/batch.h"

#include <algorithm>

#include "native/fusion/rle.h"
#include "native/kernels/cuda/mask_fusion.h"
#include "native/kernels/cuda/run_lengths.h"
#include "native/ops/copy.h"
#include "native/ops/on_cuda.h"

namespace vmolmo {
namespace {

using ops::on_device;
using ops::stream;

// The masks as contiguous [N, H, W]; empty stays empty.
Tensor dense_masks(Context& context, const Tensor& masks, const char* op) {
  if (!masks) return masks;
  require(masks.rank() == 3 && masks.dtype() == DType::kU8, Code::kInternal, op,
          ": expected U8 masks [N, H, W]; got ", masks.dtype(), " ", masks.shape(), ".");
  return masks.is_contiguous() ? masks : ops::dense_copy(context, masks);
}

void fuse_on_device(Context& context, const Tensor& forward, const Tensor& backward, double tau,
                    FusionStrategy strategy, const FusedBatch& batch) {
  cuda::MaskFusion call;
  call.forward = forward ? on_device<uint8_t>(forward) : nullptr;
  call.backward = backward ? on_device<uint8_t>(backward) : nullptr;
  call.fused = on_device<uint8_t>(batch.masks);
  call.branches = on_device<uint8_t>(batch.branches);
  call.counts = reinterpret_cast<unsigned long long*>(on_device<int64_t>(batch.counts));
  call.objects = batch.masks.dim(0);
  call.pixels = batch.masks.dim(1) * batch.masks.dim(2);
  call.tau = tau;
  call.strategy = strategy;
  cuda::fuse_masks(stream(context), call);
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

std::vector<std::vector<uint32_t>> encode_on_device(Context& context, const Tensor& masks) {
  cuda::ColumnBits columns;
  columns.masks = masks.dim(0), columns.h = masks.dim(1), columns.w = masks.dim(2);
  const Tensor bits = context.empty({columns.masks, columns.words()}, DType::kI32);
  const Tensor starts = context.empty({columns.masks, columns.words()}, DType::kI32);
  const Tensor changes = context.empty({columns.masks}, DType::kI32);
  columns.bits = reinterpret_cast<uint32_t*>(on_device<int32_t>(bits));
  columns.starts = on_device<int32_t>(starts);
  columns.changes = on_device<int32_t>(changes);
  cuda::find_changes(stream(context), on_device<uint8_t>(masks), columns);
  const Tensor counted = context.to_host(changes);
  std::vector<int64_t> offsets{0};
  for (int64_t m = 0; m < columns.masks; ++m)
    offsets.push_back(offsets.back() + counted.data<int32_t>()[m]);
  const int64_t total = offsets.back();
  offsets.pop_back();
  Tensor begins = Tensor::empty(cpu_heap(), {columns.masks}, DType::kI64);
  std::ranges::copy(offsets, begins.data<int64_t>());
  begins = context.to_device(begins);
  const Tensor positions = context.empty({total + 1}, DType::kI32);
  const Tensor runs = context.empty({total + columns.masks}, DType::kI32);
  cuda::write_runs(stream(context), columns, on_device<int64_t>(begins),
                   reinterpret_cast<uint32_t*>(on_device<int32_t>(positions)),
                   reinterpret_cast<uint32_t*>(on_device<int32_t>(runs)));
  const Tensor host = context.to_host(runs);
  std::vector<std::vector<uint32_t>> out;
  for (int64_t m = 0; m < columns.masks; ++m) {
    const int32_t* from = host.data<int32_t>() + offsets[static_cast<size_t>(m)] + m;
    out.emplace_back(from, from + counted.data<int32_t>()[m] + 1);
  }
  return out;
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
  ON_CUDA(context) {
    fuse_on_device(context, first, second, tau, strategy, batch);
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
  ON_CUDA(context) return encode_on_device(context, dense);
  std::vector<std::vector<uint32_t>> out;
  for (int64_t m = 0; m < dense.dim(0); ++m)
    out.push_back(encode_rle(dense.data<uint8_t>() + m * pixels, dense.dim(2), dense.dim(1)));
  return out;
}

}  // namespace vmolmo
