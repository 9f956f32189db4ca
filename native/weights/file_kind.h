#pragma once

#include <string>

#include "native/weights/weight_file.h"

namespace vmolmo {

// What the first bytes of a file of weights say that it is.
enum class FileKind : uint8_t { kSafetensors, kZip };

// Throws CHECKPOINT_INVALID for what is recognised as neither, with a sentence that names it and
// says what to do: an empty file, a Git LFS pointer, a web page, a download in progress, ...
FileKind file_kind(const WeightFile& file);

}  // namespace vmolmo
