#include "native/base/cpu_quota.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "test/native/harness.h"

namespace vmolmo::test {
namespace {

namespace fs = std::filesystem;

// A folder like /sys/fs/cgroup, gone at the end of the case.
struct Groups {
  fs::path root;

  Groups() {
    std::string name = fs::temp_directory_path() / "videomolmo-groups-XXXXXX";
    root = ::mkdtemp(name.data());
  }
  ~Groups() { fs::remove_all(root); }

  void write(const fs::path& file, const char* text) const {
    fs::create_directories((root / file).parent_path());
    std::ofstream(root / file) << text;
  }
};

TEST_CASE("a quota of control groups, version 2, is the least on the way up") {
  const Groups groups;
  check(!cpu_quota("0::/a/b\n", groups.root), "no group that says anything");
  groups.write("a/b/cpu.max", "max 100000\n");
  check(!cpu_quota("0::/a/b\n", groups.root), "max is no limit");
  groups.write("a/cpu.max", "150000 100000\n");
  check(cpu_quota("0::/a/b\n", groups.root) == 1.5, "the group around it");
  groups.write("a/b/cpu.max", "50000 100000\n");
  check(cpu_quota("0::/a/b\n", groups.root) == 0.5, "its own is less");
  groups.write("cpu.max", "20000 100000\n");
  check(cpu_quota("0::/elsewhere/x\n", groups.root) == 0.2, "a container's root");
}

TEST_CASE("a quota of control groups, version 1") {
  const Groups groups;
  const char* lines = "3:memory:/m\n2:cpu,cpuacct:/a\n1:cpuset:/\n";
  groups.write("cpu/a/cpu.cfs_period_us", "100000\n");
  groups.write("cpu/a/cpu.cfs_quota_us", "-1\n");
  check(!cpu_quota(lines, groups.root), "-1 is no limit");
  groups.write("cpu/a/cpu.cfs_quota_us", "250000\n");
  check(cpu_quota(lines, groups.root) == 2.5, "quota over period");
  check(!cpu_quota("1:cpuset:/a\n", groups.root), "cpuset is another controller");
  check(!cpu_quota("nonsense\n:\n", groups.root), "lines that are none");
}

}  // namespace
}  // namespace vmolmo::test
