#include "native/tensor/weight.h"

namespace vmolmo {

const char* format_name(Weight::Format format) {
  switch (format) {
    case Weight::Format::kPlain:
      return "plain";
    case Weight::Format::kInt8:
      return "int8";
    case Weight::Format::kInt4:
      return "int4";
    case Weight::Format::kFp4:
      return "fp4";
  }
  return "unknown";
}

}  // namespace vmolmo
