#include "native/ops/picture.h"

namespace vmolmo::ops {

ImageView view_of(const RgbImage& image) {
  require(image.data != nullptr && image.width > 0 && image.height > 0, Code::kInvalidArgument,
          "image: expected at least one pixel, got ", image.width, " x ", image.height,
          image.data ? "." : " without data.");
  const int64_t stride = image.stride == 0 ? 3 * image.width : image.stride;
  require(stride >= 3 * image.width, Code::kInvalidArgument, "image: rows of ", image.width,
          " pixels need a stride of at least ", 3 * image.width, " bytes, got ", stride, ".");
  return {image.data, image.width, image.height, 3, stride};
}

}  // namespace vmolmo::ops
