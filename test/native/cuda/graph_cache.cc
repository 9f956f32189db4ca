#include "native/ops/graph_cache.h"

#include "native/kernels/cuda/pool.h"
#include "native/ops/copy.h"
#include "native/ops/elementwise.h"
#include "native/ops/linear.h"
#include "test/native/cuda/support.h"

namespace vmolmo::test {
namespace {

constexpr Device kGpu{Device::Kind::kCuda, 0};

// y = x W^T + x, through temporaries; x and y stay where they are.
struct Layer {
  explicit Layer(Context& on, int64_t size = 24)
      : context(on),
        weight(on.to_device(Tensor::from(Random(4).normal(size * size), {size, size}))),
        x(on.empty({3, size})),
        y(on.empty({3, size})) {}

  void set(uint32_t seed) {
    const std::vector<float> values = Random(seed).normal(x.numel());
    ops::copy_into(context, context.to_device(Tensor::from(values, x.shape())), x);
  }
  void work() const {
    const Tensor product = ops::linear(context, x, weight);
    ops::copy_into(context, ops::add(context, product, x), y);
  }
  std::vector<float> run(GraphCache& graphs, const std::string& key, uint32_t seed) {
    set(seed);
    graphs.run(context, key, [&] { work(); });
    return y.to_vector();
  }
  std::vector<float> plain(uint32_t seed) {
    set(seed);
    work();
    return y.to_vector();
  }

