#include "native/llm/greedy.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "native/ops/elementwise.h"
#include "native/ops/gather.h"

namespace vmolmo {
namespace {

// Prompt rows per pass: full GEMM speed, bounded activations (the MLP's hidden rows are the
// largest).
constexpr int64_t kPrefillRows = 512;
constexpr int64_t kRecordedAlternatives = 5;

// Collects what golden sets hold of a generation; idle without a recorder.
class GenerationTrace {
 public:
  explicit GenerationTrace(Context& context) : context_(context) {}

  void add(const Tensor& logits, int32_t id) {
    if (!context_.recording()) return;
    logits_.push_back(logits.clone(context_.memory()));
    ids_.push_back(id);
  }

  void finish() {
    if (!context_.recording() || ids_.empty()) return;
    const Tensor all = ops::concat(context_, logits_, 0);
    const auto steps = static_cast<int64_t>(ids_.size());
    context_.tap("gen.ids", Tensor::from(ids_, {steps}));
    context_.tap("gen.logits", all);
    record_alternatives(all);
  }

 private:
  void record_alternatives(const Tensor& logits) {
    const int64_t vocab = logits.dim(1);
    const int64_t kept = std::min(kRecordedAlternatives, vocab);
    std::vector<int32_t> ids;
    std::vector<float> values;
    std::vector<int32_t> order(static_cast<size_t>(vocab));
    for (int64_t step = 0; step < logits.dim(0); ++step) {
      const float* row = logits.data<float>() + step * vocab;
      std::iota(order.begin(), order.end(), 0);
      std::partial_sort(
          order.begin(), order.begin() + kept, order.end(),
          [&](int32_t a, int32_t b) { return row[a] != row[b] ? row[a] > row[b] : a < b; });
      for (int64_t i = 0; i < kept; ++i) {
        ids.push_back(order[i]);
        values.push_back(row[order[i]]);
      }
    }
    context_.tap("gen.top5_ids", Tensor::from(ids, {logits.dim(0), kept}));
    context_.tap("gen.top5_logits", Tensor::from(values, {logits.dim(0), kept}));
  }

  Context& context_;
  std::vector<Tensor> logits_;
  std::vector<int32_t> ids_;
};

class GreedyRun {
 public:
  GreedyRun(Context& context, const Decoder& decoder, KvCache& cache, size_t count,
            const GreedyOptions& options)
      : context_(context),
        decoder_(decoder),
        cache_(cache),
        options_(options),
        trace_(context),
        slots_(static_cast<size_t>(cache.slots())),
        results_(count) {
    for (int64_t slot = 0; slot < cache.slots(); ++slot) cache.truncate(slot, 0);
  }

  std::vector<GreedyResult> run(const std::function<Prompt(size_t)>& make_prompt) {
    size_t next = 0;
    while (true) {
      while (next < results_.size() && has_free_slot()) {
        admit(next, make_prompt(next));
        ++next;
      }
      if (!any_active()) break;
      step();
    }
    trace_.finish();
    return std::move(results_);
  }

 private:
  struct Slot {
    std::optional<size_t> request;  // the sequence that runs here
    int32_t last_id = 0;            // generated, not yet fed
    uint64_t prefix_key = 0;        // what the first prefix_rows positions hold
    int64_t prefix_rows = 0;
  };

  bool has_free_slot() const {
    return std::any_of(slots_.begin(), slots_.end(), [](const Slot& s) { return !s.request; });
  }
  bool any_active() const {
    return std::any_of(slots_.begin(), slots_.end(),
                       [](const Slot& s) { return s.request.has_value(); });
  }

