#include "native/kernels/cpu/gemm.h"

#include "native/kernels/cpu/reference.h"
#include "native/ops/cpu_weight.h"
#include "native/ops/linear.h"
#include "native/weights/quantize.h"
#include "test/native/harness.h"

namespace vmolmo::test {
namespace {

struct Problem {
  int64_t m, n, k;
};

// Random data for y = act(x w^T + bias) + residual and its expected value.
struct GemmData {
  std::vector<float> x, w, bias, residual, expected;

  GemmData(Random& random, const Problem& p, Activation activation, bool bf16)
      : x(random.normal(p.m * p.k)),
        w(random.normal(p.n * p.k)),
        bias(random.normal(p.n)),
        residual(random.normal(p.m * p.n)),
        expected(size_t(p.m * p.n)) {
    if (bf16) {
      for (float& v : w) v = static_cast<float>(BFloat16(v));
    }
    reference::linear(x.data(), w.data(), bias.data(), expected.data(), p.m, p.n, p.k);
    for (size_t i = 0; i < expected.size(); ++i) {
      expected[i] = reference::activate(expected[i], activation) + residual[i];
    }
  }
};

void run_problem(const cpu::Kernels& kernels, ThreadPool& threads, Random& random, const Problem& p,
                 cpu::Gemm::WeightLayout layout) {
  const bool bf16 = layout == cpu::Gemm::WeightLayout::kBF16;
  const GemmData data(random, p, Activation::kGelu, bf16);
  std::vector<uint16_t> half;
  std::vector<float> transposed;
  std::vector<float> y(size_t(p.m * p.n), NAN);
  cpu::Gemm call;
  call.x = data.x.data();
  call.w = data.w.data();
  call.ldx = call.ldw = p.k;
  call.y = y.data();
  call.ldy = call.ldr = call.n = p.n;
  call.m = p.m;
  call.k = p.k;
  call.layout = layout;
  call.bias = data.bias.data();
  call.residual = data.residual.data();
  call.activation = Activation::kGelu;
  if (bf16) {
    for (float v : data.w) half.push_back(BFloat16(v).bits);
    call.w = half.data();
  }
  if (layout == cpu::Gemm::WeightLayout::kF32KMajor) {
    transposed.resize(data.w.size());
    for (int64_t j = 0; j < p.n; ++j) {
      for (int64_t i = 0; i < p.k; ++i)
        transposed[size_t(i * p.n + j)] = data.w[size_t(j * p.k + i)];
    }
    call.w = transposed.data();
    call.ldw = p.n;
  }
  cpu::gemm(kernels, threads, cpu_heap(), call);
  check_close(y, data.expected, 2e-6, kernels.name, " gemm ", p.m, "x", p.n, "x", p.k, " layout ",
              int(layout));
}

TEST_CASE("gemm: every instruction set, layout and odd shapes") {
  ThreadPool single(1), threads(2);
  for (const cpu::Kernels* kernels : cpu::supported_kernels()) {
    Random random(7);
    for (auto layout : {cpu::Gemm::WeightLayout::kF32, cpu::Gemm::WeightLayout::kBF16,
                        cpu::Gemm::WeightLayout::kF32KMajor}) {
      for (int64_t m = 1; m <= 14; ++m) {
        run_problem(*kernels, single, random, {m, random.integer(1, 70), random.integer(1, 70)},
                    layout);
      }
      for (int i = 0; i < 12; ++i) {
        run_problem(*kernels, single, random,
                    {random.integer(9, 150), random.integer(1, 300), random.integer(1, 600)},
                    layout);
      }
      run_problem(*kernels, threads, random, {401, 97, 1030}, layout);
    }
  }
}

// Large enough for several packed parts of k.
TEST_CASE("gemm: k beyond one packed part") {
  ThreadPool threads(2);
  Random random(3);
  run_problem(cpu::kernels(), threads, random, {700, 33, 9100}, cpu::Gemm::WeightLayout::kF32);
}

// Every format against the product with its dequantised matrix, in double.
void run_quantised(const cpu::Kernels& kernels, ThreadPool& threads, Random& random,
                   const Problem& p) {
  const Tensor w = Tensor::from(random.normal(p.n * p.k), {p.n, p.k});
  const auto x = random.normal(p.m * p.k);
  const std::vector<Weight> weights{quantize_int8(w, threads), quantize_int4(w, 64, threads),
                                    quantize_int4(w, 128, threads), quantize_fp4(w, threads)};
  for (const Weight& weight : weights) {
    if (weight.format == Weight::Format::kPlain) continue;
    const std::vector<float> dense = dequantize(weight, cpu_heap()).to_vector();
    std::vector<float> expected(size_t(p.m * p.n)), y(expected.size(), NAN);
    reference::linear(x.data(), dense.data(), nullptr, expected.data(), p.m, p.n, p.k);
    cpu::Gemm call;
    call.x = x.data();
    call.ldx = p.k;
    ops::set_weight(weight, call);
    call.y = y.data();
    call.m = p.m;
    call.ldy = p.n;
    cpu::gemm(kernels, threads, cpu_heap(), call);
    check_close(y, expected, 2e-6, kernels.name, " ", format_name(weight.format), " group ",
                weight.group, " ", p.m, "x", p.n, "x", p.k);
  }
}

TEST_CASE("gemm: quantised weights of odd shapes") {
  ThreadPool single(1), threads(2);
  for (const cpu::Kernels* kernels : cpu::supported_kernels()) {
    Random random(8);
    for (int64_t m = 1; m <= 12; ++m) {
      run_quantised(*kernels, single, random, {m, random.integer(1, 70), random.integer(1, 400)});
      run_quantised(*kernels, single, random,
                    {m, random.integer(1, 40), 32 * random.integer(1, 12)});
    }
    for (int i = 0; i < 6; ++i) {
      run_quantised(*kernels, single, random,
                    {random.integer(9, 60), random.integer(1, 200), random.integer(200, 700)});
    }
    run_quantised(*kernels, threads, random, {205, 97, 1056});
  }
}

// What drafted decoding and batches rest on: a row has the same bits in any company.
TEST_CASE("gemm: a row does not depend on the others") {
  ThreadPool threads(2);
  Random random(9);
  for (const cpu::Kernels* kernels : cpu::supported_kernels()) {
    for (const int64_t k : {300, 1100}) {
      const int64_t m = 70, n = 37;
      const auto x = random.normal(m * k);
      const Tensor w = Tensor::from(random.normal(n * k), {n, k});
      for (const auto path : {cpu::Gemm::Path::kStream, cpu::Gemm::Path::kPacked}) {
        const auto rows = [&](int64_t begin, int64_t count) {
          std::vector<float> y(size_t(count * n));
          cpu::Gemm call;
          call.x = x.data() + begin * k;
          call.w = w.raw();
          call.ldx = call.ldw = call.k = k;
          call.y = y.data();
          call.m = count;
          call.n = call.ldy = n;
          call.path = path;
          cpu::gemm(*kernels, threads, cpu_heap(), call);
          return y;
        };
        const std::vector<float> all = rows(0, m);
        for (const auto& [begin, count] :
             {std::pair<int64_t, int64_t>{0, 1}, {1, 3}, {5, 8}, {13, 1}, {20, 29}}) {
          const std::vector<float> part = rows(begin, count);
          check(std::equal(part.begin(), part.end(), all.begin() + begin * n), kernels->name,
                " path ", int(path), ": rows ", begin, " + ", count, " of k ", k);
        }
      }
    }
  }
}

TEST_CASE("linear: strided input, leading axes, bf16 bias, residual") {
  Context context(2);
  Random random(5);
  const Tensor wide = Tensor::from(random.normal(2 * 11 * 60), {2, 11, 60});
  const Tensor x = wide.slice(2, 20, 45);
  const Tensor w = Tensor::from(random.normal(31 * 25), {31, 25});
  const auto bias = random.normal(31);
  std::vector<BFloat16> half(bias.begin(), bias.end());
  const Tensor b = Tensor::borrow(half.data(), {31}, DType::kBF16);
  const Tensor residual = Tensor::from(random.normal(2 * 11 * 31), {2, 11, 31});
  const auto rows = x.clone(cpu_heap()).to_vector();
  const auto widened = b.to_vector();
  std::vector<float> expected(2 * 11 * 31);
  reference::linear(rows.data(), w.data<float>(), widened.data(), expected.data(), 22, 31, 25);
  check_close(ops::linear(context, x, w, b).to_vector(), expected, 1e-6, "linear");
  for (size_t i = 0; i < expected.size(); ++i) expected[i] += residual.data<float>()[i];
  check_close(ops::linear_add(context, x, w, b, residual).to_vector(), expected, 1e-6,
              "linear_add");
  check_throws(Code::kInternal, [&] { ops::linear(context, wide, w); });
}

TEST_CASE("matmul: batched, both layouts") {
  Context context(2);
  Random random(6);
  const Tensor a = Tensor::from(random.normal(3 * 13 * 21), {3, 13, 21});
  const Tensor b = Tensor::from(random.normal(3 * 17 * 21), {3, 17, 21});
  std::vector<float> expected(3 * 13 * 17);
  for (int64_t i = 0; i < 3; ++i) {
    reference::linear(a[i].data<float>(), b[i].data<float>(), nullptr,
                      expected.data() + i * 13 * 17, 13, 17, 21);
  }
  check_close(ops::matmul(context, a, b, true).to_vector(), expected, 1e-6, "a b^T");
  check_close(ops::matmul(context, a, b.transpose(1, 2)).to_vector(), expected, 1e-6, "a b");
}

}  // namespace
}  // namespace vmolmo::test
