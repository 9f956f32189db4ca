// The decoder against one that computes row by row in double.

#include "test/native/decoder.h"

#include "native/llm/visibility.h"

namespace vmolmo::test {
namespace {

using Row = std::vector<double>;
using Rows = std::vector<Row>;

class NaiveDecoder {
 public:
  explicit NaiveDecoder(const DecoderConfig& config) : config_(config), weights_(hash_weights()) {}

  // The final hidden rows of a whole prompt.
  Rows forward(const std::vector<int32_t>& ids, const std::vector<int32_t>& classes) {
    const Rows table = matrix("wte.embedding", config_.vocab_size, config_.width);
    const Rows more = matrix("wte.new_embedding", config_.extra_vocab_size, config_.width);
    Rows x;
    for (const int32_t id : ids)
      x.push_back(id < config_.vocab_size ? table[size_t(id)]
                                          : more[size_t(id - config_.vocab_size)]);
    for (int64_t i = 0; i < config_.blocks; ++i) block(concat("blocks.", i, "."), x, classes);
    return normed(x, vector("ln_f.weight", config_.width));
  }

 private:
  Row vector(const std::string& name, int64_t n) {
    const auto values = weights_->get("model.transformer." + name, {n}).to_vector();
    return {values.begin(), values.end()};
  }
  Rows matrix(const std::string& name, int64_t rows, int64_t columns) {
    const auto values = weights_->get("model.transformer." + name, {rows, columns}).to_vector();
    Rows out;
    for (int64_t r = 0; r < rows; ++r)
      out.emplace_back(values.begin() + r * columns, values.begin() + (r + 1) * columns);
    return out;
  }
  static Rows product(const Rows& x, const Rows& w) {
    Rows y;
    for (const Row& row : x) {
      y.emplace_back();
      for (const Row& weight : w) {
        double sum = 0.0;
        for (size_t c = 0; c < weight.size(); ++c) sum += row[c] * weight[c];
        y.back().push_back(sum);
      }
    }
    return y;
  }
  // Over pieces as long as the weight.
  Row normed(const Row& x, const Row& weight) const {
    Row y(x.size());
    for (size_t begin = 0; begin < x.size(); begin += weight.size()) {
      double square = 0.0;
      for (size_t c = 0; c < weight.size(); ++c) square += x[begin + c] * x[begin + c];
      const double scale = 1.0 / std::sqrt(square / double(weight.size()) + config_.norm_eps);
      for (size_t c = 0; c < weight.size(); ++c) y[begin + c] = x[begin + c] * scale * weight[c];
    }
    return y;
  }
  Rows normed(const Rows& x, const Row& weight) const {
    Rows y;
    for (const Row& row : x) y.push_back(normed(row, weight));
    return y;
  }
  void turn(Row& heads, size_t position) const {
    const size_t d = size_t(config_.head_dim), half = d / 2;
    for (size_t head = 0; head < heads.size(); head += d) {
      for (size_t i = 0; i < half; ++i) {
        const double angle =
            double(position) * std::pow(config_.rope_theta, -2.0 * double(i) / double(d));
        const double a = heads[head + i], b = heads[head + half + i];
        heads[head + i] = a * std::cos(angle) - b * std::sin(angle);
        heads[head + half + i] = b * std::cos(angle) + a * std::sin(angle);
      }
    }
  }
  Row attend(const Rows& q, const Rows& k, const Rows& v, size_t i,
             const std::vector<int32_t>& classes) const {
    const size_t d = size_t(config_.head_dim), group = size_t(config_.heads / config_.kv_heads);
    Row out(q[i].size());
    for (size_t head = 0; head < size_t(config_.heads); ++head) {
      const size_t at = head / group * d;
      double total = 0.0;
      Row sum(d);
      for (size_t j = 0; j < k.size(); ++j) {
        const bool mates = !classes.empty() && classes[i] >= 0 && classes[i] == classes[j];
        if (j > i && !mates) continue;
        double score = 0.0;
        for (size_t c = 0; c < d; ++c) score += q[i][head * d + c] * k[j][at + c];
        const double weight = std::exp(score / std::sqrt(double(d)));
        total += weight;
        for (size_t c = 0; c < d; ++c) sum[c] += weight * v[j][at + c];
      }
      for (size_t c = 0; c < d; ++c) out[head * d + c] = sum[c] / total;
    }
    return out;
  }
  void block(const std::string& at, Rows& x, const std::vector<int32_t>& classes) {
    const int64_t d = config_.head_dim, queries = config_.heads * d, keys = config_.kv_heads * d;
    const Row attention_norm = vector(at + "attn_norm.weight", config_.width);
    const Row mlp_norm = vector(at + "ff_norm.weight", config_.width);
    Rows all = product(config_.norm_after ? x : normed(x, attention_norm),
                       matrix(at + "att_proj.weight", queries + 2 * keys, config_.width));
    const Row bias = config_.qkv_bias ? vector(at + "att_proj.bias", queries + 2 * keys) : Row{};
    Rows q, k, v, mixed;
    for (size_t i = 0; i < all.size(); ++i) {
      Row& row = all[i];
      for (size_t c = 0; c < row.size(); ++c) {
        if (config_.qkv_bias) row[c] += bias[c];
        if (config_.clip_qkv)
          row[c] = std::clamp<double>(row[c], -*config_.clip_qkv, *config_.clip_qkv);
      }
      q.emplace_back(row.begin(), row.begin() + queries);
      k.emplace_back(row.begin() + queries, row.begin() + queries + keys);
      v.emplace_back(row.begin() + queries + keys, row.end());
      if (config_.qk_norm != QkNorm::kNone) {
        const bool by_head = config_.qk_norm == QkNorm::kHead;
        q.back() = normed(q.back(), vector(at + "q_norm.weight", by_head ? d : queries));
        k.back() = normed(k.back(), vector(at + "k_norm.weight", by_head ? d : keys));
      }
      turn(q.back(), i);
      turn(k.back(), i);
    }
    for (size_t i = 0; i < q.size(); ++i) mixed.push_back(attend(q, k, v, i, classes));
    add(x, product(mixed, matrix(at + "attn_out.weight", config_.width, queries)), attention_norm);
    const int64_t m = config_.mlp_width;
    Rows hidden = product(config_.norm_after ? x : normed(x, mlp_norm),
                          matrix(at + "ff_proj.weight", 2 * m, config_.width));
    for (Row& row : hidden) {
      for (size_t c = 0; c < size_t(m); ++c) {
        const double gate = row[size_t(m) + c];
        row[c] *= gate / (1.0 + std::exp(-gate));
      }
      row.resize(size_t(m));
    }
    add(x, product(hidden, matrix(at + "ff_out.weight", config_.width, m)), mlp_norm);
  }
  void add(Rows& x, const Rows& y, const Row& norm) const {
    const Rows added = config_.norm_after ? normed(y, norm) : y;
    for (size_t i = 0; i < x.size(); ++i)
      for (size_t c = 0; c < x[i].size(); ++c) x[i][c] += added[i][c];
  }

