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
  // are computed once while a slot of the cache still holds them, from call to call too.
  uint64_t prefix_key = 0;
  int64_t prefix_rows = 0;
  // A guess at the answer. It changes nothing but the number of steps.
  std::vector<int32_t> draft;
  // Of the rows (Segment::visibility), [S]; empty: all are text. A class lies whole inside the
  // prefix or whole behind it, and goes through the decoder in one pass, however long it is.
  std::vector<int32_t> visibility;
};

struct GreedyOptions {
  int64_t max_new_tokens = 300;
  int32_t eos = -1;  // negative: none
  std::vector<int32_t> stop_ids;
  // Prompt rows per pass (a visibility class is not cut): enough for full speed, and bounded
  // activations (the MLP's hidden rows are the largest).
  int64_t prefill_rows = 512;
  // Rows of one step up to which drafts are taken along: more of them no longer come for nearly
  // nothing with the pass of the weights. Many sequences fill a step without drafts.
  int64_t step_rows = 8;
  // Whether the first logits of every answer must be numbers. Costs a GPU a copy of all of them.
  bool check_logits = true;
};

struct GreedyStats {
  int64_t prompt_rows = 0;
  int64_t reused_rows = 0;  // of them, taken from the cache
  int64_t steps = 0;        // passes of the weights behind the prompt
  int64_t drafted = 0;      // draft ids that went through a pass
  int64_t accepted = 0;     // of them, right
};

struct GreedyResult {
  enum class Stop : uint8_t { kEos, kStopId, kLength };
  std::vector<int32_t> ids;  // without the stopping one
  Stop stop = Stop::kLength;
  double prefill_ms = 0.0;
  GreedyStats stats;
};

// Greedy decoding of `count` independent prompts over the cache's slots: as many sequences as there
// are slots run side by side, prompts go through the weights together, every step is one pass of
// the weights for all sequences, and a slot that becomes free takes the next prompt. A step takes
// a few ids of each sequence's draft along and keeps those that the model generates itself. The
// answers do not depend on the other prompts, the drafts or what the cache holds: bit for bit.
// `make_prompt` is called once per prompt, when it is admitted. The caller has checked that prompt
// and answer fit the cache.
std::vector<GreedyResult> decode_greedily(Context& context, const Decoder& decoder, KvCache& cache,
                                          size_t count, const GreedyOptions& options,
                                          const std::function<Prompt(size_t)>& make_prompt);

}  // namespace vmolmo
