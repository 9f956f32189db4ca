#include <cstdlib>
#include <string>
#include <vector>

#include "native/kernels/cpu/kernels.h"
#include "videomolmo/status.h"

namespace vmolmo::cpu {

namespace portable {
extern const Kernels table;
}
#if defined(__x86_64__)
namespace avx2 {
extern const Kernels table;
}
namespace avx512 {
extern const Kernels table;
}
#elif defined(__aarch64__)
namespace neon {
extern const Kernels table;
}
#endif

namespace {

std::vector<const Kernels*> detect() {
  std::vector<const Kernels*> found{&portable::table};
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    found.push_back(&avx2::table);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    found.push_back(&avx512::table);
  }
#elif defined(__aarch64__)
  found.push_back(&neon::table);
#endif
  return found;
}

const Kernels& choose() {
  const auto supported = supported_kernels();
  const char* wanted = std::getenv("VIDEOMOLMO_CPU");
  if (!wanted || !*wanted) return *supported.back();
  std::string names;
  for (const Kernels* table : supported) {
    if (std::string(wanted) == table->name) return *table;
    names += (names.empty() ? "" : ", ") + std::string(table->name);
  }
  fail(Code::kInvalidArgument, "VIDEOMOLMO_CPU=", wanted,
       " names no instruction set that this processor supports; it supports ", names, ".");
}

}  // namespace

std::span<const Kernels* const> supported_kernels() {
  static const std::vector<const Kernels*> found = detect();
  return found;
}

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

}  // namespace vmolmo::cpu
