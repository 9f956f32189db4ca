#include "native/ops/attention.h"

#include <cstdio>
#include <cstring>
#include <random>

#include "bench/native/measure.h"

namespace vmolmo::bench {
namespace {

struct Case {
  const char* name;
  int64_t batch, nq, nk, heads, kv_heads, d, dv;
  bool causal;
};

const Case kCases[] = {
    {"vit-l", 1, 577, 577, 16, 16, 64, 64, false},
    {"vit-l x5", 5, 577, 577, 16, 16, 64, 64, false},
    {"qwen2-7b prefill", 1, 913, 913, 28, 4, 128, 128, true},
    {"qwen2-7b decode", 1, 1, 1000, 28, 4, 128, 128, true},
    {"trunk window 8x8", 1024, 64, 64, 1, 1, 96, 96, false},
    {"trunk window 8x8 pool", 1024, 16, 64, 2, 2, 96, 96, false},
    {"trunk window 4x4", 1024, 16, 16, 2, 2, 96, 96, false},
    {"trunk window 14x14", 25, 196, 196, 4, 4, 96, 96, false},
    {"trunk window 14 pool", 25, 49, 196, 8, 8, 96, 96, false},
    {"trunk global", 1, 4096, 4096, 4, 4, 96, 96, false},
    {"memory self", 1, 4096, 4096, 1, 1, 256, 256, false},
    {"memory cross dv 64", 1, 4096, 28736, 1, 1, 256, 64, false},
    {"memory cross dv 256", 1, 4096, 28736, 1, 1, 256, 256, false},
    {"decoder to image", 1, 9, 4096, 8, 8, 16, 16, false},
    {"decoder to tokens", 1, 4096, 9, 8, 8, 16, 16, false},
};

Tensor random_tensor(Shape shape) {
  Tensor x = Tensor::empty(cpu_heap(), shape);
  std::minstd_rand engine(1);
  for (int64_t i = 0; i < x.numel(); ++i) {
    x.data<float>()[i] = float(engine() % 2048) / 1024.0f - 1.0f;
  }
  return x;
}

}  // namespace

int run_attention(const Options& options) {
  Context context(options.threads);
  for (const Case& c : kCases) {
    if (!std::strstr(c.name, options.filter.c_str())) continue;
    const Tensor q = random_tensor({c.batch, c.nq, c.heads, c.d});
    const Tensor k = random_tensor({c.batch, c.nk, c.kv_heads, c.d});
    const Tensor v = random_tensor({c.batch, c.nk, c.kv_heads, c.dv});
    ops::AttentionOptions attention;
    attention.causal = c.causal;
    attention.query_offset = c.nk - c.nq;
    const auto t = measure({[&] { ops::attention(context, q, k, v, attention); }}, options.rounds);
    // Products only; a causal square needs half of them.
    const double share = c.causal && c.nq > 1 ? 0.5 : 1.0;
    const double flops =
        2.0 * share * double(c.batch * c.heads * c.nq) * double(c.nk * (c.d + c.dv));
    std::printf(
        "%-22s B%-4ld Nq %5ld Nk %5ld H %2ld/%-2ld D %3ld Dv %3ld  %9.3f ms [%.3f-%.3f] %7.1f "
        "GFLOP/s  cpu %9.3f ms %7.1f GFLOP/s\n",
        c.name, long(c.batch), long(c.nq), long(c.nk), long(c.heads), long(c.kv_heads), long(c.d),
        long(c.dv), t[0].median * 1e3, t[0].low * 1e3, t[0].high * 1e3, flops / t[0].median / 1e9,
        t[0].cpu * 1e3, flops / t[0].cpu / 1e9);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace vmolmo::bench
