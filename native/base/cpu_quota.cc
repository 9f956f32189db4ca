#include "native/base/cpu_quota.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

namespace vmolmo {
namespace {

namespace fs = std::filesystem;

// Empty where there is no such file.
std::string read(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<double> share(double quota, double period) {
  if (!(quota > 0 && period > 0)) return {};
  return quota / period;
}

// "50000 100000", or "max 100000" without a limit.
std::optional<double> quota_v2(const fs::path& group) {
  std::istringstream text(read(group / "cpu.max"));
  double quota = 0, period = 0;
  if (!(text >> quota >> period)) return {};
  return share(quota, period);
}

// -1 without a limit.
std::optional<double> quota_v1(const fs::path& group) {
  std::istringstream quota(read(group / "cpu.cfs_quota_us")),
      period(read(group / "cpu.cfs_period_us"));
  double q = 0, p = 0;
  if (!(quota >> q && period >> p)) return {};
  return share(q, p);
}

// The least of a group's and of those around it. A container sees its own group as the root of the
// mount, so a path that leads nowhere ends there too.
template <typename Quota>
std::optional<double> least_upwards(const fs::path& mount, const fs::path& group, Quota quota) {
  std::optional<double> least;
  for (fs::path at = group.relative_path();; at = at.parent_path()) {
    if (const std::optional<double> here = quota(mount / at))
      least = std::min(least.value_or(*here), *here);
    if (at.empty()) return least;
  }
}

bool names_cpu(const std::string& controllers) {
  std::istringstream list(controllers);
  for (std::string name; std::getline(list, name, ',');)
    if (name == "cpu") return true;
  return false;
}

}  // namespace

std::optional<double> cpu_quota(const std::string& membership, const fs::path& root) {
  std::optional<double> least;
  std::istringstream lines(membership);
  // hierarchy:controllers:path, version 2 with empty controllers.
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path group = line.substr(second + 1);
    std::optional<double> here;
    if (controllers.empty())
      here = least_upwards(root, group, quota_v2);
    else if (names_cpu(controllers))
      here = least_upwards(root / "cpu", group, quota_v1);
    if (here) least = std::min(least.value_or(*here), *here);
  }
  return least;
}

std::optional<double> cpu_quota() {
#ifdef __linux__
  return cpu_quota(read("/proc/self/cgroup"), "/sys/fs/cgroup");
#else
  return {};
#endif
}

}  // namespace vmolmo
