// Greedy decoding on the emulated device: exact whatever drafts, batches and prefixes there are,
// and a graph from the third step of a kind on.

#include "test/native/greedy.h"

#include <map>

#include "native/kernels/cuda/pool.h"
#include "native/llm/decode_step.h"
#include "test/native/cuda/support.h"

namespace vmolmo::test {
namespace {

constexpr Device kGpu{Device::Kind::kCuda, 0};

Products products_of(WeightDType dtype) {
  return dtype == WeightDType::kStored ? Products::kExact : Products::kTensorCores;
}

TEST_CASE("cuda greedy: drafts, batches and shared prefixes never change an answer") {
  for (const bool olmo : {false, true}) {
    Context context(kGpu, 1);
    const Decoder decoder = make_decoder(tiny_decoder(olmo), context);
    Random random(olmo ? 21 : 20);
    check_rounds(context, decoder, random, 2, olmo ? "OLMo form" : "Qwen2 form", 7);
  }
  Context context(kGpu, 1);
  context.set_products(Products::kTensorCores);
  Random random(23);
  const Decoder decoder = make_decoder(tiny_qwen3(), context, WeightDType::kBF16);
  check_rounds(context, decoder, random, 1, "Qwen3 form", 5);
}

TEST_CASE("cuda greedy: nor do they with other weight formats") {
  DecoderConfig config = tiny_decoder(false);
  config.width = 128;
  config.head_dim = 32;
  config.mlp_width = 96;
  for (const WeightDType dtype :
       {WeightDType::kBF16, WeightDType::kInt8, WeightDType::kInt4, WeightDType::kFp4}) {
    Context context(kGpu, 1);
    context.set_products(products_of(dtype));
    const Decoder decoder = make_decoder(config, context, dtype);
    Random random(22);
    check_rounds(context, decoder, random, 1, concat("dtype ", int(dtype)), 5);
  }
}

DecoderConfig long_decoder() {
  DecoderConfig config = tiny_decoder(false);
  config.max_positions = 700;
  return config;
}

// Every row of a step as forward() gives it for the same segments.
TEST_CASE("cuda greedy: a step's ids are those of the pass that knows its segments") {
  for (const Device device : {Device{}, kGpu}) {
    Context context(device, 1);
    const Decoder decoder = make_decoder(tiny_decoder(false), context);
    Random random(6);
    KvCache step_cache(context, decoder.config(), 3, 90),
        plain_cache(context, decoder.config(), 3, 90);
    for (KvCache* cache : {&step_cache, &plain_cache}) {
      Random same(4);
      for (const Segment& prompt : {Segment{0, 20, 0}, Segment{1, 3, 0}, Segment{2, 61, 0}}) {
        decoder.forward(context, decoder.embed(context, random_ids(same, prompt.rows)), *cache,
                        {&prompt, 1}, ops::RowPath::kBlock);
      }
    }
    for (int step = 0; step < 20; ++step) {
      std::vector<Segment> segments;
      int64_t rows = 0;
      for (int64_t slot = 2; slot >= 0; --slot) {
        const int64_t count = random.integer(0, slot == 1 ? 2 : 1);
        if (count > 0) segments.push_back({slot, count, count});
        rows += count;
      }
      if (rows == 0) continue;
      const std::vector<int32_t> ids = random_ids(random, rows);
      const Tensor hidden = decoder.forward(context, decoder.embed(context, ids), plain_cache,
                                            segments, ops::RowPath::kStream);
      check(decode_step(context, decoder, step_cache, ids, segments) ==
                ops::argmax(context, decoder.logits(context, hidden)),
            "step ", step, " on ", to_string(device));
      for (int64_t slot = 0; slot < 3; ++slot)
        check(step_cache.length(slot) == plain_cache.length(slot), "lengths differ");
    }
    const GraphCache& graphs = step_cache.step_memory(context, 1).graphs;
    check(!context.on_cuda() || (graphs.use().launched > 8 && graphs.use().captured > 2),
          "launched ", graphs.use().launched, " graphs; ", graphs.failure());
    const int64_t last = decoder.config().blocks - 1, end = step_cache.length(1);
    check(step_cache.keys(last, 1, end).to_vector() == plain_cache.keys(last, 1, end).to_vector() &&
              step_cache.values(last, 1, end).to_vector() ==
                  plain_cache.values(last, 1, end).to_vector(),
          "the caches differ on ", to_string(device));
  }
}

TEST_CASE("cuda greedy: a graph's range of positions ends, and another takes over") {
  Context context(kGpu, 1);
  const Decoder decoder = make_decoder(long_decoder(), context);
  KvCache step_cache(context, decoder.config(), 1, 600),
      plain_cache(context, decoder.config(), 1, 600);
  for (KvCache* cache : {&step_cache, &plain_cache}) {
    for (int64_t i = 0; i < decoder.config().blocks; ++i) {
      for (const Tensor& x : {cache->keys(i), cache->values(i)})
        context.pool().zero(x.raw(), x.bytes());
    }
    cache->advance(0, 507);
  }
  const Segment one{0, 1, 1};
  std::vector<int32_t> ids{4};
  for (int step = 0; step < 9; ++step) {
    const Tensor hidden = decoder.forward(context, decoder.embed(context, ids), plain_cache,
                                          {&one, 1}, ops::RowPath::kStream);
    ids = decode_step(context, decoder, step_cache, ids, {&one, 1});
    check(ids == ops::argmax(context, decoder.logits(context, hidden)), "step ", step);
  }
  const int64_t last = decoder.config().blocks - 1;
  check(step_cache.keys(last, 0, 516).to_vector() == plain_cache.keys(last, 0, 516).to_vector(),
        "the caches differ");
  const GraphCache::Use& use = step_cache.step_memory(context, 1).graphs.use();
  check(use.captured == 2 && use.launched == 7, "captured ", use.captured);
}

TEST_CASE("cuda greedy: a step is a graph, one copy there and one back; the pool stays flat") {
  const DeferredWork deferred;
  Context context(kGpu, 1);
  const Decoder decoder = make_decoder(tiny_decoder(false), context);
  Context host(1);
  const Decoder on_host = make_decoder(tiny_decoder(false), host);
  KvCache cache(context, decoder.config(), 2, 128), host_cache(host, decoder.config(), 2, 128);
  std::vector<int32_t> ids{3, 5}, host_ids = ids;
  const std::vector<Segment> segments{{1, 1, 1}, {0, 1, 1}};
  emulation::Counters first;
  size_t taken = 0;
  for (int step = 0; step < 100; ++step) {
    ids = decode_step(context, decoder, cache, ids, segments);
    host_ids = decode_step(host, on_host, host_cache, host_ids, segments);
    check(ids == host_ids, "step ", step, " differs from the CPU's");
    if (step == 2) first = counted(), taken = context.pool().use().taken;
  }
  const GraphCache::Use& use = cache.step_memory(context, 1).graphs.use();
  check(use.plain == 1 && use.captured == 1 && use.launched == 99 && use.failed == 0, "plain ",
        use.plain, ", launched ", use.launched);
  check(context.pool().use().taken == taken, "the pool grew");
  if (!kEmulated) return;
  const emulation::Counters last = counted();
  check(last.graph_launches - first.graph_launches == 97 &&
            last.host_to_device - first.host_to_device == 97 &&
            last.device_to_host - first.device_to_host == 97 &&
            last.allocations == first.allocations,
        "per step: ", double(last.graph_launches - first.graph_launches) / 97, " graphs, ",
        double(last.host_to_device - first.host_to_device) / 97, " copies there, ",
        double(last.device_to_host - first.device_to_host) / 97, " back");
}

// What docs/cuda.md says of a token: seven kernels a block with weights that gemv reads.
TEST_CASE("cuda greedy: kernels of a step") {
  Context context(kGpu, 1);
  context.set_products(Products::kTensorCores);
  DecoderConfig config = tiny_decoder(false);
  const Decoder decoder = make_decoder(config, context, WeightDType::kBF16);
  KvCache cache(context, config, 1, 128);
  std::vector<int32_t> ids{3};
  const Segment one{0, 1, 1};
  emulation::Counters before;
  for (int step = 0; step < 4; ++step) {
    before = emulation::counters();
    ids = decode_step(context, decoder, cache, ids, {&one, 1});
  }
  const emulation::Counters after = emulation::counters();
  check(after.graph_launches - before.graph_launches == 1, "a step is no graph");
  // Around the blocks: ids to rows, norm, logits, the best id and its copy.
  check(after.launches - before.launches == 7 * config.blocks + 5,
        "kernels of a step: ", after.launches - before.launches);
}

// Keeps what is recorded, in the CPU's memory.
struct Kept : Recorder {
  std::map<std::string, Tensor> tensors;
  void record(const std::string& name, const Tensor& tensor) override {
    tensors[name] = tensor.clone(cpu_heap());
  }
};

TEST_CASE("cuda greedy: under a recorder the answer is the same, and what is recorded is f32") {
  Context context(kGpu, 1);
  context.set_products(Products::kTensorCores);
  const DecoderConfig config = tiny_decoder(false);
  const Decoder decoder = make_decoder(config, context, WeightDType::kBF16);
  KvCache cache(context, config, 1, 40);
  GreedyOptions options;
  options.max_new_tokens = 5;
  const Request request{{3, 1, 4, 70, 5}, 0, 0, {}};
  const std::vector<int32_t> ids = run(context, decoder, cache, {request}, options)[0].ids;
  Kept kept;
  context.set_recorder(&kept);
  const std::vector<int32_t> recorded = run(context, decoder, cache, {request}, options)[0].ids;
  context.set_recorder(nullptr);
  check(recorded == ids, "the recorded answer differs");
  const Tensor& logits = kept.tensors.at("gen.logits");
  check(logits.dim(0) == 5 && logits.dim(1) == config.vocab_size, "logits ", logits.shape());
  const Tensor& keys = kept.tensors.at("llm.kv.2.k");
  check(keys.dtype() == DType::kF32 && keys.shape() == Shape({config.kv_heads, 5, config.head_dim}),
        "keys ", keys.dtype(), " ", keys.shape());
}

TEST_CASE("cuda greedy: cancelled and refused steps leave the cache as it was") {
  Context context(kGpu, 1);
  const Decoder decoder = make_decoder(tiny_decoder(false), context);
  KvCache cache(context, decoder.config(), 1, 4);
  const std::vector<int32_t> ids{3};
  const Segment one{0, 1, 1};
  check_throws(Code::kInvalidArgument,
               [&] { decode_step(context, decoder, cache, std::vector<int32_t>{76}, {&one, 1}); });
  const auto flag = std::make_shared<CancelFlag>();
  flag->raise();
  for (int step = 0; step < 4; ++step) {
    context.set_cancel(flag);
    check_throws(Code::kAborted, [&] { decode_step(context, decoder, cache, ids, {&one, 1}); });
    context.set_cancel(nullptr);
    check(cache.length(0) == step, "length ", cache.length(0));
    decode_step(context, decoder, cache, ids, {&one, 1});
  }
  check_throws(Code::kInternal, [&] { decode_step(context, decoder, cache, ids, {&one, 1}); });
}

}  // namespace
}  // namespace vmolmo::test
