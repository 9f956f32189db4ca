// Pictures to model inputs in one pass down the columns, against the CPU's separate steps.

#include "native/ops/preprocess.h"

#include "test/native/cuda/support.h"

namespace vmolmo::test {
namespace {

constexpr std::array<float, 3> kMean{0.4f, 0.5f, 0.45f}, kStd{0.2f, 0.25f, 0.3f};

struct Picture {
  Tensor bytes;
  ops::ImageView view;
  Picture(Random& random, int64_t width, int64_t height, int64_t gap)
      : bytes(Tensor::empty(cpu_heap(), {height, 3 * width + gap}, DType::kU8)) {
    for (int64_t i = 0; i < bytes.numel(); ++i)
      bytes.data<uint8_t>()[i] = static_cast<uint8_t>(random.integer(0, 255));
    view = {bytes.data<uint8_t>(), width, height, 3, 3 * width + gap};
  }
};

}  // namespace

TEST_CASE("cuda preprocess: resized and normalised, both filters, axes that keep their length") {
  Context cpu(1), gpu(Device{Device::Kind::kCuda, 0}, 1);
  Random random(3);
  const Picture picture(random, 37, 23, 5);
  for (const auto filter : {ops::ResizeFilter::kTriangle, ops::ResizeFilter::kPillowBicubic}) {
    for (const auto& [h, w] :
         {std::pair<int64_t, int64_t>{41, 100}, {9, 20}, {23, 50}, {30, 37}, {23, 37}}) {
      const Tensor expected = ops::resize_normalized(cpu, picture.view, h, w, filter, kMean, kStd);
      for_each_order([&] {
        const Tensor actual =
            gpu.to_host(ops::resize_normalized(gpu, picture.view, h, w, filter, kMean, kStd));
        check(actual.shape() == expected.shape(), "shape ", actual.shape());
        check_close(actual.to_vector(), expected.to_vector(), 2e-6, int(filter), " ", h, "x", w);
      });
    }
  }
}

TEST_CASE("cuda preprocess: crops of several canvases from one upload") {
  Context cpu(1), gpu(Device{Device::Kind::kCuda, 0}, 1);
  Random random(4);
  const Picture picture(random, 31, 26, 0);
  // One crop that holds the whole picture, and overlapping ones with padding on all sides.
  const auto cuts = [&](Context& context) {
    const Tensor crops = context.empty({7, 9, 48});
    ops::CropCut whole{1, 0, 1, 1, 12, 3, 4, kMean, kStd};
    ops::CropCut tiles{3, 2, 2, 3, 8, 3, 4, kMean, kStd};
    const std::vector<ops::ScaledCut> both{{10, 12, whole, crops.slice(0, 0, 1)},
                                           {14, 25, tiles, crops.slice(0, 1, 7)}};
    ops::resize_and_cut(context, picture.view, both);
    return context.to_host(crops).to_vector();
  };
  const std::vector<float> expected = cuts(cpu);
  for_each_order([&] {
    const int64_t before = counted().host_to_device;
    check_close(cuts(gpu), expected, 2e-6, "crops");
    // The tables of taps come once.
    const int64_t first = counted().host_to_device - before;
    cuts(gpu);
    if (kEmulated)
      check(counted().host_to_device - before - first == 1, "the picture was uploaded again");
  });
}

TEST_CASE("cuda preprocess: what is no picture is refused") {
  Context gpu(Device{Device::Kind::kCuda, 0}, 1);
  Random random(5);
  Picture picture(random, 4, 4, 0);
  const auto resize = [&](int64_t h, int64_t w) {
    ops::resize_normalized(gpu, picture.view, h, w, ops::ResizeFilter::kTriangle, kMean, kStd);
  };
  check_throws(Code::kInvalidArgument, [&] { resize(0, 4); });
  picture.view.channels = 1;
  check_throws(Code::kInvalidArgument, [&] { resize(4, 4); });
}

}  // namespace vmolmo::test
