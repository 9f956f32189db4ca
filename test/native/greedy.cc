#include "native/llm/greedy.h"

#include <algorithm>

#include "native/llm/draft.h"
#include "native/ops/elementwise.h"
#include "native/ops/gather.h"
#include "test/native/decoder.h"

namespace vmolmo::test {
namespace {

struct Request {
  std::vector<int32_t> ids;
  uint64_t prefix_key = 0;
  int64_t prefix_rows = 0;
  std::vector<int32_t> draft;
};

// Greedy decoding as everybody knows it: one sequence, the whole prompt, then id after id.
GreedyResult plain_greedy(Context& context, const Decoder& decoder, const Request& request,
                          const GreedyOptions& options) {
  const auto rows = static_cast<int64_t>(request.ids.size());
  KvCache cache(context, decoder.config(), 1, rows + options.max_new_tokens);
  GreedyResult result;
  Segment segment{0, rows, 1};
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

std::vector<GreedyResult> run(Context& context, const Decoder& decoder, KvCache& cache,
                              const std::vector<Request>& requests, const GreedyOptions& options) {
  return decode_greedily(context, decoder, cache, requests.size(), options, [&](size_t i) {
    const Request& request = requests[i];
    return Prompt{decoder.embed(context, request.ids), request.prefix_key, request.prefix_rows,
                  request.draft};
  });
}

// Right, wrong in places, shifted, too long, of nothing but noise, with ids that no model has.
std::vector<int32_t> make_draft(Random& random, const std::vector<int32_t>& answer) {
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

void check_same(const GreedyResult& found, const GreedyResult& expected, const std::string& where) {
  check(found.ids == expected.ids, where, ": another answer");
  check(found.ids.size() == expected.ids.size() && found.stop == expected.stop, where,
        ": another end");
}

// The property that drafted decoding must have: the answer of plain greedy decoding, whatever the
// drafts, batches, slots and shared prefixes are.
void check_rounds(Context& context, const Decoder& decoder, Random& random, int rounds,
                  const std::string& what) {
  for (int round = 0; round < rounds; ++round) {
    GreedyOptions options;
    options.max_new_tokens = random.integer(1, 40);
    if (random.integer(0, 1)) options.eos = static_cast<int32_t>(random.integer(0, 69));
    for (int64_t i = random.integer(0, 3); i > 0; --i)
      options.stop_ids.push_back(static_cast<int32_t>(random.integer(0, 69)));
    const std::vector<int32_t> image = random_ids(random, random.integer(1, 20));
    const int64_t count = random.integer(1, 6);
    std::vector<Request> requests;
    std::vector<GreedyResult> expected;
    for (int64_t i = 0; i < count; ++i) {
      Request request{random_ids(random, random.integer(1, 12)), 0, 0, {}};
      if (random.integer(0, 2) > 0) {
        request.prefix_key = 7;
        request.prefix_rows = static_cast<int64_t>(image.size());
        request.ids.insert(request.ids.begin(), image.begin(), image.end());
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

TEST_CASE("greedy: drafts, batches and shared prefixes never change an answer") {
  Context context(2);
  for (const bool olmo : {false, true}) {
    const Decoder decoder = make_decoder(tiny_decoder(olmo), context);
    Random random(olmo ? 21 : 20);
    check_rounds(context, decoder, random, 150, olmo ? "OLMo form" : "Qwen2 form");
  }
}

TEST_CASE("greedy: nor do they with other weight formats") {
  Context context(2);
  DecoderConfig config = tiny_decoder(false);
  config.width = 128;
  config.mlp_width = 96;
  for (const WeightDType dtype :
       {WeightDType::kBF16, WeightDType::kInt8, WeightDType::kInt4, WeightDType::kFp4}) {
    const Decoder decoder = make_decoder(config, context, dtype);
    Random random(22);
    check_rounds(context, decoder, random, 25, concat("dtype ", int(dtype)));
  }
}

TEST_CASE("greedy: a right draft takes a fraction of the steps, a wrong one takes none more") {
  Context context(1);
  const Decoder decoder = make_decoder(tiny_decoder(false), context);
  GreedyOptions options;
  options.max_new_tokens = 33;
  Request request{{3, 1, 4, 1, 5}, 0, 0, {}};
  KvCache cache(context, decoder.config(), 1, 60);
  const GreedyResult plain = run(context, decoder, cache, {request}, options)[0];
  check(plain.stats.steps == 32 && plain.stats.drafted == 0, "id by id: ", plain.stats.steps);
  request.draft = plain.ids;
  const GreedyResult drafted = run(context, decoder, cache, {request}, options)[0];
  check_same(drafted, plain, "right draft");
  check(drafted.stats.steps == 4 && drafted.stats.drafted == 28 && drafted.stats.accepted == 28,
        "right draft: ", drafted.stats.steps, " steps, ", drafted.stats.accepted, " accepted");
  request.draft.assign(40, plain.ids[1] == 9 ? 8 : 9);
  const GreedyResult wrong = run(context, decoder, cache, {request}, options)[0];
  check_same(wrong, plain, "wrong draft");
  check(wrong.stats.steps <= 32, "wrong draft: ", wrong.stats.steps, " steps");
}

TEST_CASE("greedy: a prefix is computed once, within a call and from call to call") {
  Context context(1);
  const Decoder decoder = make_decoder(tiny_decoder(false), context);
  Random random(5);
  const std::vector<int32_t> image = random_ids(random, 20);
  const auto question = [&](uint64_t key, std::vector<int32_t> text) {
    text.insert(text.begin(), image.begin(), image.end());
    return Request{text, key, 20, {}};
  };
  GreedyOptions options;
  options.max_new_tokens = 4;
  KvCache cache(context, decoder.config(), 2, 40);
  const auto reused = [&](const std::vector<Request>& requests) {
    std::vector<int64_t> rows;
    for (const GreedyResult& result : run(context, decoder, cache, requests, options))
      rows.push_back(result.stats.reused_rows);
    return rows;
  };
  using Rows = std::vector<int64_t>;
  check(reused({question(1, {4}), question(1, {5, 6}), question(1, {7})}) == Rows{0, 20, 20},
        "three questions, one prefix");
  check(reused({question(1, {8})}) == Rows{20}, "the next call");
  check(reused({question(2, {8})}) == Rows{0}, "another picture");
  check(reused({question(1, {8}), question(2, {8})}) == Rows{20, 20}, "both are held");
  check(reused({question(3, {8})}) == Rows{0} && reused({question(2, {8})}) == Rows{20} &&
            reused({question(1, {8})}) == Rows{0},
        "the one used longest ago makes room");
  // Nothing behind the prefix: its last row is needed, so it is computed.
  check(reused({question(2, {})}) == Rows{0}, "a prompt that is all prefix");
}

TEST_CASE("draft: goes on behind a surprise and finds its place again") {
  Draft draft({1, 2, 3, 4, 5, 6, 7, 8});
  const auto expected = [&](int64_t count) {
    const auto ids = draft.expected(count);
    return std::vector<int32_t>(ids.begin(), ids.end());
  };
  using Ids = std::vector<int32_t>;
  check(expected(3) == Ids{1, 2, 3} && expected(0).empty(), "the beginning");
  draft.follow(1);
  draft.follow(60);  // instead of 2
  check(expected(2) == Ids{3, 4}, "one id is another");
  draft.follow(3);
  for (const int32_t id : {70, 71, 5, 6}) draft.follow(id);  // one more id than in the draft
  check(expected(9) == Ids{7, 8}, "found behind 5, 6");
  for (const int32_t id : {7, 8, 9, 9}) draft.follow(id);
  check(expected(4).empty(), "the end");
  check(Draft().expected(4).empty(), "no draft");
}

}  // namespace
}  // namespace vmolmo::test
