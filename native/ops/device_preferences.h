#pragma once

#include <cstddef>
#include <cstdint>

#include "videomolmo/tensor.h"

namespace vmolmo {

// What suits a device, so that models plan their work and its memory without asking which one it
// is. The defaults are the CPU's.
struct DevicePreferences {
  // Objects whose maps are made together. On a GPU several, so that its launches are large; as many
  // as keep the largest map (16 MiB per object) small. On the CPU one at a time is as fast, and
  // what one object does not need can be left out.
  int64_t batch_objects = 1;
  // Objects whose tokens go through linear layers together: on the CPU all, as their rows are what
  // fills it.
  int64_t token_objects = INT64_MAX;
  // Hidden activations of a feed-forward at a time: enough rows to fill the device.
  int64_t hidden_floats = int64_t{1} << 22;
  // Rows of a decoding step that one reading of a weight serves.
  int64_t streamed_rows = 8;
  // Rows of an encoder's and of a prompt's widest call.
  int64_t encoder_rows = 4096;
  int64_t prompt_rows = 512;
  // Keyframes, each with its predecessors, whose features are kept beside each other.
  int64_t keyframes = 1;
  // Bytes that products and attention take while they run: a library's workspace, what is rounded
  // or widened for them.
  size_t scratch_bytes = 0;
  // Graphs keep the memory of their work to themselves; plain work beside them takes its own.
  size_t copies_of_work = 1;
};

DevicePreferences device_preferences(Device::Kind kind);

}  // namespace vmolmo
