// Cuts attention into tasks. The keys and values of one head are packed once and then serve every
// block of queries. Short sequences (windows) are packed and attended by one thread in its own
// scratch; long ones are packed by all threads first and their query blocks handed out after. Very
// few queries (decoding) read the keys where they lie.

#include "native/kernels/cpu/attention.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "native/kernels/cpu/scratch.h"

namespace vmolmo::cpu {
namespace {

constexpr int64_t kDirectQueries = 4;
constexpr int64_t kLocalFloats = 96 * 1024;           // packed keys and values of a window
constexpr int64_t kSharedFloats = int64_t{16} << 20;  // packed at a time for all threads
constexpr int64_t kSerialWork = 400'000;              // multiply-adds

int64_t round_up(int64_t a, int64_t unit) { return (a + unit - 1) / unit * unit; }

// One key/value head of one sequence.
struct Unit {
  const AttentionSequence* sequence;
  int64_t kv_head;
  float* packed = nullptr;
};

class Runner {
 public:
  Runner(const Kernels& kernels, const AttentionHeads& shape)
      : kernels_(kernels), shape_(shape), group_(shape.heads / shape.kv_heads) {}

  int64_t group() const { return group_; }
  int64_t blocks(const AttentionSequence& s) const {
    return (s.nq + kernels_.attend_rows - 1) / kernels_.attend_rows;
  }
  int64_t key_floats(const AttentionSequence& s) const {
    return round_up(round_up(s.nk, kernels_.mr) * shape_.d, 16);
  }
  int64_t packed_floats(const AttentionSequence& s) const {
    return key_floats(s) + round_up(s.nk * round_up(shape_.dv, kernels_.mr), 16);
  }
  int64_t work(const AttentionSequence& s) const {
    return s.nq * s.nk * (shape_.d + shape_.dv) * group_ + packed_floats(s) * 4;
  }

  int64_t direct_work(const AttentionSequence& s) const {
    return 4 * s.nq * s.nk * (shape_.d + shape_.dv);
  }

  // Packs the keys [begin, end) of a unit; begin is a multiple of mr. Values are packed whole, by
  // whoever packs key 0: their panels run over all keys.
  void pack_keys(const Unit& unit, int64_t begin, int64_t end) const {
    const AttentionSequence& s = *unit.sequence;
    kernels_.pack_a(s.k + begin * s.k_row + unit.kv_head * s.k_head, s.k_row, end - begin, shape_.d,
                    unit.packed + begin * shape_.d);
  }
  void pack_values(const Unit& unit) const {
    const AttentionSequence& s = *unit.sequence;
    kernels_.pack_v(s.v + unit.kv_head * s.v_head, s.v_row, s.nk, shape_.dv,
                    unit.packed + key_floats(s));
  }

  // Query block `block` of query head `member` of the unit's group.
  void attend(const Unit& unit, int64_t member, int64_t block) const {
    const AttentionSequence& s = *unit.sequence;
    const int64_t head = unit.kv_head * group_ + member;
    const int64_t first = block * kernels_.attend_rows;
    AttendBlock a;
    a.q = s.q + first * s.q_row + head * s.q_head;
    a.q_stride = s.q_row;
    a.out = s.out + (first * shape_.heads + head) * shape_.dv;
    a.out_stride = shape_.heads * shape_.dv;
    a.nq = std::min<int64_t>(kernels_.attend_rows, s.nq - first);
    a.k_panels = unit.packed;
    a.v_panels = unit.packed + key_floats(s);
    a.nk = s.nk;
    a.d = shape_.d;
    a.dv = shape_.dv;
    a.scale = s.scale;
    a.causal = s.causal;
    a.offset = s.offset + first;
    a.bias = s.bias ? s.bias + head * s.bias_head + first * s.bias_row : nullptr;
    a.bias_stride = s.bias_row;
    a.classes = s.classes ? s.classes + first : nullptr;
    a.scratch =
        thread_scratch(Scratch::kAttention, size_t(kernels_.attend_scratch(shape_.d, shape_.dv)));
    kernels_.attend(a);
  }

  void attend_direct(const AttentionSequence& s, int64_t head, int64_t query) const {
    const int64_t kv = head / group_;
    const bool classed = s.classes && s.classes[query] >= 0;
    const int64_t seen =
        s.causal && !classed ? std::clamp<int64_t>(s.offset + query + 1, 1, s.nk) : s.nk;
    float* scores = thread_scratch(Scratch::kAttention, size_t(classed ? 2 * seen : seen));
    const float* added = s.bias ? s.bias + head * s.bias_head + query * s.bias_row : nullptr;
    if (classed) added = hide_other_classes(s, query, added, scores + seen);
    kernels_.attend_one(s.q + query * s.q_row + head * s.q_head, s.k + kv * s.k_head, s.k_row,
                        s.v + kv * s.v_head, s.v_row, seen, shape_.d, shape_.dv, s.scale, added,
                        scores, s.out + (query * shape_.heads + head) * shape_.dv);
  }

