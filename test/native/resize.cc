#include "native/ops/resize.h"

#include "test/native/harness.h"

// The expected values of the small cases were computed with torch's interpolate.
namespace vmolmo::test {
namespace {

Tensor ramp(int64_t h, int64_t w) {
  std::vector<float> values;
  for (int64_t y = 0; y < h; ++y) {
    for (int64_t x = 0; x < w; ++x) values.push_back(float((y * 7 + x * x * 3) % 11) / 11.0f);
  }
  return Tensor::from(values, {h, w, 1});
}

TEST_CASE("antialiased bilinear: 5x7 to 3x4") {
  Context context(2);
  const std::vector<float> expected{0.39393938f, 0.38181818f, 0.32415584f, 0.64069259f,
                                    0.51034153f, 0.43959597f, 0.41939393f, 0.31794128f,
                                    0.61842912f, 0.34181815f, 0.47844154f, 0.52504641f};
  check_close(ops::resize_antialias(context, ramp(5, 7), 3, 4).to_vector(), expected, 5e-7,
              "antialiased bilinear: 5x7 to 3x4");
}

TEST_CASE("antialiased bilinear: 5x7 to 6x3") {
  Context context(2);
  const std::vector<float> expected{0.13636363f, 0.35828879f, 0.72077918f, 0.61363637f, 0.30614972f,
                                    0.44805193f, 0.56060606f, 0.45409983f, 0.27002168f, 0.4063853f,
                                    0.44518724f, 0.38365796f, 0.47240263f, 0.30882356f, 0.59253246f,
                                    0.68181819f, 0.43315509f, 0.48051953f};
  check_close(ops::resize_antialias(context, ramp(5, 7), 6, 3).to_vector(), expected, 5e-7,
              "antialiased bilinear: 5x7 to 6x3");
}

TEST_CASE("bilinear: 5x7 to 3x4") {
  Context context(2);
  const std::vector<float> expected{0.31439394f, 0.30681819f, 0.2537879f,  0.69696969f,
                                    0.37500003f, 0.40909094f, 0.64772725f, 0.090909094f,
                                    0.64393938f, 0.38636354f, 0.62499994f, 0.48484856f};
  check_close(ops::resize_bilinear(context, ramp(5, 7).reshape({1, 5, 7, 1}), 3, 4).to_vector(),
              expected, 5e-7, "bilinear: 5x7 to 3x4");
}

TEST_CASE("bicubic: 5x7 to 4x9") {
  Context context(2);
  const std::vector<float> expected{
      0.052266337f, 0.27729446f,  0.27096343f,  0.19475442f, 0.41002312f, 0.29744092f,
      0.57304198f,  0.83555758f,  0.78391361f,  0.51099432f, 0.78552866f, 0.85897541f,
      0.59791923f,  0.30424362f,  0.21738753f,  0.22175513f, 0.24475212f, 0.24161054f,
      0.7271499f,   0.38927293f,  0.045962542f, 0.13152759f, 0.5765714f,  0.41720662f,
      0.43696612f,  0.52928686f,  0.51393837f,  0.579575f,   0.71842545f, 0.72842574f,
      0.41920486f,  0.034268469f, 0.70748633f,  0.66285282f, 0.36030206f, 0.40815887f};
  check_close(ops::resize_bicubic(context, ramp(5, 7), 4, 9).to_vector(), expected, 5e-7,
              "bicubic: 5x7 to 4x9");
}

TEST_CASE("resize: a constant picture stays constant, any size and kind") {
  Context context(2);
  const Tensor x = Tensor::from(std::vector<float>(13 * 17 * 2, 0.375f), {13, 17, 2});
  for (auto [h, w] : {std::pair<int64_t, int64_t>{1, 1}, {5, 40}, {13, 9}, {64, 64}}) {
    const Tensor batched = x.reshape({1, 13, 17, 2});
    for (const Tensor& y :
         {ops::resize_antialias(context, x, h, w), ops::resize_bicubic(context, x, h, w),
          ops::resize_bilinear(context, batched, h, w)[0]}) {
      check(y.shape() == Shape({h, w, 2}), "shape ", y.shape());
      for (float v : y.to_vector()) check(std::abs(v - 0.375f) < 1e-6f, "value ", v);
    }
  }
}

TEST_CASE("resize: bytes are divided by 255 first, rows may be padded") {
  Context context(2);
  std::vector<uint8_t> bytes(6 * 40);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = uint8_t(i * 37);
  const ops::ImageView image{bytes.data(), 9, 6, 3, 40};
  std::vector<float> floats;
  for (int64_t y = 0; y < 6; ++y) {
    for (int64_t x = 0; x < 27; ++x) floats.push_back(float(bytes[size_t(y * 40 + x)]) / 255.0f);
  }
  const Tensor x = Tensor::from(floats, {6, 9, 3});
  for (auto [h, w] : {std::pair<int64_t, int64_t>{6, 9}, {4, 9}, {6, 20}, {3, 5}}) {
    check(ops::resize_antialias(context, image, h, w).to_vector() ==
              ops::resize_antialias(context, x, h, w).to_vector(),
          "size ", w, "x", h);
  }
  ops::ImageView broken = image;
  broken.stride = 20;
  check_throws(Code::kInvalidArgument, [&] { ops::resize_antialias(context, broken, 4, 4); });
  check_throws(Code::kInvalidArgument, [&] { ops::resize_antialias(context, image, 0, 4); });
}

TEST_CASE("pillow bicubic: identity, constants, clamping") {
  Context context(2);
  std::vector<uint8_t> bytes(8 * 12 * 3);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = i % 7 < 3 ? 255 : 0;
  const ops::ImageView image{bytes.data(), 12, 8, 3, 36};
  const Tensor same = ops::resize_pillow_bicubic(context, image, 8, 12);
  check(std::equal(bytes.begin(), bytes.end(), same.data<uint8_t>()), "identity");
  std::fill(bytes.begin(), bytes.end(), uint8_t{201});
  const Tensor flat = ops::resize_pillow_bicubic(context, image, 31, 5);
  for (int64_t i = 0; i < flat.numel(); ++i) check(flat.data<uint8_t>()[i] == 201, "constant");
}

TEST_CASE("upsample_nearest_2x repeats every sample") {
  Context context(2);
  const Tensor x = Tensor::from(std::vector<float>{1, 2, 3, 4}, {1, 1, 2, 2});
  const std::vector<float> expected{1, 2, 1, 2, 3, 4, 3, 4, 1, 2, 1, 2, 3, 4, 3, 4};
  check(ops::upsample_nearest_2x(context, x).to_vector() == expected, "values");
}

}  // namespace
}  // namespace vmolmo::test
