#include <cstdio>
#include <cstring>
#include <exception>

#include "native/kernels/cpu/kernels.h"
#include "test/native/harness.h"

namespace vmolmo::test {

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

}  // namespace vmolmo::test

// Prints TAP. An argument selects the cases whose name contains it.
int main(int argc, char** argv) {
  const char* filter = argc > 1 ? argv[1] : "";
  int failed = 0, count = 0;
  std::printf("TAP version 14\n");
  for (const auto& test : vmolmo::test::cases()) {
    if (!std::strstr(test.name.c_str(), filter)) continue;
    ++count;
    try {
      test.run();
      std::printf("ok %d - %s\n", count, test.name.c_str());
    } catch (const std::exception& error) {
      ++failed;
      std::printf("not ok %d - %s\n  ---\n  message: %s\n  ...\n", count, test.name.c_str(),
                  error.what());
    }
    std::fflush(stdout);
  }
  std::printf("1..%d\n", count);
  return failed == 0 && count > 0 ? 0 : 1;
}
