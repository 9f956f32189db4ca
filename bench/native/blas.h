#pragma once

#include <string>

namespace vmolmo::bench {

// OpenBLAS of the machine, loaded at run time as the peer to compare with; never linked.
// VIDEOMOLMO_OPENBLAS names another library file.
class OpenBlas {
 public:
  explicit OpenBlas(int threads);

  bool loaded() const { return sgemm_ != nullptr; }
  std::string description() const;
  // y [m, n] = x [m, k] w^T, w [n, k].
  void linear(const float* x, const float* w, float* y, int m, int n, int k) const;

 private:
  using Sgemm = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                         const float* a, int lda, const float* b, int ldb, float beta, float* c,
                         int ldc);
  Sgemm sgemm_ = nullptr;
  std::string description_;
};

}  // namespace vmolmo::bench
