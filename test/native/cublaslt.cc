#include "native/base/cublaslt.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "native/kernels/cpu/reference.h"
#include "native/kernels/cuda/cublaslt_gemm.h"
#include "test/native/harness.h"
#include "videomolmo/tensor.h"

#if __has_include(<cublasLt.h>)
#include <cublasLt.h>

// Our declarations against the installed header.
namespace {

namespace lt = vmolmo::cublaslt;

#define SAME(ours, theirs) static_assert(static_cast<int>(ours) == static_cast<int>(theirs))
SAME(lt::Result::kSuccess, CUBLAS_STATUS_SUCCESS);
SAME(lt::Result::kNotInitialized, CUBLAS_STATUS_NOT_INITIALIZED);
SAME(lt::Result::kInvalidValue, CUBLAS_STATUS_INVALID_VALUE);
SAME(lt::Result::kNotSupported, CUBLAS_STATUS_NOT_SUPPORTED);
SAME(lt::DataType::kF32, CUDA_R_32F);
SAME(lt::DataType::kBF16, CUDA_R_16BF);
SAME(lt::Compute::k32F, CUBLAS_COMPUTE_32F);
SAME(lt::Operation::kNone, CUBLAS_OP_N);
SAME(lt::Operation::kTranspose, CUBLAS_OP_T);
SAME(lt::DescAttribute::kTransA, CUBLASLT_MATMUL_DESC_TRANSA);
SAME(lt::DescAttribute::kTransB, CUBLASLT_MATMUL_DESC_TRANSB);
SAME(lt::DescAttribute::kEpilogue, CUBLASLT_MATMUL_DESC_EPILOGUE);
SAME(lt::DescAttribute::kBiasPointer, CUBLASLT_MATMUL_DESC_BIAS_POINTER);
SAME(lt::DescAttribute::kBiasDataType, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE);
SAME(lt::LayoutAttribute::kBatchCount, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT);
SAME(lt::LayoutAttribute::kStridedBatchOffset, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET);
SAME(lt::PreferenceAttribute::kMaxWorkspaceBytes, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
SAME(lt::PreferenceAttribute::kMinAlignmentA, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES);
SAME(lt::PreferenceAttribute::kMinAlignmentB, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES);
SAME(lt::PreferenceAttribute::kMinAlignmentC, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES);
SAME(lt::PreferenceAttribute::kMinAlignmentD, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES);
SAME(lt::Epilogue::kDefault, CUBLASLT_EPILOGUE_DEFAULT);
SAME(lt::Epilogue::kRelu, CUBLASLT_EPILOGUE_RELU);
SAME(lt::Epilogue::kBias, CUBLASLT_EPILOGUE_BIAS);
SAME(lt::Epilogue::kReluBias, CUBLASLT_EPILOGUE_RELU_BIAS);
static_assert(sizeof(lt::Algorithm) == sizeof(cublasLtMatmulAlgo_t));
static_assert(sizeof(lt::Heuristic) == sizeof(cublasLtMatmulHeuristicResult_t));
static_assert(offsetof(lt::Heuristic, workspace_bytes) ==
              offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize));
static_assert(offsetof(lt::Heuristic, state) == offsetof(cublasLtMatmulHeuristicResult_t, state));

// The same number of arguments of the same sizes: a call through one type has the effect of a call
// through the other.
template <typename Ours, typename Theirs>
struct Agree : std::false_type {};
template <typename R, typename... A, typename S, typename... B>
  requires(sizeof...(A) == sizeof...(B))
struct Agree<R (*)(A...), S (*)(B...)>
    : std::bool_constant<
          (sizeof(R) == sizeof(S)) &&
          ((sizeof(A) == sizeof(B) && std::is_pointer_v<A> == std::is_pointer_v<B>) && ...)> {};
#define SAME_CALL(member, function) \
  static_assert(Agree<decltype(lt::Api::member), decltype(&function)>::value)
SAME_CALL(create, cublasLtCreate);
SAME_CALL(destroy, cublasLtDestroy);
SAME_CALL(desc_create, cublasLtMatmulDescCreate);
SAME_CALL(desc_destroy, cublasLtMatmulDescDestroy);
SAME_CALL(desc_set, cublasLtMatmulDescSetAttribute);
SAME_CALL(layout_create, cublasLtMatrixLayoutCreate);
SAME_CALL(layout_destroy, cublasLtMatrixLayoutDestroy);
SAME_CALL(layout_set, cublasLtMatrixLayoutSetAttribute);
SAME_CALL(preference_create, cublasLtMatmulPreferenceCreate);
SAME_CALL(preference_destroy, cublasLtMatmulPreferenceDestroy);
SAME_CALL(preference_set, cublasLtMatmulPreferenceSetAttribute);
SAME_CALL(heuristic, cublasLtMatmulAlgoGetHeuristic);
SAME_CALL(matmul, cublasLtMatmul);

}  // namespace
#endif

