#pragma once

#include <array>
#include <map>
#include <memory>
#include <tuple>

#include "native/base/cublaslt.h"

namespace vmolmo::cuda {

// y [m, n] = x [m, k] w^T (w [n, k]) + bias + residual, row-major with the given row strides in
// elements. x and w share one type, y, bias and residual another; bias and residual may be null.
// residual may be y itself.
struct LtGemm {
  const void* x = nullptr;
  const void* w = nullptr;
  void* y = nullptr;
  const void* bias = nullptr;      // [n]
  const void* residual = nullptr;  // [m, n]
  int64_t m = 0, n = 0, k = 0;
  int64_t ldx = 0, ldw = 0, ldy = 0, ldr = 0;
  cublaslt::DataType input = cublaslt::DataType::kBF16;
  cublaslt::DataType output = cublaslt::DataType::kBF16;
};

// Matrix products through cuBLASLt. Descriptors and the chosen algorithm are made once per shape
// and alignment and kept, so that a repeated call costs the launch alone. One per stream; not
// thread-safe.
class CublasLtGemm {
 public:
  // Null when the library was not found or refuses a handle on the current device.
  static std::unique_ptr<CublasLtGemm> make(const cublaslt::Library& library);
  ~CublasLtGemm();
  CublasLtGemm(const CublasLtGemm&) = delete;
  CublasLtGemm& operator=(const CublasLtGemm&) = delete;

  // False, with nothing launched, when the library offers no algorithm for this problem.
  bool run(const LtGemm& problem, void* workspace, size_t workspace_bytes, cublaslt::Stream stream);

 private:
  struct Plan;
  using Alignments = std::array<uint32_t, 4>;  // bytes: of w, x, the residual, y
  static Alignments alignments(const LtGemm& problem);
  using Key = std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int, int,
                         bool, bool, size_t, Alignments>;

  CublasLtGemm(const cublaslt::Api& api, cublaslt::Handle handle);
  Plan& plan_for(const LtGemm& problem, size_t workspace_bytes);

  const cublaslt::Api& api_;
  cublaslt::Handle handle_;
  std::map<Key, std::unique_ptr<Plan>> plans_;
};

}  // namespace vmolmo::cuda
