#pragma once

// What this machine can do at best, measured: the figures that benchmarks are held against.

namespace vmolmo {

struct MachineLimits {
  double gflops = 0.0;                // of an f32 matrix product
  double gigabytes_per_second = 0.0;  // of reading memory that no cache holds
};

// Takes about a second and 512 MiB. threads: 0 is one per available core.
MachineLimits measure_limits(int threads = 0);

}  // namespace vmolmo
