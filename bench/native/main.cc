#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "bench/native/measure.h"

namespace {

int usage() {
  std::fprintf(
      stderr,
      "usage: videomolmo_bench gemm|attention [--threads N] [--rounds N] [part of a name]\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return usage();
  vmolmo::bench::Options options;
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--threads" && i + 1 < argc) {
      options.threads = std::atoi(argv[++i]);
    } else if (argument == "--rounds" && i + 1 < argc) {
      options.rounds = std::max(1, std::atoi(argv[++i]));
    } else {
      options.filter = argument;
    }
  }
  try {
    const std::string name = argv[1];
    if (name != "gemm" && name != "attention") return usage();
    vmolmo::bench::print_machine(options);
    return name == "gemm" ? vmolmo::bench::run_gemm(options)
                          : vmolmo::bench::run_attention(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