 private:
  // The query's bias (null: zeros), with -inf for the later keys of other classes; in `row`.
  static const float* hide_other_classes(const AttentionSequence& s, int64_t query,
                                         const float* bias, float* row) {
    for (int64_t key = 0; key < s.nk; ++key) {
      const bool seen = key <= s.offset + query || s.classes[key - s.offset] == s.classes[query];
      row[key] = !seen ? -std::numeric_limits<float>::infinity() : bias ? bias[key] : 0.0f;
    }
    return row;
  }

  const Kernels& kernels_;
  const AttentionHeads& shape_;
  int64_t group_;
};

struct DirectTask {
  const AttentionSequence* sequence;
  int64_t head;
};

void run_direct(const Runner& runner, ThreadPool& threads, std::span<const DirectTask> tasks) {
  const int64_t grain = 1 + kSerialWork / (runner.direct_work(*tasks[0].sequence) + 1);
  threads.parallel_for(int64_t(tasks.size()), grain, [&](int64_t begin, int64_t end) {
    for (const auto& [s, head] : tasks.subspan(size_t(begin), size_t(end - begin))) {
      for (int64_t query = 0; query < s->nq; ++query) runner.attend_direct(*s, head, query);
    }
  });
}

void run_local(const Runner& runner, ThreadPool& threads, std::span<Unit> units) {
  const int64_t grain = 1 + kSerialWork / (runner.work(*units[0].sequence) + 1);
  threads.parallel_for(int64_t(units.size()), grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Unit unit = units[size_t(i)];
      const AttentionSequence& s = *unit.sequence;
      unit.packed = thread_scratch(Scratch::kKeys, size_t(runner.packed_floats(s)));
      runner.pack_keys(unit, 0, s.nk);
      runner.pack_values(unit);
      for (int64_t member = 0; member < runner.group(); ++member) {
        for (int64_t block = 0; block < runner.blocks(s); ++block)
          runner.attend(unit, member, block);
      }
    }
  });
}

struct Task {
  const Unit* unit;
  int64_t a, b;
};

void run_shared(const Runner& runner, ThreadPool& threads, Allocator& memory, std::span<Unit> units,
                int mr) {
  int64_t floats = 0;
  for (const Unit& unit : units) floats += runner.packed_floats(*unit.sequence);
  const auto storage = memory.allocate(size_t(floats) * sizeof(float));
  float* next = reinterpret_cast<float*>(storage->data);
  const int64_t slice = int64_t{64} * mr;
  std::vector<Task> packing, attending;
  for (Unit& unit : units) {
    const AttentionSequence& s = *unit.sequence;
    unit.packed = next;
    next += runner.packed_floats(s);
    packing.push_back({&unit, -1, -1});
    for (int64_t key = 0; key < s.nk; key += slice) {
      packing.push_back({&unit, key, std::min(s.nk, key + slice)});
    }
    for (int64_t member = 0; member < runner.group(); ++member) {
      for (int64_t block = 0; block < runner.blocks(s); ++block) {
        attending.push_back({&unit, member, block});
      }
    }
  }
  threads.parallel_for(int64_t(packing.size()), 1, [&](int64_t begin, int64_t end) {
    for (const Task& task : std::span(packing).subspan(size_t(begin), size_t(end - begin))) {
      if (task.a < 0) {
        runner.pack_values(*task.unit);
      } else {
        runner.pack_keys(*task.unit, task.a, task.b);
      }
    }
  });
  threads.parallel_for(int64_t(attending.size()), 1, [&](int64_t begin, int64_t end) {
    for (const Task& task : std::span(attending).subspan(size_t(begin), size_t(end - begin))) {
      runner.attend(*task.unit, task.a, task.b);
    }
  });
}

}  // namespace

void attention(const Kernels& kernels, ThreadPool& threads, Allocator& memory,
               const AttentionHeads& shape, std::span<const AttentionSequence> sequences) {
  const Runner runner(kernels, shape);
  std::vector<Unit> local, shared;
  std::vector<DirectTask> direct;
  for (const AttentionSequence& s : sequences) {
    if (s.nq == 0) continue;
    if (s.nk == 0) {
      std::fill_n(s.out, s.nq * shape.heads * shape.dv, 0.0f);
      continue;
    }
    using Path = AttentionSequence::Path;
    if (s.path == Path::kDirect || (s.path == Path::kAuto && s.nq <= kDirectQueries)) {
      for (int64_t head = 0; head < shape.heads; ++head) direct.push_back({&s, head});
      continue;
    }
    auto& units = runner.packed_floats(s) <= kLocalFloats ? local : shared;
    for (int64_t head = 0; head < shape.kv_heads; ++head) units.push_back({&s, head});
  }
  if (!direct.empty()) run_direct(runner, threads, direct);
  if (!local.empty()) run_local(runner, threads, local);
  for (size_t begin = 0; begin < shared.size();) {
    int64_t floats = 0;
    size_t end = begin;
    while (end < shared.size() && (end == begin || floats < kSharedFloats)) {
      floats += runner.packed_floats(*shared[end++].sequence);
    }
    run_shared(runner, threads, memory, std::span(shared).subspan(begin, end - begin), kernels.mr);
    begin = end;
  }
}

}  // namespace vmolmo::cpu
