#pragma once

#include <napi.h>

#include <atomic>
#include <memory>

#include "native/binding/engine_thread.h"
#include "native/binding/handle.h"
#include "native/binding/tensors.h"
#include "videomolmo/segmenter.h"

// What the segmenter's handles share.
namespace vmolmo::binding {

struct FeaturesState {
  std::shared_ptr<EngineThread> engine;
  std::shared_ptr<Slot<FrameFeatures>> features;
  int64_t width = 0;
  int64_t height = 0;
};

class FeaturesHandle : public Handle<FeaturesHandle, FeaturesState> {
 public:
  static constexpr const char* kName = "ImageFeatures";
  using Handle::Handle;

  static std::vector<PropertyDescriptor> properties();

  Napi::Value width(const Napi::CallbackInfo& info);
  Napi::Value height(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);
};

// The features behind a handle; INVALID_ARGUMENT for those of another engine.
std::shared_ptr<Slot<FrameFeatures>> features_of(const Argument& argument,
                                                 const EngineThread& engine);

struct SegmenterState {
  std::shared_ptr<EngineThread> engine;
  std::shared_ptr<Slot<Segmenter>> model;
};

// AddonSegmenter.
class SegmenterHandle : public Handle<SegmenterHandle, SegmenterState> {
 public:
  static constexpr const char* kName = "Segmenter";
  using Handle::Handle;

  static std::vector<PropertyDescriptor> properties();

  Napi::Value info_of(const Napi::CallbackInfo& info);
  Napi::Value memory(const Napi::CallbackInfo& info);
  Napi::Value encode(const Napi::CallbackInfo& info);
  Napi::Value segment(const Napi::CallbackInfo& info);
  Napi::Value open_video(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);
};

// Encodes on the engine thread of `state`; resolves with {features, times, tensors?}.
using Encode = std::function<FrameFeaturesPtr(Segmenter&, const CallOptions&)>;
Napi::Value submit_encode(Napi::Env env, const SegmenterState& state, const Argument& options,
                          Job job, Encode body);

struct VideoState {
  std::shared_ptr<EngineThread> engine;
  std::shared_ptr<Slot<Segmenter>> model;
  std::shared_ptr<Slot<SegmenterVideo>> video;
  // Calls submitted and not finished yet.
  std::shared_ptr<std::atomic<int>> under_way = std::make_shared<std::atomic<int>>(0);
};

// AddonVideo.
class VideoHandle : public Handle<VideoHandle, VideoState> {
 public:
  static constexpr const char* kName = "SegmenterVideo";
  using Handle::Handle;

  static std::vector<PropertyDescriptor> properties();

  Napi::Value add_points(const Napi::CallbackInfo& info);
  Napi::Value add_mask(const Napi::CallbackInfo& info);
  Napi::Value clear_prompts(const Napi::CallbackInfo& info);
  Napi::Value remove_object(const Napi::CallbackInfo& info);
  Napi::Value prompted_frames(const Napi::CallbackInfo& info);
  Napi::Value commit(const Napi::CallbackInfo& info);
  Napi::Value plan(const Napi::CallbackInfo& info);
  Napi::Value track(const Napi::CallbackInfo& info);
  Napi::Value needs_features(const Napi::CallbackInfo& info);
  Napi::Value forget(const Napi::CallbackInfo& info);
  Napi::Value object_ids(const Napi::CallbackInfo& info);
  Napi::Value reset(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

 private:
  using Call = std::function<std::vector<FrameMasks>(SegmenterVideo&, const VideoCall&)>;

  // What a call resolves with: its one result, all of them as an array, or times and traces alone.
  enum class Reply : uint8_t { kFrame, kFrames, kOutcome };

  // Runs `call` on the engine thread.
  Napi::Value run(Napi::Env env, const Argument& options, Loans loans, Call call,
                  Reply reply = Reply::kFrame);
  // The session, for synchronous methods.
  std::shared_ptr<SegmenterVideo> session();
  // Runs a change now when no call is under way, else after the calls before it.
  void change(std::function<void(SegmenterVideo&)> body);
};

VideoOptions read_video_options(const Argument& argument);

// Points, labels and box of an AddonImagePrompt or of AddonVideo.addPoints.
PointPrompt read_point_prompt(const Argument& argument);

}  // namespace vmolmo::binding
