#include "native/llm/decode_step.h"

#include <algorithm>

#include "native/ops/copy.h"
#include "native/ops/tokens.h"

namespace vmolmo {
namespace {

// Steps whose positions end in the same multiple of this share a graph. Blocks of the attention
// behind the last key end at once.
constexpr int64_t kPositionStep = 512;
// Graphs of fewer rows use the memory of more.
constexpr int64_t kLeastRows = 8;

// Ids, slots and positions of all rows, one behind the other.
Tensor step_numbers(const KvCache& cache, std::span<const int32_t> ids,
                    std::span<const Segment> segments) {
  std::vector<int32_t> numbers(ids.begin(), ids.end()), positions;
  for (const Segment& segment : segments) {
    const int64_t begin = cache.length(segment.slot);
    require(segment.visibility.empty(), Code::kInternal,
            "decode_step: generated rows are text, without visibility classes.");
    require(begin + segment.rows <= cache.capacity(), Code::kInternal,
            "decode_step: ", begin + segment.rows, " positions do not fit a capacity of ",
            cache.capacity(), ".");
    for (int64_t i = 0; i < segment.rows; ++i) {
      numbers.push_back(static_cast<int32_t>(segment.slot));
      positions.push_back(static_cast<int32_t>(begin + i));
    }
  }
  require(positions.size() == ids.size(), Code::kInternal, "decode_step: ", ids.size(),
          " ids for segments of ", positions.size(), " rows.");
  numbers.insert(numbers.end(), positions.begin(), positions.end());
  return Tensor::from(numbers, {static_cast<int64_t>(numbers.size())});
}

// Where the launches' range of positions ends.
int64_t longest_of(const KvCache& cache, std::span<const Segment> segments) {
  int64_t end = 0;
  for (const Segment& segment : segments)
    end = std::max(end, cache.length(segment.slot) + segment.rows);
  return std::min(cache.capacity(), (end + kPositionStep - 1) / kPositionStep * kPositionStep);
}

}  // namespace

std::vector<int32_t> decode_step(Context& context, const Decoder& decoder, KvCache& cache,
                                 std::span<const int32_t> ids, std::span<const Segment> segments) {
  decoder.check_ids(ids);
  const auto m = static_cast<int64_t>(ids.size());
  StepMemory& memory = cache.step_memory(context, std::max({m, cache.slots(), kLeastRows}));
  context.write(memory.numbers.slice(0, 0, 3 * m), step_numbers(cache, ids, segments));
  const Tensor fed = memory.numbers.slice(0, 0, m), best = memory.best.slice(0, 0, m);
  const ops::StepRows rows{memory.numbers.slice(0, m, 2 * m), memory.numbers.slice(0, 2 * m, 3 * m),
                           longest_of(cache, segments)};
  memory.graphs.run(context, concat(m, " rows below ", rows.longest), [&] {
    const Tensor hidden = decoder.forward(context, decoder.embed(context, fed), cache, rows);
    ops::copy_into(context, ops::argmax_ids(context, decoder.logits(context, hidden)), best);
  });
  for (const Segment& segment : segments) cache.advance(segment.slot, segment.rows);
  const Tensor chosen = context.to_host(best);
  return {chosen.data<int32_t>(), chosen.data<int32_t>() + m};
}

}  // namespace vmolmo