  // A free slot, if possible one that already holds the prompt's prefix.
  int64_t choose_slot(const Prompt& prompt) const {
    int64_t chosen = -1;
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].request) continue;
      if (holds_prefix(slots_[i], prompt)) return static_cast<int64_t>(i);
      if (chosen < 0) chosen = static_cast<int64_t>(i);
    }
    return chosen;
  }

  static bool holds_prefix(const Slot& slot, const Prompt& prompt) {
    return prompt.prefix_key != 0 && slot.prefix_key == prompt.prefix_key &&
           slot.prefix_rows == prompt.prefix_rows;
  }

  // Leaves the slot with as much of the prompt as some slot already holds.
  void reuse_prefix(int64_t target, const Prompt& prompt) {
    if (holds_prefix(slots_[target], prompt)) return cache_.truncate(target, prompt.prefix_rows);
    cache_.truncate(target, 0);
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (!holds_prefix(slots_[i], prompt)) continue;
      return cache_.copy_prefix(static_cast<int64_t>(i), target, prompt.prefix_rows);
    }
  }

  void admit(size_t request, const Prompt& prompt) {
    const int64_t index = choose_slot(prompt);
    Slot& slot = slots_[index];
    const double before = context_.times()["prefill"];
    {
      StageTimer timer(context_, "prefill");
      reuse_prefix(index, prompt);
      slot = {request, 0, prompt.prefix_key, prompt.prefix_rows};
      const Tensor hidden = prefill(index, prompt.embeddings);
      const Tensor logits = decoder_.logits(context_, hidden);
      record_prefill(hidden, logits);
      accept(slot, ops::argmax(context_, logits)[0], logits);
    }
    results_[request].prefill_ms = context_.times()["prefill"] - before;
  }

  Tensor prefill(int64_t slot, const Tensor& embeddings) {
    const int64_t rows = embeddings.dim(0);
    const int64_t chunk = context_.recording() ? rows : kPrefillRows;
    Tensor hidden;
    for (int64_t begin = cache_.length(slot); begin < rows; begin += chunk) {
      const int64_t end = std::min(rows, begin + chunk);
      const Segment segment{slot, end - begin, end == rows};
      hidden = decoder_.forward(context_, embeddings.slice(0, begin, end), cache_, {&segment, 1});
    }
    return hidden;
  }

  void record_prefill(const Tensor& hidden, const Tensor& logits) {
    if (!context_.recording()) return;
    context_.tap("llm.final_norm.last", hidden.reshape({hidden.dim(1)}));
    context_.tap("llm.logits.last", logits.reshape({logits.dim(1)}));
  }

  void step() {
    StageTimer timer(context_, "decodeTokens");
    std::vector<Segment> segments;
    std::vector<int32_t> ids;
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (!slots_[i].request) continue;
      segments.push_back({static_cast<int64_t>(i), 1, true});
      ids.push_back(slots_[i].last_id);
    }
    const Tensor x = decoder_.embed(context_, ids);
    const Tensor hidden = decoder_.forward(context_, x, cache_, segments);
    const Tensor logits = decoder_.logits(context_, hidden);
    const std::vector<int32_t> best = ops::argmax(context_, logits);
    for (size_t i = 0; i < segments.size(); ++i) accept(slots_[segments[i].slot], best[i], logits);
  }

  // Takes one generated id; frees the slot when the answer ends. The prefix stays usable.
  void accept(Slot& slot, int32_t id, const Tensor& logits) {
    trace_.add(logits, id);
    GreedyResult& result = results_[*slot.request];
    const auto& stops = options_.stop_ids;
    const bool is_eos = options_.eos >= 0 && id == options_.eos;
    if (is_eos || std::find(stops.begin(), stops.end(), id) != stops.end()) {
      result.stop = is_eos ? GreedyResult::Stop::kEos : GreedyResult::Stop::kStopId;
      slot.request.reset();
      return;
    }
    result.ids.push_back(id);
    slot.last_id = id;
    if (static_cast<int64_t>(result.ids.size()) == options_.max_new_tokens) slot.request.reset();
  }

  Context& context_;
  const Decoder& decoder_;
  KvCache& cache_;
  const GreedyOptions& options_;
  GenerationTrace trace_;
  std::vector<Slot> slots_;
  std::vector<GreedyResult> results_;
};

}  // namespace

std::vector<GreedyResult> decode_greedily(Context& context, const Decoder& decoder, KvCache& cache,
                                          size_t count, const GreedyOptions& options,
                                          const std::function<Prompt(size_t)>& make_prompt) {
  require(!context.recording() || count == 1, Code::kInternal,
          "A recorder follows one sequence at a time; got ", count, ".");
  return GreedyRun(context, decoder, cache, count, options).run(make_prompt);
}

}  // namespace vmolmo
