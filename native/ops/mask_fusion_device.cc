#include "native/ops/mask_fusion_device.h"

#include <algorithm>

#include "native/kernels/cuda/mask_fusion.h"
#include "native/kernels/cuda/run_lengths.h"
#include "native/ops/on_cuda.h"

namespace vmolmo::ops {

void fuse_on_device(Context& context, const DeviceFusion& fusion) {
  ON_CUDA(context) {
    cuda::MaskFusion call;
    call.forward = fusion.forward ? on_device<uint8_t>(fusion.forward) : nullptr;
    call.backward = fusion.backward ? on_device<uint8_t>(fusion.backward) : nullptr;
    call.fused = on_device<uint8_t>(fusion.masks);
    call.branches = on_device<uint8_t>(fusion.branches);
    call.counts = reinterpret_cast<unsigned long long*>(on_device<int64_t>(fusion.counts));
    call.objects = fusion.masks.dim(0);
    call.pixels = fusion.masks.dim(1) * fusion.masks.dim(2);
    call.tau = fusion.tau;
    call.strategy = fusion.strategy;
    return cuda::fuse_masks(stream(context), call);
  }
  fail(Code::kInternal, "fuse_on_device: the masks ", fusion.masks.shape(),
       " lie in the CPU's memory.");
}

std::vector<std::vector<uint32_t>> run_lengths_on_device(Context& context, const Tensor& masks) {
  ON_CUDA(context) {
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
  fail(Code::kInternal, "run_lengths_on_device: the masks ", masks.shape(),
       " lie in the CPU's memory.");
}

}  // namespace vmolmo::ops
