#include "native/ops/device_preferences.h"

#include "native/kernels/cuda/gemv.h"

namespace vmolmo {

DevicePreferences device_preferences(Device::Kind kind) {
  DevicePreferences device;
  if (kind == Device::Kind::kCpu) return device;
  device.batch_objects = device.token_objects = 8;
  device.hidden_floats = int64_t{1} << 25;
  device.streamed_rows = cuda::kGemvRows;
  device.encoder_rows = 16384;
  device.prompt_rows = 2048;
  device.keyframes = 4;
  device.scratch_bytes = size_t{64} << 20;
  device.copies_of_work = 2;
  return device;
}

}  // namespace vmolmo
