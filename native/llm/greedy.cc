#include "native/llm/greedy.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "native/llm/decode_step.h"
#include "native/llm/draft.h"
#include "native/llm/generation_trace.h"
#include "native/llm/visibility.h"
#include "native/ops/elementwise.h"
#include "native/ops/tokens.h"
#include "native/weights/finite.h"

namespace vmolmo {
namespace {

// Rows that one sequence takes into a step, at least, while its draft goes wrong.
constexpr int64_t kLeastRows = 2;

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
    for (int64_t slot = 0; slot < cache.slots(); ++slot) cache.keep_prefix_only(slot);
  }

  std::vector<GreedyResult> run(const std::function<Prompt(size_t)>& make_prompt) {
    size_t next = 0;
    while (true) {
      while (next < results_.size() && has_free_slot()) {
        admit(next, make_prompt(next));
        ++next;
      }
      prefill();
      if (active().empty()) {
        if (next == results_.size()) break;
        continue;
      }
      step();
    }
    trace_.finish();
    return std::move(results_);
  }

 private:
  struct Slot {
    std::optional<size_t> request;  // the sequence that runs here
    Prompt prompt;                  // until it is in the cache
    bool prefilled = false;
    int32_t last_id = 0;  // generated, not yet fed
    Draft draft;
    int64_t reach = 1;  // rows worth taking into a step: few where the draft goes wrong
  };

  bool has_free_slot() const {
    return std::any_of(slots_.begin(), slots_.end(), [](const Slot& s) { return !s.request; });
  }
  // Slots that generate.
  std::vector<int64_t> active() const {
    std::vector<int64_t> found;
    for (size_t i = 0; i < slots_.size(); ++i)
      if (slots_[i].request) found.push_back(static_cast<int64_t>(i));
    return found;
  }

  // A free slot: one that holds the prompt's prefix, else the one whose prefix is oldest.
  int64_t choose_slot(const Prompt& prompt) const {
    int64_t chosen = -1;
    for (int64_t i = 0; i < cache_.slots(); ++i) {
      if (slots_[i].request) continue;
      if (holds_prefix(i, prompt)) return i;
      if (chosen < 0 || cache_.prefix(i).used < cache_.prefix(chosen).used) chosen = i;
    }
    return chosen;
  }

  bool holds_prefix(int64_t slot, const Prompt& prompt) const {
    const KvCache::Prefix& prefix = cache_.prefix(slot);
    return prompt.prefix_key != 0 && prefix.key == prompt.prefix_key &&
           prefix.rows == prompt.prefix_rows;
  }

  void admit(size_t request, Prompt prompt) {
    // The last row has to go through the weights: the answer starts from it.
    if (prompt.prefix_rows >= prompt.embeddings.dim(0)) prompt.prefix_key = 0;
    require(prompt.visibility.empty() || std::ssize(prompt.visibility) == prompt.embeddings.dim(0),
            Code::kInternal, "decode_greedily: ", prompt.visibility.size(),
            " visibility classes for a prompt of ", prompt.embeddings.dim(0), " rows.");
    const int64_t index = choose_slot(prompt);
    if (holds_prefix(index, prompt)) {
      cache_.keep_prefix_only(index);
    } else {
      cache_.truncate(index, 0);
    }
    GreedyStats& stats = results_[request].stats;
    stats.prompt_rows = prompt.embeddings.dim(0);
    stats.reused_rows = cache_.length(index);
    Draft draft(std::move(prompt.draft));
    slots_[index] = {request, std::move(prompt), false, 0, std::move(draft), options_.step_rows};
  }

  // Takes all admitted prompts into the cache. Prefixes that several of them share come first.
  void prefill() {
    StageTimer timer(context_, "prefill");
    std::vector<int64_t> waiting;
    for (const int64_t slot : active())
      if (!slots_[slot].prefilled) waiting.push_back(slot);
    std::vector<std::pair<int64_t, int64_t>> shared;  // slot that computes, slot that copies
    std::vector<Segment> prefixes;
    for (const int64_t slot : waiting) {
      const std::optional<int64_t> source = prefix_source(slot, waiting);
      if (!source) continue;
      shared.emplace_back(*source, slot);
      const int64_t rows = slots_[slot].prompt.prefix_rows - cache_.length(*source);
      const auto computes = [&](const Segment& segment) { return segment.slot == *source; };
      if (rows > 0 && std::none_of(prefixes.begin(), prefixes.end(), computes))
        prefixes.push_back({*source, rows, 0});
    }
    prefill_rows(std::move(prefixes));
    for (const auto& [source, target] : shared) {
      const int64_t rows = slots_[target].prompt.prefix_rows;
      cache_.copy_prefix(context_, source, target, rows);
      results_[*slots_[target].request].stats.reused_rows = rows;
    }
    std::vector<Segment> rest;
    for (const int64_t slot : waiting)
      rest.push_back({slot, slots_[slot].prompt.embeddings.dim(0) - cache_.length(slot), 1});
    prefill_rows(std::move(rest));
  }