  DecoderConfig config_;
  std::shared_ptr<WeightSource> weights_;
};

std::vector<float> flat(const Rows& rows) {
  std::vector<float> values;
  for (const Row& row : rows) values.insert(values.end(), row.begin(), row.end());
  return values;
}

// The hidden rows of a prompt that goes through the decoder in segments of the given lengths.
std::vector<float> in_segments(Context& context, const Decoder& decoder,
                               const std::vector<int32_t>& ids, const std::vector<int32_t>& classes,
                               std::vector<int64_t> lengths, ops::RowPath path) {
  KvCache cache(context, decoder.config(), 1, int64_t(ids.size()));
  std::vector<float> rows;
  int64_t begin = 0;
  for (const int64_t length : lengths) {
    Segment segment{0, length, length};
    if (!classes.empty())
      segment.visibility = std::span(classes).subspan(size_t(begin), size_t(length));
    const Tensor x = decoder.embed(context, std::span(ids).subspan(size_t(begin), size_t(length)));
    const auto part =
        context.to_host(decoder.forward(context, x, cache, {&segment, 1}, path)).to_vector();
    rows.insert(rows.end(), part.begin(), part.end());
    begin += length;
  }
  return rows;
}

// Rows 4 .. 10 and 13 .. 19 see each other, 21 .. 26 likewise, the others are text.
std::vector<int32_t> frames_between_text() {
  std::vector<int32_t> classes(30, -1);
  for (const int i : {4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16, 17, 18, 19}) classes[size_t(i)] = 0;
  for (int i = 21; i < 27; ++i) classes[size_t(i)] = 7;
  return classes;
}

TEST_CASE("decoder: every q/k norm, norm placement, head size and mask against a naive one") {
  Context context(2);
  Random random(41);
  for (const QkNorm qk_norm : {QkNorm::kNone, QkNorm::kRow, QkNorm::kHead}) {
    for (const bool norm_after : {false, true}) {
      for (const int64_t head_dim : {12, 20, 6}) {
        DecoderConfig config = tiny_decoder(false);
        config.qk_norm = qk_norm;
        config.norm_after = norm_after;
        config.head_dim = head_dim;
        config.qkv_bias = qk_norm == QkNorm::kNone;
        const Decoder decoder = make_decoder(config, context);
        NaiveDecoder naive(config);
        const std::vector<int32_t> ids = random_ids(random, 30);
        for (const auto& classes : {std::vector<int32_t>{}, frames_between_text()}) {
          const std::vector<float> expected = flat(naive.forward(ids, classes));
          for (const ops::RowPath path : {ops::RowPath::kBlock, ops::RowPath::kStream}) {
            check_close(in_segments(context, decoder, ids, classes, {30}, path), expected, 1e-5,
                        "q/k norm ", int(qk_norm), norm_after ? ", norms after" : "", ", heads of ",
                        head_dim, classes.empty() ? "" : ", classes");
          }
        }
      }
    }
  }
}

TEST_CASE("decoder: a prompt cut between visibility classes keeps its bits") {
  Context context(1);
  Random random(42);
  for (const bool olmo : {false, true}) {
    const Decoder decoder = make_decoder(tiny_decoder(olmo), context);
    const std::vector<int32_t> ids = random_ids(random, 30), classes = frames_between_text();
    const auto rows = [&](std::vector<int64_t> lengths) {
      return in_segments(context, decoder, ids, classes, std::move(lengths), ops::RowPath::kBlock);
    };
    const std::vector<float> whole = rows({30});
    check(rows({4, 17, 9}) == whole && rows({20, 1, 6, 3}) == whole, "another result");
    check(whole != in_segments(context, decoder, ids, {}, {30}, ops::RowPath::kBlock),
          "classes change nothing");
    check_throws(Code::kInternal, [&] { rows({12, 18}); });
  }
}

TEST_CASE("decoder: a cache parts no visibility class") {
  Context context(1);
  const Decoder decoder = make_decoder(tiny_decoder(false), context);
  Random random(43);
  const std::vector<int32_t> ids = random_ids(random, 30), classes = frames_between_text();
  KvCache cache(context, decoder.config(), 2, 30);
  const auto forward = [&](int64_t slot, int64_t begin, int64_t end) {
    const auto part = [&](const std::vector<int32_t>& all) {
      return std::span(all).subspan(size_t(begin), size_t(end - begin));
    };
    const Segment segment{slot, end - begin, 1, part(classes)};
    return decoder.forward(context, decoder.embed(context, part(ids)), cache, {&segment, 1},
                           ops::RowPath::kBlock);
  };
  const std::vector<float> whole = forward(0, 0, 30).to_vector();
  check_throws(Code::kInternal, [&] { cache.mark_prefix(0, 1, 16); });
  check_throws(Code::kInternal, [&] { cache.copy_prefix(context, 0, 1, 24); });
  check_throws(Code::kInternal, [&] { cache.truncate(0, 12); });
  cache.mark_prefix(0, 1, 20);
  cache.keep_prefix_only(0);
  cache.copy_prefix(context, 0, 1, 20);
  check_throws(Code::kInternal, [&] { forward(1, 13, 15); });  // of the prefix's class
  check(forward(1, 20, 30).to_vector() == whole, "behind a copied prefix");
  check(forward(0, 20, 30).to_vector() == whole, "behind a kept prefix");
  const Segment wrong{0, 1, 1, std::span(classes).first(2)};
  check_throws(Code::kInternal, [&] {
    decoder.forward(context, decoder.embed(context, std::span(ids).first(1)), cache, {&wrong, 1},
                    ops::RowPath::kBlock);
  });
}

TEST_CASE("visibility: where a sequence may be cut") {
  const std::vector<int32_t> classes{-1, 0, -1, 0, 1, 1, -1, -1};
  const auto end = [&](int64_t begin, int64_t from) {
    return whole_classes_end(classes, begin, from);
  };
  check(end(0, 1) == 1 && end(0, 2) == 4 && end(0, 4) == 4 && end(0, 5) == 6, "cuts from 0");
  check(end(4, 5) == 6 && end(6, 7) == 7 && end(0, 8) == 8, "cuts from behind");
  const std::vector<int32_t> crossing{0, 1, 0, 1};
  check(whole_classes_end(crossing, 0, 1) == 4, "classes that cross");
  check(whole_classes_end({}, 3, 9) == 9, "text");
  check(!shared_class(std::vector<int32_t>{-1, 3}, std::vector<int32_t>{-1, 4}), "none in common");
  check(shared_class(std::vector<int32_t>{-1, 3}, std::vector<int32_t>{3}) == 3, "one in common");
}

}  // namespace
}  // namespace vmolmo::test
