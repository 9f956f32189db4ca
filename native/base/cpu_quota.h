#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace vmolmo {

// Cores' worth of time that the process's control group, or one around it, grants: Linux's CFS
// quotas in version 1 (cpu.cfs_quota_us) and 2 (cpu.max). Absent where nothing is limited or known.
//   membership: the text of /proc/self/cgroup; root: where the hierarchies are mounted.
std::optional<double> cpu_quota(const std::string& membership, const std::filesystem::path& root);

// The same of this process.
std::optional<double> cpu_quota();

}  // namespace vmolmo
