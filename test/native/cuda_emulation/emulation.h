#pragma once

#include <cstdint>
#include <string>

// What tests set and read on the emulated device.
namespace vmolmo::emulation {

// In which order the threads of a block and the blocks of a grid run. Code without races gives the
// same results in every order.
enum class Order : uint8_t { kAscending, kDescending, kShuffled };

struct Settings {
  Order order = Order::kAscending;
  uint32_t seed = 1;  // of kShuffled
  // Work waits in its stream until somebody synchronises, so that host memory that is freed or
  // reused too early is noticed.
  bool deferred = false;
  int devices = 1;
  int driver_version = 13000;  // 0: no driver
  int compute_major = 8;
  int compute_minor = 0;
  size_t total_bytes = size_t{8} << 30;     // allocations beyond it fail
  size_t pinnable_bytes = size_t{1} << 30;  // the same for pinned memory of the host
};
Settings& settings();

// Since the start of the process.
struct Counters {
  int64_t launches = 0;
  int64_t graph_launches = 0;
  int64_t host_to_device = 0;  // copies
  int64_t device_to_host = 0;
  int64_t allocations = 0;
  int64_t synchronisations = 0;  // of streams and devices
  int64_t event_waits = 0;
  int64_t live_bytes = 0;
  int64_t pinned_allocations = 0;
  int64_t pinned_bytes = 0;  // live ones
};
Counters counters();

// Sets an order for the scope.
class ScopedSettings {
 public:
  explicit ScopedSettings(const Settings& wanted) : before_(settings()) { settings() = wanted; }
  ~ScopedSettings() { settings() = before_; }
  ScopedSettings(const ScopedSettings&) = delete;
  ScopedSettings& operator=(const ScopedSettings&) = delete;

 private:
  Settings before_;
};

}  // namespace vmolmo::emulation
