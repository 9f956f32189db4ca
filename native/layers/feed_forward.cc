#include "native/layers/feed_forward.h"

#include <algorithm>

#include "native/ops/copy.h"

namespace vmolmo {

Tensor FeedForward::operator()(Context& context, const Tensor& x) const {
  constexpr ops::Feeds kFeeds = ops::Feeds::kProducts;
  return out.add_to(context, x, in(context, norm(context, x, kFeeds), activation, kFeeds));
}

Tensor FeedForward::in_chunks(Context& context, Tensor x) const {
  const Tensor rows = x.reshape({-1, x.dim(-1)});
  const int64_t count = rows.dim(0);
  const int64_t chunk =
      std::max<int64_t>(64, context.preferences().hidden_floats / in.weight.out_features());
  for (int64_t begin = 0; begin < count; begin += chunk) {
    const Tensor part = rows.slice(0, begin, std::min(count, begin + chunk));
    const Tensor sum = (*this)(context, part);
    if (chunk >= count) return sum.reshape(x.shape());
    ops::copy_into(context, sum, part);
  }
  return x;
}

}  // namespace vmolmo
