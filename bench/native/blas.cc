#include "bench/native/blas.h"

#include <dlfcn.h>

#include <cstdlib>

namespace vmolmo::bench {

OpenBlas::OpenBlas(int threads) {
  const char* named = std::getenv("VIDEOMOLMO_OPENBLAS");
  void* library = dlopen(named ? named : "libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library) return;
  sgemm_ = reinterpret_cast<Sgemm>(dlsym(library, "cblas_sgemm"));
  using SetThreads = void (*)(int);
  using Config = char* (*)();
  if (auto set = reinterpret_cast<SetThreads>(dlsym(library, "openblas_set_num_threads")))
    set(threads);
  if (auto config = reinterpret_cast<Config>(dlsym(library, "openblas_get_config"))) {
    description_ = config();
  }
}

std::string OpenBlas::description() const {
  return loaded() ? description_ : "not found (install it, or name it with VIDEOMOLMO_OPENBLAS)";
}

void OpenBlas::linear(const float* x, const float* w, float* y, int m, int n, int k) const {
  constexpr int kRowMajor = 101, kNoTrans = 111, kTrans = 112;
  sgemm_(kRowMajor, kNoTrans, kTrans, m, n, k, 1.0f, x, k, w, k, 0.0f, y, n);
}

}  // namespace vmolmo::bench
