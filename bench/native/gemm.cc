#include <cstdio>
#include <cstring>
#include <random>

#include "bench/native/blas.h"
#include "bench/native/measure.h"
#include "native/ops/cpu_weight.h"
#include "native/weights/quantize.h"
#include "videomolmo/load.h"

namespace vmolmo::bench {
namespace {

struct Case {
  const char* name;
  int64_t m, n, k;
  WeightDType dtype = WeightDType::kF32;
};

const Case kCases[] = {
    {"vit-l qkv", 577, 3072, 1024},
    {"vit-l out", 577, 1024, 1024},
    {"vit-l fc1", 577, 4096, 1024},
    {"vit-l fc2", 577, 1024, 4096},
    {"vit-l fc1 x5", 2885, 4096, 1024},
    {"qwen2-7b qkv", 913, 4608, 3584},
    {"qwen2-7b qkv bf16", 913, 4608, 3584, WeightDType::kBF16},
    {"qwen2-7b ff_proj", 913, 37888, 3584},
    {"qwen2-7b ff_out", 913, 3584, 18944},
    {"sam2 trunk 1", 65536, 384, 96},
    {"sam2 trunk 3", 4096, 1536, 384},
    {"small", 256, 64, 64},
    {"tiny", 64, 16, 32},
    {"decode ff_proj", 1, 37888, 3584},
    {"decode ff_proj bf16", 1, 37888, 3584, WeightDType::kBF16},
    {"decode ff_proj int8", 1, 37888, 3584, WeightDType::kInt8},
    {"decode ff_proj int4", 1, 37888, 3584, WeightDType::kInt4},
    {"decode ff_proj fp4", 1, 37888, 3584, WeightDType::kFp4},
    {"decode 8 rows int8", 8, 37888, 3584, WeightDType::kInt8},
    {"decode 8 rows int4", 8, 37888, 3584, WeightDType::kInt4},
    {"prefill ff_proj int8", 256, 37888, 3584, WeightDType::kInt8},
    {"prefill ff_proj int4", 256, 37888, 3584, WeightDType::kInt4},
    {"prefill ff_proj bf16", 256, 37888, 3584, WeightDType::kBF16},
    {"decode 4 rows bf16", 4, 37888, 3584, WeightDType::kBF16},
    {"decode 8 rows bf16", 8, 37888, 3584, WeightDType::kBF16},
};

Tensor random_tensor(Shape shape) {
  Tensor x = Tensor::empty(cpu_heap(), shape);
  std::minstd_rand engine(1);
  float* data = x.data<float>();
  for (int64_t i = 0; i < x.numel(); ++i) data[i] = float(engine() % 2048) / 1024.0f - 1.0f;
  return x;
}

Tensor as_bf16(const Tensor& x) {
  Tensor y = Tensor::empty(cpu_heap(), x.shape(), DType::kBF16);
  for (int64_t i = 0; i < x.numel(); ++i) y.data<BFloat16>()[i] = BFloat16(x.data<float>()[i]);
  return y;
}

Weight make_weight(const Tensor& w, WeightDType dtype, ThreadPool& threads) {
  switch (dtype) {
    case WeightDType::kBF16:
      return as_bf16(w);
    case WeightDType::kInt8:
      return quantize_int8(w, threads);
    case WeightDType::kInt4:
      return quantize_int4(w, 64, threads);
    case WeightDType::kFp4:
      return quantize_fp4(w, threads);
    default:
      return w;
  }
}

void run_case(const Case& c, const Options& options, ThreadPool& threads, Allocator& memory,
              const OpenBlas& blas) {
  const Tensor x = random_tensor({c.m, c.k}), w = random_tensor({c.n, c.k});
  const Weight weight = make_weight(w, c.dtype, threads);
  Tensor y = Tensor::zeros(cpu_heap(), {c.m, c.n}), z = Tensor::zeros(cpu_heap(), {c.m, c.n});
  cpu::Gemm call;
  call.x = x.data<float>();
  ops::set_weight(weight, call);
  call.ldx = c.k;
  call.y = y.data<float>();
  call.ldy = c.n;
  call.m = c.m;
  const double flops = 2.0 * double(c.m) * double(c.n) * double(c.k);
  const int repeats = flops > 2e7 ? 1 : int(2e7 / flops) + 1;
  std::vector<std::function<void()>> candidates{[&] {
    for (int i = 0; i < repeats; ++i) cpu::gemm(cpu::kernels(), threads, memory, call);
  }};
  if (blas.loaded()) {
    candidates.push_back([&] {
      for (int i = 0; i < repeats; ++i) {
        blas.linear(x.data<float>(), w.data<float>(), z.data<float>(), int(c.m), int(c.n),
                    int(c.k));
      }
    });
  }
  const auto t = measure(candidates, options.rounds);
  const double scale = 1.0 / repeats;
  const double weight_gb = double(weight.bytes()) / 1e9;
  std::printf(
      "%-20s %6ldx%5ldx%5ld  %9.3f ms [%.3f-%.3f] %7.1f GFLOP/s %6.1f GB/s  "
      "cpu %7.1f GFLOP/s %6.1f GB/s",
      c.name, long(c.m), long(c.n), long(c.k), t[0].median * scale * 1e3, t[0].low * scale * 1e3,
      t[0].high * scale * 1e3, flops / (t[0].median * scale) / 1e9,
      weight_gb / (t[0].median * scale), flops / (t[0].cpu * scale) / 1e9,
      weight_gb / (t[0].cpu * scale));
  if (blas.loaded()) {
    std::printf("  openblas(f32) %9.3f ms %7.1f GFLOP/s cpu %7.1f GFLOP/s  share %.2f cpu %.2f",
                t[1].median * scale * 1e3, flops / (t[1].median * scale) / 1e9,
                flops / (t[1].cpu * scale) / 1e9, t[1].median / t[0].median, t[1].cpu / t[0].cpu);
  }
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace

int run_gemm(const Options& options) {
  ThreadPool threads(options.threads);
  const auto memory = make_cpu_pool();
  const OpenBlas blas(threads.size());
  std::printf("peer: OpenBLAS %s\n", blas.description().c_str());
  for (const Case& c : kCases) {
    if (std::strstr(c.name, options.filter.c_str())) run_case(c, options, threads, *memory, blas);
  }
  return 0;
}

}  // namespace vmolmo::bench
