#include "test/native/harness.h"

#include <cstdio>
#include <cstring>
#include <exception>

namespace vmolmo::test {

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

double& least_tolerance() {
  static double value = 0.0;
  return value;
}

bool run_cases(const char* filter) {
  int failed = 0, count = 0;
  std::printf("TAP version 14\n");
  for (const Case& test : cases()) {
    if (!std::strstr(test.name.c_str(), filter)) continue;
    ++count;
    try {
      test.run();
      std::printf("ok %d - %s\n", count, test.name.c_str());
    } catch (const Skipped& skipped) {
      std::printf("ok %d - %s # SKIP %s\n", count, test.name.c_str(), skipped.what());
    } catch (const std::exception& error) {
      ++failed;
      std::printf("not ok %d - %s\n  ---\n  message: %s\n  ...\n", count, test.name.c_str(),
                  error.what());
    }
    std::fflush(stdout);
  }
  std::printf("1..%d\n", count);
  return failed == 0 && count > 0;
}

}  // namespace vmolmo::test
