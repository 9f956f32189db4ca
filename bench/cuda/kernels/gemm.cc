#include "bench/cuda/kernels/cases.h"
#include "native/base/cublaslt.h"
#include "native/kernels/cuda/cublaslt_gemm.h"
#include "native/kernels/cuda/gemm_tensor.h"

namespace vmolmo::cuda_bench {
namespace {

constexpr size_t kWorkspace = size_t{64} << 20;

struct Shape {
  const char* name;
  int64_t m, n, k;
};

// Frame of 960x540: 13 crops of 577 tokens; a prompt of about 1,500 positions.
constexpr Shape kShapes[] = {
    {"ViT-L qkv, 13 crops", 7501, 3072, 1024},
    {"ViT-L fc1, 13 crops", 7501, 4096, 1024},
    {"ViT-L fc2, 13 crops", 7501, 1024, 4096},
    {"Qwen2-7B qkv, prefill", 1500, 4608, 3584},
    {"Qwen2-7B mlp in, prefill", 1500, 37888, 3584},
    {"Qwen2-7B mlp out, prefill", 1500, 3584, 18944},
    {"Qwen2-7B mlp in, 30 drafted", 30, 37888, 3584},
    {"SAM 2 trunk, stage 3", 4096, 2304, 576},
};

struct Operands {
  std::vector<uint16_t> x, w;
  std::vector<float> bias;
  Shared<uint16_t> device_x, device_w;
  Shared<float> device_bias, y;
  Shared<std::byte> workspace;
};

double sampled_error(const Operands& o, const Shape& s, Numbers& numbers) {
  const std::vector<float> y = o.y->read();
  std::vector<double> actual, expected;
  for (const size_t row : samples(numbers, static_cast<size_t>(s.m), 12)) {
    for (const size_t column : samples(numbers, static_cast<size_t>(s.n), 12)) {
      double sum = o.bias[column];
      const auto k = static_cast<size_t>(s.k);
      for (size_t i = 0; i < k; ++i)
        sum += static_cast<double>(from_bf16(o.x[row * k + i])) * from_bf16(o.w[column * k + i]);
      actual.push_back(y[row * static_cast<size_t>(s.n) + column]);
      expected.push_back(sum);
    }
  }
  return relative_l2(actual, expected);
}

cuda::TensorGemm own_problem(const Operands& o, const Shape& s) {
  cuda::TensorGemm p;
  p.x = o.device_x->get(), p.w = o.device_w->get(), p.y = o.y->get(), p.bias = o.device_bias->get();
  p.m = s.m, p.n = p.ldy = p.ldr = s.n, p.k = p.ldx = p.ldw = s.k;
  return p;
}

cuda::LtGemm lt_problem(const Operands& o, const Shape& s) {
  cuda::LtGemm p;
  p.x = o.device_x->get(), p.w = o.device_w->get(), p.y = o.y->get(), p.bias = o.device_bias->get();
  p.m = s.m, p.n = p.ldy = p.ldr = s.n, p.k = p.ldx = p.ldw = s.k;
  p.output = cublaslt::DataType::kF32;
  return p;
}

Case make(Shape s, bool lt, const Sizes& sizes) {
  if (sizes.tiny) s = {s.name, s.m % 61 + 3, s.n % 53 + 8, s.k % 41 / 8 * 8 + 8};
  auto numbers = std::make_shared<Numbers>(sizes.seed);
  auto o = std::make_shared<Operands>();
  o->x = numbers->bf16(static_cast<size_t>(s.m * s.k));
  o->w = numbers->bf16(static_cast<size_t>(s.n * s.k));
  o->bias = numbers->floats(static_cast<size_t>(s.n));
  o->device_x = upload(o->x), o->device_w = upload(o->w), o->device_bias = upload(o->bias);
  o->y = reserve<float>(static_cast<size_t>(s.m * s.n));
  const cuda::GemmPlan plan = cuda::plan_gemm(s.m, s.n, s.k, sizes.machine.multiprocessors);
  o->workspace = reserve<std::byte>(
      std::max(cuda::gemm_workspace_bytes(plan, s.m, s.n), lt ? kWorkspace : size_t{1}));
  Case c;
  c.bytes = 2.0 * static_cast<double>(s.m * s.k + s.n * s.k) + 4.0 * static_cast<double>(s.m * s.n);
  c.flops = 2.0 * static_cast<double>(s.m) * static_cast<double>(s.n) * static_cast<double>(s.k);
  c.tolerance = 2e-4;  // f32 sums of up to 18,944 exact products
  if (lt) {
    auto product =
        std::shared_ptr<cuda::CublasLtGemm>(cuda::CublasLtGemm::make(cublaslt::library()));
    c.run = [=](cudaStream_t stream, int) {
      require(product->run(lt_problem(*o, s), o->workspace->get(), kWorkspace, stream),
              Code::kInternal, "cuBLASLt has no algorithm for this product.");
    };
  } else {
    c.run = [=](cudaStream_t stream, int) {
      cuda::gemm_tensor(stream, own_problem(*o, s), plan, o->workspace->get());
    };
  }
  c.error = [=] {
    o->y->poison();
    c.run(nullptr, 0);
    return sampled_error(*o, s, *numbers);
  };
  return c;
}

}  // namespace

std::vector<Entry> gemm_cases() {
  std::vector<Entry> entries;
  for (const Shape& shape : kShapes) {
    entries.push_back({concat("gemm: ", shape.name),
                       [shape](const Sizes& sizes) { return make(shape, false, sizes); }});
    if (cublaslt_status().found)
      entries.push_back({concat("cuBLASLt: ", shape.name),
                         [shape](const Sizes& sizes) { return make(shape, true, sizes); }});
  }
  return entries;
}

}  // namespace vmolmo::cuda_bench
