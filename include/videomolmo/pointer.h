#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "videomolmo/call.h"
#include "videomolmo/pointer_config.h"
#include "videomolmo/tensor.h"

// The pointer: frames and token ids in, token ids out. Text becomes ids, and answers become points,
// outside of the engine.

namespace vmolmo {

struct PointerLoadOptions {
  MolmoConfig config;
  // A file of weights or a folder with them, as open_weights() takes it. Empty: generated hash
  // weights (tests, benchmarks).
  std::string weights_path;
  FileAccess files = FileAccess::kAuto;
  DType generated = DType::kF32;  // what generated weights are stored as: kF32 or kBF16
  WeightDType dtype = WeightDType::kStored;
  int64_t int4_group = 64;  // weights that share a scale with kInt4: 64 or 128
  int threads = 0;          // 0: one per available core
  // Where the model runs and its weights lie.
  Device device;
  // Bytes that the pointer's weights and work may take; 0: on the CPU no limit, on a GPU nine
  // tenths of what is free after the weights. How many answers are decoded side by side, and how
  // wide the calls are, follows from it; answers do not depend on it. On a GPU the work's memory is
  // taken at load and nothing exceeds the limit; on the CPU answers that are longer than usual may.
  size_t memory_limit = 0;
  // Answers decoded side by side at most; 0: as many as share one reading of the weights.
  int max_batch = 0;
  std::shared_ptr<const CancelFlag> cancel;
};

struct PointerInfo {
  int64_t parameters = 0;
  int64_t weight_bytes = 0;
  int64_t work_bytes = 0;  // that the work takes beside the weights, at most
  int64_t sequences = 0;   // answers that are decoded side by side
  int64_t frames = 0;      // encoded frames that a stream should keep at most
  int threads = 0;
};

struct FrameRequest {
  int64_t frame_index = 0;
  RgbImage image;
};

struct StreamOptions {
  // Encoded frames that are kept; 0: previous_frames + 1.
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
  // Previous frames to use, 0 .. previous_frames; default all. Frames that were never encoded or
  // have left the ring count as black, as in the reference.
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
  // Milliseconds per stage. What a batch shares is divided evenly among its answers.
  std::map<std::string, double> times;
  AnswerStats stats;
};

// The stages of preprocessing that do not depend on weights.
struct PreparedImage {
  int64_t rows = 0;  // tiling
  int64_t columns = 0;
  Tensor crops;            // f32 [T, n * n, 3 * patch^2], the global crop first
  Tensor image_input_idx;  // i32 [T, m * m], positions after BOS; -100: not inserted
  Tensor image_masks;      // f32 [T, n * n], rows as the reference has them (off by one)
  std::vector<int32_t> image_tokens;
};

class PointerStream;
class WeightSource;

// A loaded VideoMolmo or Molmo. Not thread-safe: one thread at a time uses a pointer and its
// streams (PointerStream::has() excepted).
class Pointer {
 public:
  // Throws MODEL_NOT_FOUND, CHECKPOINT_INVALID, INVALID_ARGUMENT, OUT_OF_MEMORY, ABORTED.
  static std::unique_ptr<Pointer> load(const PointerLoadOptions& options);
  // The same with weights from elsewhere than options.weights_path.
  static std::unique_ptr<Pointer> load(const PointerLoadOptions& options,
                                       std::shared_ptr<WeightSource> weights);
  ~Pointer();
  Pointer(const Pointer&) = delete;
  Pointer& operator=(const Pointer&) = delete;

  PointerInfo info() const;
  const MolmoConfig& config() const;
  // Waits until the device has done everything that was asked of it.
  MemoryUse memory_use();
  // A clip or a camera. The stream must not outlive the pointer.
  std::unique_ptr<PointerStream> open_stream(const StreamOptions& options = {});
  PreparedImage preprocess(const RgbImage& image);

 private:
  friend class PointerStream;
  struct Impl;
  explicit Pointer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The features of a clip's recent frames, each computed once: a ring of fixed capacity. Beside it,
// the frames that were asked about last, ready for the language model.
class PointerStream {
 public:
  ~PointerStream();
  PointerStream(const PointerStream&) = delete;
  PointerStream& operator=(const PointerStream&) = delete;

  // Encodes a frame; one that the ring already holds is left as it is. The frame that came in first
  // leaves when the ring is full. All frames of a stream have one size. Returns milliseconds per
  // stage. Throws INVALID_ARGUMENT, ABORTED.
  std::map<std::string, double> encode(int64_t frame_index, const RgbImage& image,
                                       const CallOptions& options = {});
  // Several frames as one batch; the features are the same. Frames that the ring holds already are
  // left out. Throws INVALID_ARGUMENT when there are more frames than the ring has places.
  std::map<std::string, double> encode(std::span<const FrameRequest> frames,
                                       const CallOptions& options = {});
  // Does the vision work of a question about an encoded frame, so that the frame and its
  // predecessors may leave the ring before answer() is called.
  std::map<std::string, double> prepare(int64_t frame_index, const PrepareOptions& options = {});
  // Whether the ring holds the frame. Callable from any thread.
  bool has(int64_t frame_index) const;
  // Answers for frames that are encoded or prepared, in the order of the requests. Independent
  // requests are decoded as one batch; requests on one frame share its vision work and the keys and
  // values of its image tokens, from call to call as long as the KV cache holds them.
  std::vector<Answer> answer(std::span<const AnswerRequest> requests,
                             const AnswerOptions& options = {});

 private:
  friend class Pointer;
  struct Impl;
  explicit PointerStream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vmolmo
