#include "native/binding/weights.h"

#include <charconv>
#include <string_view>

#include "native/binding/cancel.h"

namespace vmolmo::binding {

namespace {

LoadOptions::Precision precision_of(const Argument& dtype) {
  const std::string name = dtype.text_or("stored");
  if (name == "fp32") return LoadOptions::Precision::kF32;
  if (name == "bf16") return LoadOptions::Precision::kBF16;
  if (name == "stored") return LoadOptions::Precision::kStored;
  dtype.reject("'fp32', 'bf16' or 'stored'");
}

std::map<std::string, HashAdjustment> adjustments_of(const Argument& adjust) {
  std::map<std::string, HashAdjustment> adjustments;
  if (!adjust.present()) return adjustments;
  const Napi::Array names = adjust.object().GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).ToString().Utf8Value();
    const Argument change = adjust[name.c_str()];
    adjustments[name] = {change["mul"].number_or(1.0), change["add"].number_or(0.0)};
  }
  return adjustments;
}

}  // namespace

Device read_device(const Argument& device) {
  const std::string name = device.text_or("cpu");
  if (name == "cpu") return {};
  if (name == "cuda") return {Device::Kind::kCuda, 0};
  constexpr std::string_view kPrefix = "cuda:";
  int index = 0;
  const char* end = name.data() + name.size();
  const bool indexed = name.starts_with(kPrefix) && name.size() > kPrefix.size();
  const auto parsed = std::from_chars(name.data() + (indexed ? kPrefix.size() : 0), end, index);
  if (!indexed || parsed.ec != std::errc{} || parsed.ptr != end || index < 0 || index > 1023) {
    device.reject("'cpu', 'cuda' or 'cuda:<index>'");
  }
  return {Device::Kind::kCuda, index};
}

DType read_generated(const Argument& weights) {
  const std::string name = weights["stored"].text_or("fp32");
  if (name == "fp32") return DType::kF32;
  if (name == "bf16") return DType::kBF16;
  weights["stored"].reject("'fp32' or 'bf16'");
}

FileAccess read_access(const Argument& weights) {
  const Argument mmap = weights["mmap"];
  if (!mmap.present()) return FileAccess::kAuto;
  return mmap.boolean_or(true) ? FileAccess::kMap : FileAccess::kRead;
}

std::optional<size_t> read_bytes(const Argument& bytes) {
  constexpr int64_t kMost = int64_t{1} << 53;
  if (!bytes.present()) return {};
  return static_cast<size_t>(bytes.integer_in(0, kMost));
}

LoadOptions load_options(const Argument& options) {
  constexpr int64_t kMaxThreads = 1024;
  const Argument weights = options["weights"];
  LoadOptions read;
  read.hash = weights["hash"].boolean_or(false);
  if (read.hash) {
    read.adjustments = adjustments_of(weights["adjust"]);
    read.generated = read_generated(weights);
  } else {
    read.path = weights["path"].text();
    read.files = read_access(weights);
  }
  read.precision = precision_of(options["dtype"]);
  const Argument threads = options["threads"];
  if (threads.present()) read.threads = static_cast<int>(threads.integer_in(0, kMaxThreads));
  read.device = read_device(options["device"]);
  read.memory_limit = read_bytes(options["memoryLimit"]).value_or(0);
  read.cancel = cancel_flag(options["cancel"]);
  return read;
}

std::shared_ptr<WeightSource> open_weights(const LoadOptions& options) {
  return options.hash ? hash_weights(options.adjustments, options.generated)
                      : vmolmo::open_weights(options.path, options.files);
}

void set_precision(WeightLoader& loader, LoadOptions::Precision precision) {
  loader.widen(precision == LoadOptions::Precision::kF32);
  loader.narrow(precision == LoadOptions::Precision::kBF16);
}

}  // namespace vmolmo::binding
