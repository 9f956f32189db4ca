#include "bench/native/measure.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>

#include "native/base/thread_pool.h"
#include "native/kernels/cpu/kernels.h"

namespace vmolmo::bench {
namespace {

double processor_seconds() { return double(std::clock()) / CLOCKS_PER_SEC; }

struct Sample {
  double wall, cpu;
};

Sample time_once(const std::function<void()>& body) {
  const double cpu = processor_seconds();
  const auto start = std::chrono::steady_clock::now();
  body();
  const auto end = std::chrono::steady_clock::now();
  return {std::chrono::duration<double>(end - start).count(), processor_seconds() - cpu};
}

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

}  // namespace

std::vector<Timing> measure(const std::vector<std::function<void()>>& candidates, int rounds) {
  std::vector<std::vector<double>> wall(candidates.size()), cpu(candidates.size());
  for (int round = 0; round <= rounds; ++round) {
    for (size_t i = 0; i < candidates.size(); ++i) {
      const Sample sample = time_once(candidates[i]);
      if (round == 0) continue;
      wall[i].push_back(sample.wall);
      cpu[i].push_back(sample.cpu);
    }
  }
  std::vector<Timing> timings;
  for (size_t i = 0; i < candidates.size(); ++i) {
    std::sort(wall[i].begin(), wall[i].end());
    std::sort(cpu[i].begin(), cpu[i].end());
    const size_t n = wall[i].size();
    timings.push_back({wall[i][n / 2], wall[i][n / 4], wall[i][n - 1 - n / 4], cpu[i][n / 2]});
  }
  return timings;
}

void print_machine(const Options& options) {
  std::printf("machine: %s, %d cores; threads %d; kernels %s; rounds %d\n",
              processor_name().c_str(), available_cores(),
              options.threads > 0 ? options.threads : available_cores(), cpu::kernels().name,
              options.rounds);
}

}  // namespace vmolmo::bench
