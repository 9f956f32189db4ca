#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "videomolmo/call.h"
#include "videomolmo/load.h"

// The pointer: frames and token ids in, token ids out. Text becomes ids, and answers become points,
// outside of the engine.

namespace vmolmo {

struct PointerInfo : ModelInfo {
  int64_t sequences = 0;  // answers that are decoded side by side
  int64_t frames = 0;     // encoded frames that a stream should keep at most
};

struct PointerMemory : WorkMemory {
  int64_t sequences = 0;
  int64_t frames = 0;
  int64_t positions = 0;      // of a sequence of the usual length: image, text and answer
  size_t sequence_bytes = 0;  // keys, values and embeddings of one such sequence
};

struct FrameRequest {
  int64_t frame_index = 0;
  RgbImage image;
};

struct StreamOptions {
  // Encoded frames that are kept; 0: those that one question looks at.
  int64_t capacity = 0;
  // Frames that are kept ready for the language model, apart from the encoded ones: later questions
  // about them need no vision work.
  int64_t images = 8;
};

struct AnswerRequest {
  int64_t frame_index = 0;
  // Text ids without BOS and image tokens; the engine builds the sequence BOS, image, text.
  std::vector<int32_t> prompt_ids;
  // A guess at the answer's ids, such as the answer of the frame before. What it gets right is
  // verified several ids per pass; the answer is the same with any draft.
  std::vector<int32_t> draft;
};

struct PrepareOptions : CallOptions {
  std::optional<int64_t> context_frames;  // as AnswerOptions has it
};

struct AnswerOptions : CallOptions {
  int64_t max_new_tokens = 300;
  // Ids that end an answer, beside the model's eos.
  std::vector<int32_t> stop_ids;
  // Previous frames to use, at most those that the model looks at; default all. Frames that were
  // never encoded or have left the ring count as black, as in the reference.
  std::optional<int64_t> context_frames;
};

enum class StopReason : uint8_t { kEos, kStopId, kLength };

// What answering took.
struct AnswerStats {
  int64_t prompt_rows = 0;  // positions of image and text
  int64_t reused_rows = 0;  // of them, those whose keys and values were there already
  int64_t steps = 0;        // passes of the weights behind the prompt
  int64_t drafted = 0;      // draft ids that went through a pass
  int64_t accepted = 0;     // of them, right ones
};

struct Answer {
  std::vector<int32_t> ids;  // without the stopping one
  StopReason stopped = StopReason::kLength;
  // What a batch shares is divided evenly among its answers.
  StageTimes times;
  AnswerStats stats;
};

// The features of a clip's recent frames, each computed once: a ring of fixed capacity. Beside it,
// the frames that were asked about last, ready for the language model.
class PointerStream {
 public:
  virtual ~PointerStream() = default;
  PointerStream(const PointerStream&) = delete;
  PointerStream& operator=(const PointerStream&) = delete;

  // Encodes frames as one batch; features do not depend on it. Those that the ring already holds
  // are left as they are. The frame that came in first leaves when the ring is full. All frames of
  // a stream have one size. Throws INVALID_ARGUMENT, also when there are more frames than the ring
  // has places; ABORTED.
  virtual StageTimes encode(std::span<const FrameRequest> frames,
                            const CallOptions& options = {}) = 0;
  StageTimes encode(int64_t frame_index, const RgbImage& image, const CallOptions& options = {}) {
    const FrameRequest frame{frame_index, image};
    return encode({&frame, 1}, options);
  }
  // Does the vision work of a question about an encoded frame, so that the frame and its
  // predecessors may leave the ring before answer() is called.
  virtual StageTimes prepare(int64_t frame_index, const PrepareOptions& options = {}) = 0;
  // Whether the ring holds the frame. Callable from any thread.
  virtual bool has(int64_t frame_index) const = 0;
  // Answers for frames that are encoded or prepared, in the order of the requests. Independent
  // requests are decoded as one batch; requests on one frame share its vision work and the keys and
  // values of its image tokens, from call to call as long as the KV cache holds them.
  virtual std::vector<Answer> answer(std::span<const AnswerRequest> requests,
                                     const AnswerOptions& options = {}) = 0;

 protected:
  PointerStream() = default;
};

// A loaded pointer. Not thread-safe: one thread at a time uses a pointer and its streams
// (PointerStream::has() excepted).
class Pointer {
 public:
  virtual ~Pointer() = default;
  Pointer(const Pointer&) = delete;
  Pointer& operator=(const Pointer&) = delete;

  virtual PointerInfo info() const = 0;
  // Waits until the device has done everything that was asked of it.
  virtual MemoryUse memory_use() = 0;
  // A clip or a camera. The stream must not outlive the pointer.
  virtual std::unique_ptr<PointerStream> open_stream(const StreamOptions& options = {}) = 0;
  // The stages before the first weight, by their golden names.
  virtual NamedTensors preprocess(const RgbImage& image) = 0;

 protected:
  Pointer() = default;
};

// Loads a pointer of a family ("molmo"; pointer_families() lists them). Throws UNSUPPORTED_MODEL
// for an unknown family, INVALID_ARGUMENT naming an attribute, MODEL_NOT_FOUND, CHECKPOINT_INVALID,
// DEVICE_UNAVAILABLE, OUT_OF_MEMORY, ABORTED.
std::unique_ptr<Pointer> load_pointer(const std::string& family, const Attributes& attributes,
                                      std::shared_ptr<WeightSource> weights,
                                      const LoadOptions& options = {});

// What a pointer would do with `available` bytes beside the weights (SIZE_MAX: any).
PointerMemory pointer_memory(const std::string& family, const Attributes& attributes,
                             Device device = {}, size_t available = SIZE_MAX);

}  // namespace vmolmo
