#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "native/llm/decoder.h"
#include "native/llm/kv_cache.h"
#include "native/ops/context.h"

namespace vmolmo {

// One prompt, ready for the decoder.
struct Prompt {
  Tensor embeddings;  // [S, width]
  // Prompts with the same non-zero key share their first `prefix_rows` rows; their keys and values
  // are computed once while a slot still holds them.
  uint64_t prefix_key = 0;
  int64_t prefix_rows = 0;
};

struct GreedyOptions {
  int64_t max_new_tokens = 300;
  int32_t eos = -1;  // negative: none
  std::vector<int32_t> stop_ids;
};

struct GreedyResult {
  enum class Stop : uint8_t { kEos, kStopId, kLength };
  std::vector<int32_t> ids;  // without the stopping one
  Stop stop = Stop::kLength;
  double prefill_ms = 0.0;
};

// Greedy decoding of `count` independent prompts over the cache's slots: as many sequences as there
// are slots run side by side, every step is one pass of the weights for all of them, and a slot
// that becomes free takes the next prompt. `make_prompt` is called once per prompt, when it is
// admitted. The caller has checked that prompt and answer fit the cache.
std::vector<GreedyResult> decode_greedily(Context& context, const Decoder& decoder, KvCache& cache,
                                          size_t count, const GreedyOptions& options,
                                          const std::function<Prompt(size_t)>& make_prompt);

}  // namespace vmolmo
