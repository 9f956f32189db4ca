#include "native/fusion/bit_mask.h"

#include "native/fusion/fuse.h"
#include "native/fusion/fuse_bits.h"
#include "native/fusion/rle.h"
#include "test/native/harness.h"

// Masks of bits against the same done with bytes, one pixel after the other.
namespace vmolmo::test {
namespace {

struct Bytes {
  int64_t width, height;
  std::vector<uint8_t> data;
  uint8_t at(int64_t x, int64_t y) const {
    const bool inside = x >= 0 && y >= 0 && x < width && y < height;
    return inside ? data[static_cast<size_t>(y * width + x)] : 0;
  }
  BitMask packed() const { return BitMask::pack(data.data(), width, height); }
};

// Blocks of pixels, single ones, nothing or everything; set bytes have any value but 0.
Bytes draw(Random& random, int64_t width, int64_t height) {
  Bytes mask{width, height, std::vector<uint8_t>(static_cast<size_t>(width * height), 0)};
  const int64_t kind = random.integer(0, 3);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const bool block = x > width / 4 && x < width / 2 && y > height / 5;
      const bool set = kind == 1   ? random.integer(0, 9) == 0
                       : kind == 2 ? block || random.integer(0, 40) == 0
                                   : kind == 3;
      if (set)
        mask.data[static_cast<size_t>(y * width + x)] =
            static_cast<uint8_t>(random.integer(1, 255));
    }
  }
  return mask;
}

std::vector<uint8_t> zero_or_one(std::vector<uint8_t> bytes) {
  for (uint8_t& byte : bytes) byte = byte != 0;
  return bytes;
}

std::optional<Box> plain_box(const Bytes& mask) {
  std::optional<Box> box;
  for (int64_t y = 0; y < mask.height; ++y) {
    for (int64_t x = 0; x < mask.width; ++x) {
      if (mask.at(x, y) == 0) continue;
      if (!box) box = Box{x, y, 1, 1};
      const int64_t left = std::min(box->x, x), right = std::max(box->x + box->width, x + 1);
      *box = {left, box->y, right - left, y + 1 - box->y};
    }
  }
  return box;
}

// The distance of every pixel by growing the outside one step at a time.
std::optional<Pixel> plain_inner(Bytes mask) {
  std::optional<Pixel> last;
  for (;;) {
    std::optional<Pixel> first;
    Bytes smaller = mask;
    for (int64_t y = 0; y < mask.height; ++y) {
      for (int64_t x = 0; x < mask.width; ++x) {
        if (mask.at(x, y) == 0) continue;
        if (!first) first = Pixel{x, y};
        const bool rim = mask.at(x - 1, y) == 0 || mask.at(x + 1, y) == 0 ||
                         mask.at(x, y - 1) == 0 || mask.at(x, y + 1) == 0;
        if (rim) smaller.data[static_cast<size_t>(y * mask.width + x)] = 0;
      }
    }
    if (!first) return last;
    last = first;
    mask = smaller;
  }
}

template <typename Body>
void for_masks(Body&& body) {
  Random random(7);
  const int64_t sides[] = {1, 2, 7, 8, 9, 63, 64, 65, 100, 128, 130};
  for (const int64_t width : sides) {
    for (const int64_t height : sides) {
      body(draw(random, width, height), draw(random, width, height));
    }
  }
}

TEST_CASE("bit masks: packed and unpacked, areas, boxes and inner pixels") {
  for_masks([](const Bytes& mask, const Bytes&) {
    const BitMask bits = mask.packed();
    check(bits.unpack() == zero_or_one(mask.data), "bytes come back as 0 and 1");
    const auto set = std::ranges::count_if(mask.data, [](uint8_t byte) { return byte != 0; });
    check(area_of(bits) == set, "area");
    check(box_of(bits) == plain_box(mask), "box");
    check(inner_pixel(bits) == plain_inner(mask), "inner pixel");
    for (int64_t x : {int64_t{0}, mask.width - 1}) {
      check(bits.holds(x, mask.height - 1) == (mask.at(x, mask.height - 1) != 0), "one pixel");
    }
  });
}