  // Another slot that holds the slot's prefix, or will when the prompts before it are computed.
  std::optional<int64_t> prefix_source(int64_t slot, const std::vector<int64_t>& waiting) const {
    const Prompt& prompt = slots_[slot].prompt;
    if (prompt.prefix_key == 0 || cache_.length(slot) > 0) return {};
    for (int64_t other = 0; other < cache_.slots(); ++other)
      if (holds_prefix(other, prompt)) return other;
    for (const int64_t other : waiting) {
      if (other == slot) return {};
      const Prompt& before = slots_[other].prompt;
      if (before.prefix_key == prompt.prefix_key && before.prefix_rows == prompt.prefix_rows)
        return other;
    }
    return {};
  }

  // Runs prompt rows in passes of bounded size; what does not fit goes into the next one.
  void prefill_rows(std::vector<Segment> left) {
    const int64_t limit = context_.recording() ? INT64_MAX : options_.prefill_rows;
    while (!left.empty()) {
      std::vector<Segment> pass;
      int64_t rows = 0;
      while (!left.empty() && rows < limit) {
        Segment& segment = left.front();
        const int64_t taken = rows_of_pass(segment, limit - rows);
        const bool whole = taken == segment.rows;
        pass.push_back(
            {segment.slot, taken, whole ? segment.outputs : 0, classes_of(segment.slot, taken)});
        rows += taken;
        segment.rows -= taken;
        if (whole) left.erase(left.begin());
      }
      prefill_pass(pass, rows);
    }
  }

  // The classes of a slot's next rows.
  std::span<const int32_t> classes_of(int64_t slot, int64_t rows) const {
    const std::span<const int32_t> all = slots_[slot].prompt.visibility;
    if (all.empty()) return {};
    return all.subspan(static_cast<size_t>(cache_.length(slot)), static_cast<size_t>(rows));
  }

  // How many rows of a segment go into a pass that has room for `room`: no class is parted.
  int64_t rows_of_pass(const Segment& segment, int64_t room) const {
    if (room >= segment.rows) return segment.rows;
    const int64_t begin = cache_.length(segment.slot);
    const auto& classes = slots_[segment.slot].prompt.visibility;
    return std::min(segment.rows, whole_classes_end(classes, begin, begin + room) - begin);
  }

  void prefill_pass(const std::vector<Segment>& pass, int64_t rows) {
    const auto since = std::chrono::steady_clock::now();
    std::vector<Tensor> parts;
    std::vector<size_t> requests;
    for (const Segment& segment : pass) {
      const Slot& slot = slots_[segment.slot];
      const int64_t begin = cache_.length(segment.slot);
      parts.push_back(slot.prompt.embeddings.slice(0, begin, begin + segment.rows));
      requests.push_back(*slot.request);
    }
    const Tensor x = parts.size() == 1 ? parts[0] : ops::concat(context_, parts, 0);
    const Tensor hidden = decoder_.forward(context_, x, cache_, pass, ops::RowPath::kBlock);
    for (const Segment& segment : pass) remember_prefix(segment.slot);
    if (hidden.dim(0) > 0) start_answers(pass, hidden);
    const std::chrono::duration<double, std::milli> taken =
        std::chrono::steady_clock::now() - since;
    for (size_t i = 0; i < pass.size(); ++i) {
      const double share = static_cast<double>(pass[i].rows) / static_cast<double>(rows);
      results_[requests[i]].prefill_ms += taken.count() * share;
    }
  }

  void remember_prefix(int64_t slot) {
    const Prompt& prompt = slots_[slot].prompt;
    if (prompt.prefix_key != 0 && cache_.length(slot) >= prompt.prefix_rows)
      cache_.mark_prefix(slot, prompt.prefix_key, prompt.prefix_rows);
  }

