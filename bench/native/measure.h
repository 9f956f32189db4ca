#pragma once

#include <functional>
#include <string>
#include <vector>

namespace vmolmo::bench {

struct Options {
  int threads = 0;  // 0: all cores
  int rounds = 9;
  std::string filter;
};

// Seconds of one call, over several rounds.
struct Timing {
  double median = 0.0;
  double low = 0.0;   // first quartile
  double high = 0.0;  // third quartile
  double cpu = 0.0;   // median of the processor time of all threads: steadier on a busy machine
};

// Times the candidates in turn, round after round, so that a disturbance of the machine hits all of
// them alike; one round of warming up is not counted.
std::vector<Timing> measure(const std::vector<std::function<void()>>& candidates, int rounds);

// Model name of the processor, cores in use, instruction set.
void print_machine(const Options& options);

int run_gemm(const Options& options);
int run_attention(const Options& options);

}  // namespace vmolmo::bench
