#include <algorithm>

#include "native/molmo/image_layout.h"
#include "native/temporal/feature_ring.h"
#include "native/temporal/temporal_module.h"
#include "test/native/tiny_models.h"

namespace vmolmo::test {
namespace {

// The final hidden state of the last id, the whole sequence in one pass.
std::vector<float> whole_pass(Context& context, const Decoder& decoder,
                              const std::vector<int32_t>& ids, ops::RowPath path) {
  const auto rows = static_cast<int64_t>(ids.size());
  KvCache cache(context, decoder.config(), 1, rows);
  const Segment segment{0, rows, 1};
  return decoder.forward(context, decoder.embed(context, ids), cache, {&segment, 1}, path)
      .to_vector();
}

// Bit for bit: what batches, reused prefixes and drafts rest on.
TEST_CASE("decoder: chunks and mixed batches give what whole passes give") {
  Context context(2);
  for (const bool olmo : {false, true}) {
    const DecoderConfig config = tiny_decoder(olmo);
    const Decoder decoder = make_decoder(config, context);
    Random random(olmo ? 7 : 5);
    for (int round = 0; round < 12; ++round) {
      const auto path = round % 2 ? ops::RowPath::kStream : ops::RowPath::kBlock;
      std::vector<std::vector<int32_t>> sequences;
      for (int i = 0; i < 3; ++i) sequences.push_back(random_ids(random, random.integer(2, 30)));
      KvCache cache(context, config, 3, 40);
      std::vector<size_t> done(3, 0);
      std::vector<std::vector<float>> last(3);
      while (true) {
        std::vector<Segment> segments;
        std::vector<int32_t> ids;
        for (size_t i = 0; i < 3; ++i) {
          const auto left = static_cast<int64_t>(sequences[i].size() - done[i]);
          if (left == 0) continue;
          const int64_t rows = random.integer(1, std::min<int64_t>(left, 9));
          segments.push_back({static_cast<int64_t>(i), rows, rows == left ? 1 : 0});
          const auto begin = sequences[i].begin() + static_cast<int64_t>(done[i]);
          ids.insert(ids.end(), begin, begin + rows);
          done[i] += static_cast<size_t>(rows);
        }
        if (segments.empty()) break;
        const Tensor hidden =
            decoder.forward(context, decoder.embed(context, ids), cache, segments, path);
        int64_t row = 0;
        for (const Segment& segment : segments) {
          if (segment.outputs == 0) continue;
          last[size_t(segment.slot)] = hidden.slice(0, row, row + 1).to_vector();
          ++row;
        }
        check(hidden.dim(0) == row, "one row per finished segment");
      }
      for (size_t i = 0; i < 3; ++i) {
        check(cache.length(int64_t(i)) == int64_t(sequences[i].size()), "length of slot ", i);
        check(last[i] == whole_pass(context, decoder, sequences[i], path), "sequence ", i,
              olmo ? ", OLMo form" : ", Qwen2 form");
      }
    }
  }
}

TEST_CASE("decoder: a copied prefix continues like the original") {
  Context context(2);
  const DecoderConfig config = tiny_decoder(false);
  const Decoder decoder = make_decoder(config, context);
  Random random(11);
  const std::vector<int32_t> prefix = random_ids(random, 17), tail = random_ids(random, 5);
  KvCache cache(context, config, 2, 32);
  const auto path = ops::RowPath::kBlock;
  const Segment first{1, 17, 0};
  const Tensor none =
      decoder.forward(context, decoder.embed(context, prefix), cache, {&first, 1}, path);
  check(none.dim(0) == 0, "no output was asked for");
  cache.copy_prefix(context, 1, 0, 17);
  const Segment second{0, 5, 1};
  const auto continued =
      decoder.forward(context, decoder.embed(context, tail), cache, {&second, 1}, path).to_vector();
  std::vector<int32_t> all = prefix;
  all.insert(all.end(), tail.begin(), tail.end());
  check(continued == whole_pass(context, decoder, all, path), "copied prefix");
  cache.truncate(0, 17);
  const auto again =
      decoder.forward(context, decoder.embed(context, tail), cache, {&second, 1}, path).to_vector();
  check(again == continued, "a truncated slot repeats itself");
  check_throws(Code::kInternal, [&] { cache.copy_prefix(context, 1, 0, 18); });
  check_throws(Code::kInternal, [&] { cache.truncate(0, 40); });
  const std::vector<int32_t> outside{3, 76};
  check_throws(Code::kInvalidArgument, [&] { decoder.embed(context, outside); });
}

TEST_CASE("previous_mean: the reference's running mean, black frames first") {
  Context context(1);
  Random random(3);
  const Shape shape{2, 3, 4};
  const Tensor black = Tensor::from(random.normal(24), shape);
  std::vector<Tensor> real;
  for (int i = 0; i < 4; ++i) real.push_back(Tensor::from(random.normal(24), shape));
  for (int64_t count = 0; count <= 4; ++count) {
    std::vector<double> mean(24, 0.0);
    for (int64_t i = 0; i < 4; ++i) {
      const Tensor& x = i < 4 - count ? black : real[size_t(i - (4 - count))];
      for (int64_t j = 0; j < 24; ++j) mean[size_t(j)] += double(x.data<float>()[j]) / 4.0;
    }
    const std::vector<float> expected(mean.begin(), mean.end());
    const auto found = previous_mean(context, black, 4 - count, std::span(real).first(count));
    check_close(found.to_vector(), expected, 1e-6, count, " real frames");
  }
  check(previous_mean(context, black, 4, {}).raw() == black.raw(), "all black: the tensor itself");
}

TEST_CASE("feature ring: fixed capacity, first in, first out") {
  FeatureRing ring(3);
  for (int64_t i : {5, 2, 9, 4}) ring.push({i, Tensor(), Tensor()});
  check(!ring.has(5) && ring.has(2) && ring.has(9) && ring.has(4), "the first one left");
  check(ring.find(9)->frame_index == 9 && ring.find(5) == nullptr, "find");
  check_throws(Code::kInvalidArgument, [] { FeatureRing none(0); });
}

TEST_CASE("image layout: tilings, scaled sizes and token counts of everyday frames") {
  const MolmoConfig config;
  struct Expected {
    int64_t width, height, rows, columns, scaled_h, scaled_w, tokens;
  };
  for (const Expected& e : {Expected{640, 480, 2, 3, 251, 336, 740},
                            {1280, 720, 3, 4, 188, 336, 1196},
                            {800, 600, 3, 4, 251, 336, 1196},
                            {2000, 112, 1, 9, 18, 336, 1084},
                            {224, 224, 1, 1, 336, 336, 316},
                            {5000, 1, 1, 1, 1, 336, 316}}) {
    const ImageLayout layout = plan_image(config, e.width, e.height);
    check(layout.rows == e.rows && layout.columns == e.columns, e.width, "x", e.height, ": tiling ",
          layout.rows, "x", layout.columns);
    check(layout.global.scaled_h == e.scaled_h && layout.global.scaled_w == e.scaled_w, e.width,
          "x", e.height, ": global picture ", layout.global.scaled_h, "x", layout.global.scaled_w);
    check(int64_t(layout.tokens.size()) == e.tokens, e.width, "x", e.height, ": ",
          layout.tokens.size(), " tokens");
    // Every <im_patch> receives exactly one pooled cell.
    std::vector<int> hits(layout.tokens.size(), 0);
    for (int32_t position : layout.cell_position)
      if (position >= 0) ++hits[size_t(position)];
    for (size_t i = 0; i < hits.size(); ++i) {
      check(hits[i] == (layout.tokens[i] == config.tokens.patch ? 1 : 0), e.width, "x", e.height,
            ": token ", i, " receives ", hits[i], " cells");
    }
  }
  for (int64_t side : {int64_t{0}, int64_t{-5}, int64_t{65537}})
    check_throws(Code::kInvalidArgument, [&] { plan_image(config, side, 100); });
}

TEST_CASE("pointer: the public face from C++") {
  const auto pointer = load(tiny_pointer({}, false));
  check(pointer->info().parameters * 4 == pointer->info().weight_bytes, "f32 weights");
  const auto stream = pointer->open_stream();
  std::vector<uint8_t> pixels(40 * 30 * 3);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i * 37);
  stream->encode(0, {pixels.data(), 40, 30});
  check(stream->has(0) && !stream->has(1), "frame 0 is held");
  AnswerOptions short_answer;
  short_answer.max_new_tokens = 5;
  const std::vector<AnswerRequest> requests{{0, {1, 2, 3}}, {0, {4}}};
  const auto answers = stream->answer(requests, short_answer);
  check(answers.size() == 2 && answers[0].ids.size() == 5, "two answers of five ids");
  check(answers[0].stopped == StopReason::kLength, "they end by length");
  check(answers[0].times.contains("prefill") && answers[0].times.contains("decodeTokens"), "times");
  check_throws(Code::kInvalidArgument, [&] { stream->encode(1, {pixels.data(), 30, 40}); });
  check_throws(Code::kInvalidArgument, [&] { stream->encode(1, {nullptr, 40, 30}); });
  const auto raised = std::make_shared<CancelFlag>();
  raised->raise();
  short_answer.cancel = raised;
  check_throws(Code::kAborted, [&] { stream->answer(requests, short_answer); });
}

}  // namespace
}  // namespace vmolmo::test
