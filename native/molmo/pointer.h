#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "native/molmo/image_cache.h"
#include "native/molmo/videomolmo.h"
#include "native/ops/context.h"
#include "native/temporal/feature_ring.h"
#include "videomolmo/pointer.h"

namespace vmolmo {

// A loaded VideoMolmo or Molmo.
class MolmoPointer : public Pointer {
 public:
  MolmoPointer(const MolmoConfig& config, std::shared_ptr<WeightSource> weights,
               const LoadOptions& options);

  PointerInfo info() const override { return info_; }
  MemoryUse memory_use() override { return context_.finish(); }
  std::unique_ptr<PointerStream> open_stream(const StreamOptions& options) override;
  NamedTensors preprocess(const RgbImage& image) override;

 private:
  friend class MolmoStream;

  // Bounds the work by what the weights leave of the memory, and takes a GPU's share of it.
  void plan(const LoadOptions& options);

  Context context_;
  MolmoConfig config_;
  PointerInfo info_;
  std::unique_ptr<VideoMolmo> model_;
  uint64_t images_ = 0;  // prepared so far, by all streams
};

class MolmoStream : public PointerStream {
 public:
  MolmoStream(MolmoPointer& pointer, const StreamOptions& options);

  StageTimes encode(std::span<const FrameRequest> frames, const CallOptions& options) override;
  StageTimes prepare(int64_t frame_index, const PrepareOptions& options) override;
  bool has(int64_t frame_index) const override { return ring_.has(frame_index); }
  std::vector<Answer> answer(std::span<const AnswerRequest> requests,
                             const AnswerOptions& options) override;

 private:
  std::vector<const EncodedFrame*> previous_of(int64_t frame_index, int64_t count) const;
  int64_t context_of(const std::optional<int64_t>& asked) const;
  void check_frame(const FrameRequest& frame, std::optional<ImageLayout>& planned) const;
  // Throws INVALID_ARGUMENT when the frame can be asked about no more.
  void check_held(int64_t frame_index, int64_t context_frames);
  // Null when the frame is neither prepared nor encoded.
  const PreparedFrame* find_image(int64_t frame_index, int64_t context_frames);
  // The frame's image with its predecessors; made, unless it is there.
  const PreparedFrame& image_of(int64_t frame_index, int64_t context_frames);
  std::vector<GreedyResult> answer_batch(std::span<const AnswerRequest> requests,
                                         const AnswerOptions& options);

  MolmoPointer& pointer_;
  Context& context_;
  FeatureRing ring_;
  ImageCache images_;
  std::optional<ImageLayout> layout_;  // of the first frame; all frames share its size
};

}  // namespace vmolmo