namespace vmolmo::test {
namespace {

const cublaslt::Library& fake() {
  static const cublaslt::Library library = cublaslt::open(VMOLMO_FAKE_CUBLASLT);
  return library;
}

// y as cuBLASLt must compute it, through the reference kernel.
std::vector<float> expected(const std::vector<float>& x, const std::vector<float>& w,
                            const std::vector<float>& bias, const std::vector<float>& residual,
                            int64_t m, int64_t n, int64_t k) {
  std::vector<float> y(size_t(m * n));
  reference::linear(x.data(), w.data(), bias.empty() ? nullptr : bias.data(), y.data(), m, n, k);
  for (size_t i = 0; i < residual.size(); ++i) y[i] += residual[i];
  return y;
}

cuda::LtGemm dense_problem(int64_t m, int64_t n, int64_t k) {
  cuda::LtGemm problem;
  problem.m = m;
  problem.n = n;
  problem.k = problem.ldx = problem.ldw = k;
  problem.ldy = problem.ldr = n;
  problem.input = problem.output = cublaslt::DataType::kF32;
  return problem;
}

}  // namespace

TEST_CASE("cuBLASLt: a missing file is a state with a reason") {
  const cublaslt::Library library = cublaslt::open("/nowhere/libcublasLt.so");
  check(!library.status.found && library.status.version == 0, "found in /nowhere");
  check(library.status.message.find("/nowhere/libcublasLt.so") != std::string::npos,
        library.status.message);
  check(cuda::CublasLtGemm::make(library) == nullptr, "a handle without a library");
}

TEST_CASE("cuBLASLt: a library without its entry points, or too old, is refused by name") {
  const cublaslt::Library other = cublaslt::open("libm.so.6");
  check(!other.status.found && other.status.message.find("cublasLtGetVersion") != std::string::npos,
        other.status.message);
  setenv("FAKE_CUBLASLT_VERSION", "110503", 1);
  const cublaslt::Library old = cublaslt::open(VMOLMO_FAKE_CUBLASLT);
  unsetenv("FAKE_CUBLASLT_VERSION");
  check(!old.status.found && old.status.message.find("version 11.5.3") != std::string::npos,
        old.status.message);
}

TEST_CASE("cuBLASLt: products with strides, bias and residual") {
  check(fake().status.found && fake().status.version == 130100, fake().status.message);
  const auto gemm = cuda::CublasLtGemm::make(fake());
  check(gemm != nullptr, "no handle");
  Random random(11);
  const int64_t m = 5, n = 7, k = 12;
  const auto x = random.normal(m * k), w = random.normal(n * k);
  const auto bias = random.normal(n), residual = random.normal(m * n);
  for (bool with_bias : {false, true}) {
    for (bool with_residual : {false, true}) {
      std::vector<float> y(size_t(m * n), NAN);
      cuda::LtGemm problem = dense_problem(m, n, k);
      problem.x = x.data();
      problem.w = w.data();
      problem.y = y.data();
      if (with_bias) problem.bias = bias.data();
      if (with_residual) problem.residual = residual.data();
      check(gemm->run(problem, nullptr, 0, nullptr), "no algorithm");
      check_close(y,
                  expected(x, w, with_bias ? bias : std::vector<float>{},
                           with_residual ? residual : std::vector<float>{}, m, n, k),
                  1e-6, "bias ", with_bias, " residual ", with_residual);
    }
  }
}

TEST_CASE("cuBLASLt: one plan serves other data; rows may lie apart") {
  const auto gemm = cuda::CublasLtGemm::make(fake());
  Random random(12);
  const int64_t m = 4, n = 6, k = 8, ldx = 11, ldy = 9;
  for (int round = 0; round < 2; ++round) {
    const auto wide = random.normal(m * ldx), w = random.normal(n * k), bias = random.normal(n);
    std::vector<float> x, y(size_t(m * ldy), 7.0f), dense;
    for (int64_t i = 0; i < m; ++i)
      x.insert(x.end(), wide.begin() + i * ldx, wide.begin() + i * ldx + k);
    cuda::LtGemm problem = dense_problem(m, n, k);
    problem.x = wide.data();
    problem.w = w.data();
    problem.y = y.data();
    problem.bias = bias.data();
    problem.ldx = ldx;
    problem.ldy = ldy;
    check(gemm->run(problem, nullptr, 0, nullptr), "no algorithm");
    for (int64_t i = 0; i < m; ++i) {
      dense.insert(dense.end(), y.begin() + i * ldy, y.begin() + i * ldy + n);
      for (int64_t j = n; j < ldy; ++j) check(y[size_t(i * ldy + j)] == 7.0f, "wrote outside");
    }
    check_close(dense, expected(x, w, bias, {}, m, n, k), 1e-6, "round ", round);
  }
}

TEST_CASE("cuBLASLt: a plan for aligned operands does not serve a slice that starts elsewhere") {
  const auto gemm = cuda::CublasLtGemm::make(fake());
  Random random(13);
  const int64_t m = 3, n = 5, k = 8, room = 64;
  alignas(256) static float x[128], w[128], y[128];
  std::ranges::copy(random.normal(room), x);
  std::ranges::copy(random.normal(room), w);
  for (const int64_t skip : {0, 4, 20}) {
    cuda::LtGemm problem = dense_problem(m, n, k);
    problem.x = x + skip, problem.w = w + skip, problem.y = y + skip;
    check(gemm->run(problem, nullptr, 0, nullptr), "no algorithm");
    const std::vector<float> rows(x + skip, x + skip + m * k), weights(w + skip, w + skip + n * k);
    check_close(std::vector<float>(y + skip, y + skip + m * n),
                expected(rows, weights, {}, {}, m, n, k), 1e-6, "from ", skip);
  }
}

TEST_CASE("cuBLASLt: bf16 operands, bias and result") {
  const auto gemm = cuda::CublasLtGemm::make(fake());
  Random random(9);
  const int64_t m = 5, n = 6, k = 16;
  const auto rounded = [&](int64_t count, std::vector<uint16_t>& words) {
    std::vector<float> values = random.normal(count);
    for (float& value : values) {
      words.push_back(BFloat16(value).bits);
      value = static_cast<float>(BFloat16(value));
    }
    return values;
  };
  std::vector<uint16_t> x_words, w_words, bias_words, y(size_t(m * n));
  const auto x = rounded(m * k, x_words), w = rounded(n * k, w_words);
  const auto bias = rounded(n, bias_words);
  cuda::LtGemm problem = dense_problem(m, n, k);
  problem.input = problem.output = cublaslt::DataType::kBF16;
  problem.x = x_words.data(), problem.w = w_words.data(), problem.bias = bias_words.data();
  problem.y = y.data();
  check(gemm->run(problem, nullptr, 0, nullptr), "no algorithm");
  std::vector<float> actual;
  for (const uint16_t word : y) actual.push_back(std::bit_cast<float>(uint32_t{word} << 16));
  check_close(actual, expected(x, w, bias, {}, m, n, k), 2.5e-3, "bf16");
}

TEST_CASE("cuBLASLt: a problem without an algorithm is left to the other kernel") {
  const auto gemm = cuda::CublasLtGemm::make(fake());
  cuda::LtGemm problem = dense_problem(2, 3, 5);
  problem.input = cublaslt::DataType::kBF16;
  check(!gemm->run(problem, nullptr, 0, nullptr), "rows of 10 bytes were accepted");
}

}  // namespace vmolmo::test
