#include "test/native/greedy.h"

#include "native/llm/draft.h"

namespace vmolmo::test {
namespace {

TEST_CASE("greedy: drafts, batches and shared prefixes never change an answer") {
  Context context(2);
  for (const bool olmo : {false, true}) {
    const Decoder decoder = make_decoder(tiny_decoder(olmo), context);
    Random random(olmo ? 21 : 20);
    check_rounds(context, decoder, random, 150, olmo ? "OLMo form" : "Qwen2 form");
  }
  Random random(23);
  check_rounds(context, make_decoder(tiny_qwen3(), context), random, 75, "Qwen3 form");
}

TEST_CASE("greedy: nor do they with other weight formats") {
  Context context(2);
  DecoderConfig config = tiny_decoder(false);
  config.width = 128;
  config.head_dim = 32;
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
