#include "videomolmo/status.h"

namespace vmolmo {

const char* code_name(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case Code::kModelNotFound:
      return "MODEL_NOT_FOUND";
    case Code::kCheckpointInvalid:
      return "CHECKPOINT_INVALID";
    case Code::kUnsupportedModel:
      return "UNSUPPORTED_MODEL";
    case Code::kOutOfMemory:
      return "OUT_OF_MEMORY";
    case Code::kDeviceUnavailable:
      return "DEVICE_UNAVAILABLE";
    case Code::kDecodeFailed:
      return "DECODE_FAILED";
    case Code::kAborted:
      return "ABORTED";
    case Code::kDisposed:
      return "DISPOSED";
    case Code::kInternal:
      return "INTERNAL";
  }
  return "INTERNAL";
}

}  // namespace vmolmo
