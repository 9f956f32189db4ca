#include <cmath>

#include "bench/cuda/kernels/map_case.h"
#include "native/kernels/cuda/components.h"
#include "native/kernels/cuda/mask_fusion.h"
#include "native/kernels/cuda/mask_render.h"
#include "native/kernels/cuda/run_lengths.h"
#include "native/ops/mask.h"

// What becomes of SAM 2's logits (256x256) and of masks of a video (1920x1080), 16 objects.
namespace vmolmo::cuda_bench {
namespace {

struct Extent {
  int64_t count, h, w;
  size_t pixels() const { return static_cast<size_t>(count * h * w); }
};

// Logits whose masks are large shapes with specks and holes.
std::vector<float> shapes(const Extent& e, uint32_t seed) {
  Numbers numbers(seed);
  std::vector<float> x = numbers.floats(e.pixels());
  for (size_t i = 0; i < x.size(); ++i) {
    const double row = static_cast<double>(i / static_cast<size_t>(e.w));
    const double column = static_cast<double>(i % static_cast<size_t>(e.w));
    x[i] = static_cast<float>(1.4 * std::sin(0.05 * row) * std::cos(0.04 * column)) + 0.8f * x[i];
  }
  return x;
}

std::vector<uint8_t> masks_of(const Extent& e, uint32_t seed) {
  std::vector<uint8_t> masks;
  for (const float value : shapes(e, seed)) masks.push_back(value > 0.0f);
  return masks;
}

Case render(bool one_owner, const Sizes& sizes) {
  const Extent in = sizes.tiny ? Extent{3, 9, 11} : Extent{16, 256, 256};
  const Extent out = sizes.tiny ? Extent{3, 20, 37} : Extent{16, 1080, 1920};
  constexpr float kLimit = -10.0f;
  Mapping<float, uint8_t> m;
  m.input = shapes(in, sizes.seed);
  m.outputs = out.pixels();
  m.launch = [=](cudaStream_t stream, const float* x, uint8_t* y) {
    cuda::render_masks(stream, {x, y, in.count, in.h, in.w, out.h, out.w, 0.0f, one_owner, kLimit});
  };
  Context cpu(1);
  const Tensor logits = Tensor::from(m.input, {in.count, in.h, in.w});
  const Tensor expected = ops::render_masks(
      cpu, logits, out.h, out.w, 0.0f, one_owner ? std::optional<float>(kLimit) : std::nullopt);
  m.expected = [expected](size_t at) { return expected.data<uint8_t>()[at]; };
  return map_case(std::move(m), sizes, 0.0);
}

// The target is copied first, as it is changed in place.
Case holes(const Sizes& sizes) {
  const Extent e = sizes.tiny ? Extent{2, 40, 37} : Extent{16, 256, 256};
  constexpr int64_t kArea = 16;
  Mapping<float, float> m;
  m.input = shapes(e, sizes.seed);
  m.outputs = e.pixels();
  const auto parents = reserve<int32_t>(e.pixels()), areas = reserve<int32_t>(e.pixels());
  m.launch = [=](cudaStream_t stream, const float* x, float* y) {
    cuda::check(cudaMemcpyAsync(y, x, e.pixels() * sizeof(float), cudaMemcpyDeviceToDevice, stream),
                "copy the logits");
    cuda::SmallComponents call;
    call.target = y;
    call.masks = e.count, call.h = e.h, call.w = e.w;
    call.max_area = kArea, call.value = 0.1f;
    call.parents = parents->get(), call.areas = areas->get();
    cuda::replace_small(stream, call);
  };
  Context cpu(1);
  Tensor expected = Tensor::from(m.input, {e.count, e.h, e.w});
  ops::fill_holes_inplace(cpu, expected, kArea, 0.0f, 0.1f);
  m.expected = [expected](size_t at) { return expected.data<float>()[at]; };
  return map_case(std::move(m), sizes, 0.0);
}

// The masks of both directions lie one behind the other in the input.
Case fusion(const Sizes& sizes) {
  const Extent e = sizes.tiny ? Extent{3, 16, 9} : Extent{16, 1080, 1920};
  Mapping<uint8_t, uint8_t> m;
  m.input = masks_of(e, sizes.seed);
  const std::vector<uint8_t> other = masks_of(e, sizes.seed + 1);
  m.input.insert(m.input.end(), other.begin(), other.end());
  m.outputs = e.pixels();
  const auto branches = reserve<uint8_t>(static_cast<size_t>(e.count));
  const auto counts = reserve<unsigned long long>(static_cast<size_t>(3 * e.count));
  m.launch = [=](cudaStream_t stream, const uint8_t* x, uint8_t* y) {
    cuda::check(cudaMemsetAsync(counts->get(), 0, 24 * static_cast<size_t>(e.count), stream),
                "clear the counts");
    cuda::MaskFusion call;
    call.forward = x, call.backward = x + e.pixels(), call.fused = y;
    call.branches = branches->get(), call.counts = counts->get();
    call.objects = e.count, call.pixels = e.h * e.w;
    call.tau = 0.7;
    cuda::fuse_masks(stream, call);
  };
  // The two masks of a pair have far less than 7/10 in common or nearly everything; either way one
  // rule holds for all pixels of a mask.
  m.expected = [x = m.input, e](size_t at) {
    const auto pixels = static_cast<size_t>(e.h * e.w);
    const uint8_t *a = x.data() + at / pixels * pixels, *b = a + e.pixels();
    size_t both = 0, either = 0;
    for (size_t i = 0; i < pixels; ++i) both += a[i] & b[i], either += a[i] | b[i];
    const bool intersection = static_cast<double>(both) / static_cast<double>(either) >= 0.7;
    const size_t i = at % pixels;
    return static_cast<double>(intersection ? a[i] & b[i] : a[i] | b[i]);
  };
  return map_case(std::move(m), sizes, 0.0, static_cast<double>(2 * e.pixels()));
}

// Finding the changes: the bits of the columns are what is checked.
Case runs(const Sizes& sizes) {
  const Extent e = sizes.tiny ? Extent{2, 37, 21} : Extent{16, 1080, 1920};
  Mapping<uint8_t, uint32_t> m;
  m.input = masks_of(e, sizes.seed);
  cuda::ColumnBits columns;
  columns.masks = e.count, columns.h = e.h, columns.w = e.w;
  m.outputs = static_cast<size_t>(e.count * columns.words());
  const auto starts = reserve<int32_t>(m.outputs);
  const auto changes = reserve<int32_t>(static_cast<size_t>(e.count));
  m.launch = [=](cudaStream_t stream, const uint8_t* x, uint32_t* y) {
    cuda::ColumnBits call = columns;
    call.bits = y, call.starts = starts->get(), call.changes = changes->get();
    cuda::find_changes(stream, x, call);
  };
  m.expected = [x = m.input, e, segments = columns.segments()](size_t at) {
    const auto i = static_cast<int64_t>(at);
    const int64_t line = i % segments * 32, column = i / segments % e.w, mask = i / segments / e.w;
    uint32_t bits = 0;
    for (int64_t y = line; y < std::min(line + 32, e.h); ++y)
      bits |= static_cast<uint32_t>(x[static_cast<size_t>((mask * e.h + y) * e.w + column)])
              << (y - line);
    return static_cast<double>(bits);
  };
  return map_case(std::move(m), sizes, 0.0);
}

}  // namespace

std::vector<Entry> mask_cases() {
  return {{"masks: 16 objects to 1920x1080", [](const Sizes& z) { return render(false, z); }},
          {"masks: the same, one owner a pixel", [](const Sizes& z) { return render(true, z); }},
          {"masks: holes of 16 objects, with a copy", holes},
          {"masks: fusion of 16 pairs, 1920x1080", fusion},
          {"masks: columns of 16 masks for run lengths", runs}};
}

}  // namespace vmolmo::cuda_bench
