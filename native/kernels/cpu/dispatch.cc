#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "native/kernels/cpu/loops.h"
#include "videomolmo/status.h"

namespace vmolmo::cpu {

namespace portable {
extern const Kernels table;
extern const Loops loops;
}  // namespace portable
#if defined(__x86_64__)
namespace avx2 {
extern const Kernels table;
extern const Loops loops;
}  // namespace avx2
namespace avx512 {
extern const Kernels table;
extern const Loops loops;
}  // namespace avx512
#elif defined(__aarch64__)
namespace neon {
extern const Kernels table;
extern const Loops loops;
}  // namespace neon
#endif

namespace {

struct InstructionSet {
  const Kernels* kernels;
  const Loops* loops;
};

std::vector<InstructionSet> detect() {
  std::vector<InstructionSet> found{{&portable::table, &portable::loops}};
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    found.push_back({&avx2::table, &avx2::loops});
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    found.push_back({&avx512::table, &avx512::loops});
  }
#elif defined(__aarch64__)
  found.push_back({&neon::table, &neon::loops});
#endif
  return found;
}

const std::vector<InstructionSet>& sets() {
  static const std::vector<InstructionSet> found = detect();
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
  static const std::vector<const Kernels*> found = [] {
    std::vector<const Kernels*> tables;
    for (const InstructionSet& set : sets()) tables.push_back(set.kernels);
    return tables;
  }();
  return found;
}

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

const Loops& loops_of(const Kernels& kernels) {
  const auto set = std::ranges::find(sets(), &kernels, &InstructionSet::kernels);
  require(set != sets().end(), Code::kInternal, "There are no loops for the kernels of ",
          kernels.name, ".");
  return *set->loops;
}

const Loops& loops() {
  static const Loops& chosen = loops_of(kernels());
  return chosen;
}

}  // namespace vmolmo::cpu