TEST_CASE("bit masks: run lengths are those of bytes") {
  for_masks([](const Bytes& mask, const Bytes&) {
    const auto expected = encode_rle(mask.data.data(), mask.width, mask.height);
    check(encode_rle(mask.packed()) == expected, "run lengths");
  });
  // pycocotools' text of these counts; the fourth and fifth are differences, one of them negative.
  const std::vector<uint32_t> counts{5, 20, 3, 1000, 2};
  check(compressed_counts(counts) == "5d03dn0O", compressed_counts(counts));
}

TEST_CASE("bit masks: fusion and overlaps are those of bytes") {
  for_masks([](const Bytes& forward, const Bytes& backward) {
    const BitMask ahead = forward.packed(), back = backward.packed();
    const MaskBytes a{forward.data.data(), forward.width * forward.height};
    const MaskBytes b{backward.data.data(), backward.width * backward.height};
    check(intersection_of(ahead, back) == count_pixels(a, b).intersection, "intersection");
    for (int strategy = 0; strategy < 6; ++strategy) {
      const auto how = static_cast<FusionStrategy>(strategy);
      for (const double tau : {0.0, 0.3, 1.0}) {
        check(fuse_masks(&ahead, &back, tau, how).unpack() == fuse_masks(a, b, tau, how).data,
              "both");
        check(fuse_masks(&ahead, nullptr, tau, how) == ahead, "forward alone");
        check(fuse_masks(nullptr, &back, tau, how) == back, "backward alone");
      }
    }
  });
  const BitMask small(3, 2), other(2, 3);
  check_throws(Code::kInvalidArgument,
               [&] { fuse_masks(&small, &other, 0.5, FusionStrategy::kIntersection); });
  check_throws(Code::kInvalidArgument,
               [&] { fuse_masks(&small, nullptr, 2, FusionStrategy::kIntersection); });
}

TEST_CASE("bit masks: a frame's objects and its own mask") {
  // Object 0 is known to both sides, 1 to the forward one, 2 to the backward one.
  const auto line = [](std::initializer_list<uint8_t> pixels) {
    return BitMask::pack(std::data(pixels), static_cast<int64_t>(pixels.size()), 1);
  };
  FrameEstimates frame;
  frame.pairs = {{0, 1}, {1, -1}, {-1, 0}};
  frame.width = 6, frame.height = 1, frame.tau = 0.5;
  frame.forward = {line({1, 1, 1, 0, 0, 0}), line({0, 0, 0, 0, 1, 0})};
  frame.backward = {line({0, 0, 0, 0, 0, 1}), line({0, 1, 1, 0, 0, 0})};
  const FusedFrame fused = fuse_frame(frame);
  check(fused.objects[0].mask->bits() == line({0, 1, 1, 0, 0, 0}), "IoU 2/3: the intersection");
  check(fused.objects[0].agreement == 2.0 / 3.0, "agreement of both sides");
  check(fused.objects[1].mask->bits() == frame.forward[1], "the forward side alone");
  check(fused.objects[1].agreement == 0.0 && fused.objects[2].agreement == 0.0, "disputed");
  check(fused.forward->bits() == line({1, 1, 1, 0, 1, 0}), "forward union");
  check(fused.backward->bits() == line({0, 1, 1, 0, 0, 1}), "backward union");
  check(fused.mask->bits() == line({1, 1, 1, 0, 1, 1}), "IoU 2/5: the union");
  check(fused.agreement == 2.0 / 5.0, "agreement of the frame");
  check(fused.objects[0].mask->counts() == "123", "run lengths");
  FrameEstimates nothing;
  nothing.width = 6, nothing.height = 1;
  const FusedFrame empty = fuse_frame(nothing);
  check(empty.objects.empty() && !empty.forward && empty.mask->area() == 0, "nothing");
  check(empty.agreement == 1.0 && !empty.mask->box() && !empty.mask->inner(), "nothing agrees");
}

}  // namespace
}  // namespace vmolmo::test
