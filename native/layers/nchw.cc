#include "native/layers/nchw.h"

#include "native/ops/elementwise.h"

namespace vmolmo {

Tensor to_nchw(Context& context, const Tensor& x) { return ops::permute(context, x, {0, 3, 1, 2}); }

Tensor to_nhwc(Context& context, const Tensor& x) { return ops::permute(context, x, {0, 2, 3, 1}); }

void tap_nchw(Context& context, const std::string& name, const Tensor& x) {
  if (context.recording()) context.tap(name, to_nchw(context, x));
}

void tap_entries_nchw(Context& context, const std::string& name, const Tensor& x) {
  for (int64_t b = 0; context.recording() && b < x.dim(0); ++b)
    tap_nchw(context, name, x.slice(0, b, b + 1));
}

}  // namespace vmolmo
