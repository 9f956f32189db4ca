#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "videomolmo/tensor.h"

// A small test harness that prints TAP. A case is a function that throws on failure.
namespace vmolmo::test {

struct Case {
  std::string name;
  std::function<void()> run;
};

std::vector<Case>& cases();

// Thrown by a case that cannot be run here; the message says why.
struct Skipped : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Runs the cases whose name contains `filter` and prints TAP. True when there are some and all of
// them pass or are skipped.
bool run_cases(const char* filter);

// What check_close() allows at least, where it allows anything: for devices whose functions and
// sums are less exact than the CPU's.
double& least_tolerance();

struct Register {
  Register(std::string name, std::function<void()> run) {
    cases().push_back({std::move(name), std::move(run)});
  }
};

#define VMOLMO_TEST_JOIN2(a, b) a##b
#define VMOLMO_TEST_JOIN(a, b) VMOLMO_TEST_JOIN2(a, b)
#define TEST_CASE(name)                                                           \
  static void VMOLMO_TEST_JOIN(test_case_, __LINE__)();                           \
  static const vmolmo::test::Register VMOLMO_TEST_JOIN(register_case_, __LINE__)( \
      name, VMOLMO_TEST_JOIN(test_case_, __LINE__));                              \
  static void VMOLMO_TEST_JOIN(test_case_, __LINE__)()

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  int64_t integer(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }
  std::vector<float> normal(int64_t count, float scale = 1.0f) {
    std::normal_distribution<float> distribution(0.0f, scale);
    std::vector<float> values(static_cast<size_t>(count));
    for (float& v : values) v = distribution(engine_);
    return values;
  }

 private:
  std::mt19937 engine_;
};

template <typename... Parts>
void check(bool condition, Parts&&... parts) {
  if (!condition) throw std::runtime_error(concat(std::forward<Parts>(parts)...));
}

// ||a - b|| / ||b||, in double; the norm of a when b is zero. NaN anywhere gives infinity.
inline double relative_l2(const float* a, const float* b, int64_t count) {
  double difference = 0.0, norm = 0.0;
  for (int64_t i = 0; i < count; ++i) {
    difference += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
    norm += double(b[i]) * b[i];
  }
  const double result = norm > 0.0 ? std::sqrt(difference / norm) : std::sqrt(difference);
  return std::isfinite(result) ? result : INFINITY;
}

// Requires relative_l2(actual, expected) <= tolerance; a tolerance of 0 stays exact everywhere.
template <typename... Where>
void check_close(const std::vector<float>& actual, const std::vector<float>& expected,
                 double tolerance, Where&&... where) {
  check(actual.size() == expected.size(), concat(where...), ": ", actual.size(),
        " values, expected ", expected.size());
  const double error = relative_l2(actual.data(), expected.data(), int64_t(actual.size()));
  if (tolerance > 0.0) tolerance = std::max(tolerance, least_tolerance());
  check(error <= tolerance, concat(where...), ": relative L2 ", error, " > ", tolerance);
}

// Runs `body` and requires an Error with this code.
template <typename Body>
void check_throws(Code code, const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    check(error.code() == code, "expected ", code_name(code), ", got ", code_name(error.code()),
          ": ", error.what());
    return;
  }
  check(false, "expected ", code_name(code), "; nothing was thrown");
}

}  // namespace vmolmo::test
