#pragma once

#include <algorithm>

#include "native/llm/greedy.h"
#include "native/ops/tokens.h"
#include "test/native/decoder.h"

// The property that drafted and batched decoding must have, on any device.
namespace vmolmo::test {

struct Request {
  std::vector<int32_t> ids;
  uint64_t prefix_key = 0;
  int64_t prefix_rows = 0;
  std::vector<int32_t> draft;
  std::vector<int32_t> visibility;
};

// Greedy decoding as everybody knows it: one sequence, the whole prompt, then id after id.
inline GreedyResult plain_greedy(Context& context, const Decoder& decoder, const Request& request,
                                 const GreedyOptions& options) {
  const auto rows = static_cast<int64_t>(request.ids.size());
  KvCache cache(context, decoder.config(), 1, rows + options.max_new_tokens);
  GreedyResult result;
  Segment segment{0, rows, 1, request.visibility};
  Tensor hidden = decoder.forward(context, decoder.embed(context, request.ids), cache,
                                  {&segment, 1}, ops::RowPath::kBlock);
  while (true) {
    const int32_t id = ops::argmax(context, decoder.logits(context, hidden))[0];
    const bool stop =
        std::find(options.stop_ids.begin(), options.stop_ids.end(), id) != options.stop_ids.end();
    if (id == options.eos) result.stop = GreedyResult::Stop::kEos;
    if (id != options.eos && stop) result.stop = GreedyResult::Stop::kStopId;
    if (id == options.eos || stop) return result;
    result.ids.push_back(id);
    if (static_cast<int64_t>(result.ids.size()) == options.max_new_tokens) return result;
    segment = {0, 1, 1};
    const std::vector<int32_t> last{id};
    hidden = decoder.forward(context, decoder.embed(context, last), cache, {&segment, 1},
                             ops::RowPath::kStream);
  }
}

inline std::vector<GreedyResult> run(Context& context, const Decoder& decoder, KvCache& cache,
                                     const std::vector<Request>& requests,
                                     const GreedyOptions& options) {
  return decode_greedily(context, decoder, cache, requests.size(), options, [&](size_t i) {
    const Request& request = requests[i];
    return Prompt{decoder.embed(context, request.ids), request.prefix_key, request.prefix_rows,
                  request.draft, request.visibility};
  });
}

// Right, wrong in places, shifted, too long, of nothing but noise, with ids that no model has.
inline std::vector<int32_t> make_draft(Random& random, const std::vector<int32_t>& answer) {
  std::vector<int32_t> draft = answer;
  const int64_t kind = random.integer(0, 6);
  if (kind == 0) return {};
  if (kind == 1) return random_ids(random, random.integer(1, 60));
  const auto change = [&](int64_t count) {
    for (int64_t i = 0; i < count && !draft.empty(); ++i) {
      draft[size_t(random.integer(0, int64_t(draft.size()) - 1))] =
          static_cast<int32_t>(random.integer(0, 75));
    }
  };
  if (kind == 2) change(3);
  if (kind == 3 && !draft.empty()) draft.erase(draft.begin() + random.integer(0, 2) % draft.size());
  if (kind == 4) draft.insert(draft.begin(), 5);
  if (kind == 5) {
    for (const int32_t odd : {-1, 70, 75, 1 << 30, INT32_MIN})
      draft.insert(draft.begin() + random.integer(0, int64_t(draft.size())), odd);
  }
  if (random.integer(0, 1)) draft.resize(draft.size() + size_t(random.integer(0, 40)), 3);
  return draft;
}

inline void check_same(const GreedyResult& found, const GreedyResult& expected,
                       const std::string& where) {
  check(found.ids == expected.ids, where, ": another answer");
  check(found.ids.size() == expected.ids.size() && found.stop == expected.stop, where,
        ": another end");
}

// The property that drafted decoding must have: the answer of plain greedy decoding, whatever the
// drafts, batches, slots and shared prefixes are.
inline void check_rounds(Context& context, const Decoder& decoder, Random& random, int rounds,
                         const std::string& what, int64_t most_tokens = 40) {
  for (int round = 0; round < rounds; ++round) {
    GreedyOptions options;
    options.max_new_tokens = random.integer(1, most_tokens);
    if (random.integer(0, 1)) options.eos = static_cast<int32_t>(random.integer(0, 69));
    for (int64_t i = random.integer(0, 3); i > 0; --i)
      options.stop_ids.push_back(static_cast<int32_t>(random.integer(0, 69)));
    const std::vector<int32_t> image = random_ids(random, random.integer(1, 20));
    // The picture's rows are text, see each other, or are two pictures with text between them.
    const int64_t classes = random.integer(0, 2);
    if (random.integer(0, 1)) options.prefill_rows = random.integer(1, 9);
    const int64_t count = random.integer(1, 6);
    std::vector<Request> requests;
    std::vector<GreedyResult> expected;
    for (int64_t i = 0; i < count; ++i) {
      Request request{random_ids(random, random.integer(1, 12)), 0, 0, {}};
      if (random.integer(0, 2) > 0) {
        request.prefix_key = 7;
        request.prefix_rows = static_cast<int64_t>(image.size());
        request.ids.insert(request.ids.begin(), image.begin(), image.end());
        for (size_t row = 0; classes > 0 && row < request.ids.size(); ++row) {
          const bool text = row >= image.size() || row % 5 == 3;
          request.visibility.push_back(text ? -1 : static_cast<int32_t>(row % size_t(classes)));
        }
      }
      expected.push_back(plain_greedy(context, decoder, request, options));
      request.draft = make_draft(random, expected.back().ids);
      requests.push_back(std::move(request));
    }
    KvCache cache(context, decoder.config(), random.integer(1, 4), 33 + options.max_new_tokens);
    // A second time with what the first one left in the cache.
    for (int pass = 0; pass < 2; ++pass) {
      const std::vector<GreedyResult> found = run(context, decoder, cache, requests, options);
      for (size_t i = 0; i < requests.size(); ++i)
        check_same(found[i], expected[i], concat(what, ", round ", round, ", request ", i));
    }
  }
}

}  // namespace vmolmo::test
