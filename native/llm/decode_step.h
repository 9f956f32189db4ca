#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "native/llm/decoder.h"
#include "native/llm/kv_cache.h"

namespace vmolmo {

// One step of greedy decoding without a number on the host: ids [sum of rows] in, the id that
// follows each of them out, as of forward() with RowPath::kStream, bit for bit. Appends to the
// cache. On a GPU a step costs one copy to the device and one back, and is a graph from the second
// time that its number of rows meets the same range of positions: which slots and positions the
// rows have is read on the device.
std::vector<int32_t> decode_step(Context& context, const Decoder& decoder, KvCache& cache,
                                 std::span<const int32_t> ids, std::span<const Segment> segments);

}  // namespace vmolmo