  Context& context;
  Tensor weight, x, y;
};

TEST_CASE("graph cache: plain, captured, launched; the results are the plain ones to the bit") {
  for_each_order([] {
    Context context(kGpu, 1);
    Layer layer(context);
    GraphCache graphs;
    for (uint32_t seed = 0; seed < 5; ++seed) {
      const std::vector<float> expected = layer.plain(seed);
      check(layer.run(graphs, "layer", seed) == expected, "call ", seed, " differs");
    }
    check(graphs.use().plain == 1 && graphs.use().captured == 1 && graphs.use().launched == 4 &&
              graphs.use().failed == 0,
          "plain ", graphs.use().plain, ", launched ", graphs.use().launched, "; ",
          graphs.failure());
  });
}

TEST_CASE("graph cache: hundreds of launches with plain work between them leave the pool flat") {
  const DeferredWork deferred;
  Context context(kGpu, 1);
  Layer layer(context), other(context, 40);
  GraphCache graphs;
  std::vector<std::vector<float>> expected;
  for (uint32_t seed = 0; seed < 4; ++seed) expected.push_back(layer.plain(seed));
  MemoryUse first;
  int64_t allocations = 0;
  for (uint32_t call = 0; call < 300; ++call) {
    other.plain(call);
    check(layer.run(graphs, "layer", call % 4) == expected[call % 4], "call ", call, " differs");
    if (call == 2) first = context.pool().use(), allocations = counted().allocations;
  }
  const MemoryUse last = context.pool().use();
  check(last.taken == first.taken && last.idle == first.idle, "the pool grew from ", first.taken,
        " to ", last.taken, " bytes");
  check(counted().allocations == allocations, "the driver was asked for memory");
}

TEST_CASE("graph cache: graphs share their memory, and nobody else gets it") {
  Context context(kGpu, 1);
  Layer layer(context);
  const auto taken = [&] { return context.pool().use().taken - context.pool().use().idle; };
  GraphCache graphs;
  for (uint32_t call = 0; call < 3; ++call) layer.run(graphs, "a", call);
  const std::vector<float> expected = layer.run(graphs, "a", 9);
  const size_t one = taken(), idle = context.pool().use().idle;
  for (const char* key : {"b", "c", "d"})
    for (uint32_t call = 0; call < 3; ++call) layer.run(graphs, key, call);
  // Plain calls take one set of temporaries beside that of the graphs.
  const size_t several = taken();
  check(several < 2 * one, "one graph: ", one, " bytes, four: ", several);
  // Tensors in the smallest free pieces: none of them is a graph's.
  std::vector<Tensor> held;
  while (context.pool().use().idle > 0 && held.size() < 64)
    held.push_back(layer.x.clone(context.memory()));
  const std::vector<float> before = held.back().to_vector();
  check(layer.run(graphs, "a", 9) == expected, "a graph's memory was given away");
  check(held.back().to_vector() == before, "a graph wrote to somebody's tensor");
  graphs.clear();
  held.clear();
  check(context.pool().use().idle > idle, "the graphs' memory did not come back");
}

TEST_CASE("graph cache: the graph used longest ago makes room") {
  Context context(kGpu, 1);
  Layer layer(context);
  GraphCache graphs(2);
  for (const char* key : {"a", "a", "b", "b", "a", "c", "c"}) layer.run(graphs, key, 1);
  check(graphs.use().captured == 3, "captured: ", graphs.use().captured);
  layer.run(graphs, "a", 1);
  check(graphs.use().plain == 3 && graphs.use().launched == 5, "a was let go");
  layer.run(graphs, "b", 1);
  check(graphs.use().plain == 4, "b was kept");
}

TEST_CASE("graph cache: what cannot be captured runs plainly, and the pool stays usable") {
  Context context(kGpu, 1);
  Layer layer(context);
  GraphCache graphs;
  int64_t rows = 0;
  const auto grow = [&] { context.zeros({rows += 10, 1 << 20}); };
  const auto copy = [&] { layer.y.to_vector(); };
  Tensor kept;
  const auto keep = [&] { kept = layer.x.clone(context.memory()); };
  const auto refuses = [&](const char* key, const std::function<void()>& work, const char* part) {
    const int64_t failed = graphs.use().failed, launched = graphs.use().launched;
    for (int call = 0; call < 6; ++call) graphs.run(context, key, work);
    check(graphs.use().failed == failed + 3 && graphs.use().launched == launched, key, ": failed ",
          graphs.use().failed - failed);
    check(graphs.failure().find(part) != std::string::npos, key, ": ", graphs.failure());
    const std::vector<float> expected = layer.plain(7);
    check(layer.run(graphs, "layer", 7) == expected, "behind ", key);
  };
  refuses("grow", grow, "allocation that needs the driver");
  refuses("copy", copy, "download");
  refuses("keep", keep, "outlives");
  check(kept.to_vector() == layer.x.to_vector(), "the plain run's tensor is overwritten");
}

TEST_CASE("graph cache: the work's own errors are thrown, an abort is no failed capture") {
  Context context(kGpu, 1);
  Layer layer(context);
  GraphCache graphs;
  layer.run(graphs, "layer", 1);
  const auto broken = [&] {
    layer.work();
    fail(Code::kInvalidArgument, "no");
  };
  check_throws(Code::kInvalidArgument, [&] { graphs.run(context, "layer", broken); });
  const int64_t failed = graphs.use().failed;
  const auto aborted = [&] { fail(Code::kAborted, "enough"); };
  check_throws(Code::kAborted, [&] { graphs.run(context, "layer", aborted); });
  check(graphs.use().failed == failed, "an abort counts as a failure");
  const std::vector<float> expected = layer.plain(2);
  check(layer.run(graphs, "layer", 2) == expected && graphs.use().captured == 1, "behind them");
  const auto flag = std::make_shared<CancelFlag>();
  flag->raise();
  context.set_cancel(flag);
  check_throws(Code::kAborted, [&] { layer.run(graphs, "layer", 2); });
  context.set_cancel(nullptr);
}

TEST_CASE("graph cache: a recorder and direct memory run plainly; graphs go with their tables") {
  Context context(kGpu, 1);
  Layer layer(context);
  GraphCache graphs;
  struct Silent : Recorder {
    void record(const std::string&, const Tensor&) override {}
  } recorder;
  context.set_recorder(&recorder);
  for (uint32_t call = 0; call < 3; ++call) layer.run(graphs, "layer", call);
  context.set_recorder(nullptr);
  check(graphs.use().captured == 0, "captured under a recorder");
  for (uint32_t call = 0; call < 3; ++call) layer.run(graphs, "layer", call);
  check(graphs.use().captured == 1, "not captured behind it");
  for (int i = 0; i <= 256; ++i)
    context.table(std::to_string(i), [] { return Tensor::from(std::vector<float>{1.0f}, {1}); });
  layer.run(graphs, "layer", 1);
  check(graphs.use().plain == 2, "a graph outlived the tables");
  setenv("VIDEOMOLMO_CUDA_MEMORY", "direct", 1);
  Context direct(kGpu, 1);
  unsetenv("VIDEOMOLMO_CUDA_MEMORY");
  Layer again(direct);
  GraphCache none;
  for (uint32_t call = 0; call < 3; ++call) again.run(none, "layer", call);
  check(none.use().captured == 0 && none.use().failed == 0, "captured with direct memory");
}

}  // namespace
}  // namespace vmolmo::test