  void start_answers(const std::vector<Segment>& pass, const Tensor& hidden) {
    const Tensor logits = decoder_.logits(context_, hidden);
    if (options_.check_logits) require_finite(context_.to_host(logits), "the answer's logits");
    trace_.add_prefill(hidden, logits);
    const std::vector<int32_t> best = ops::argmax(context_, logits);
    int64_t row = 0;
    for (const Segment& segment : pass) {
      if (segment.outputs == 0) continue;
      Slot& slot = slots_[segment.slot];
      slot.prefilled = true;
      slot.prompt.embeddings = {};
      accept(slot, best[row], logits.slice(0, row, row + 1));
      ++row;
    }
  }

  // The ids of one step: the last one, and what the draft expects behind it.
  std::vector<int32_t> ids_of_step(const Slot& slot, int64_t most) const {
    const GreedyResult& result = results_[*slot.request];
    std::vector<int32_t> ids{slot.last_id};
    if (context_.recording()) return ids;
    // Every row gives an id at most, and the answer must not outgrow the cache.
    const int64_t room = options_.max_new_tokens - static_cast<int64_t>(result.ids.size());
    for (const int32_t id : slot.draft.expected(std::min(most, room) - 1)) {
      // What cannot be generated or ends the answer needs no row behind it.
      if (id < 0 || id >= decoder_.config().vocab_size || ends(id)) break;
      ids.push_back(id);
    }
    return ids;
  }

  void step() {
    StageTimer timer(context_, "decodeTokens");
    const std::vector<int64_t> running = active();
    const auto share = options_.step_rows / static_cast<int64_t>(running.size());
    std::vector<Segment> segments;
    std::vector<int32_t> ids;
    for (const int64_t slot : running) {
      const std::vector<int32_t> rows =
          ids_of_step(slots_[slot], std::clamp<int64_t>(share, 1, slots_[slot].reach));
      const auto count = static_cast<int64_t>(rows.size());
      segments.push_back({slot, count, count});
      ids.insert(ids.end(), rows.begin(), rows.end());
    }
    Tensor logits;
    const std::vector<int32_t> best = next_ids(ids, segments, logits);
    int64_t row = 0;
    for (const Segment& segment : segments) {
      verify(segment, row, ids, best, logits);
      row += segment.rows;
    }
  }

  // The id that every row generates. Logits are left only where they come to the host anyway.
  std::vector<int32_t> next_ids(const std::vector<int32_t>& ids,
                                const std::vector<Segment>& segments, Tensor& logits) {
    if (context_.keeps_graphs()) return decode_step(context_, decoder_, cache_, ids, segments);
    const Tensor x = decoder_.embed(context_, ids);
    const Tensor hidden = decoder_.forward(context_, x, cache_, segments, ops::RowPath::kStream);
    logits = decoder_.logits(context_, hidden);
    return ops::argmax(context_, logits);
  }

  // Takes the ids that a sequence's rows generate, as long as each row was fed what came out of the
  // row before, and forgets the other rows.
  void verify(const Segment& segment, int64_t first, const std::vector<int32_t>& fed,
              const std::vector<int32_t>& best, const Tensor& logits) {
    Slot& slot = slots_[segment.slot];
    GreedyStats& stats = results_[*slot.request].stats;
    ++stats.steps;
    stats.drafted += segment.rows - 1;
    int64_t row = first;
    while (true) {
      accept(slot, best[row], logits ? logits.slice(0, row, row + 1) : logits);
      if (!slot.request || row + 1 == first + segment.rows || fed[row + 1] != best[row]) break;
      ++row;
    }
    const int64_t accepted = row - first;
    stats.accepted += accepted;
    const bool right = accepted == segment.rows - 1;
    slot.reach = right ? std::min(2 * slot.reach, options_.step_rows) : accepted + kLeastRows;
    cache_.truncate(segment.slot, cache_.length(segment.slot) - (segment.rows - 1 - accepted));
  }

  bool ends(int32_t id) const {
    const auto& stops = options_.stop_ids;
    return (options_.eos >= 0 && id == options_.eos) ||
           std::find(stops.begin(), stops.end(), id) != stops.end();
  }

  // Takes one generated id; frees the slot when the answer ends. The prefix stays usable.
  void accept(Slot& slot, int32_t id, const Tensor& logits) {
    trace_.add(logits, id);
    GreedyResult& result = results_[*slot.request];
    if (ends(id)) {
      const bool is_eos = options_.eos >= 0 && id == options_.eos;
      result.stop = is_eos ? GreedyResult::Stop::kEos : GreedyResult::Stop::kStopId;
      slot.request.reset();
      return;
    }
    result.ids.push_back(id);
    slot.last_id = id;
    slot.draft.follow(id);
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
