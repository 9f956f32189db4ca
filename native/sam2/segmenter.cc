#include "videomolmo/segmenter.h"

#include "native/ops/call_scope.h"
#include "native/ops/memory_left.h"
#include "native/sam2/image_predictor.h"
#include "native/sam2/memory_needs.h"
#include "native/sam2/video_predictor.h"
#include "native/weights/sam2_names.h"

namespace vmolmo {
namespace {

// Counts the parameters that a model takes.
class CountingSource : public WeightSource {
 public:
  explicit CountingSource(std::shared_ptr<WeightSource> source) : source_(std::move(source)) {}

  bool has(const std::string& name) const override { return source_->has(name); }
  std::vector<TensorInfo> list() const override { return source_->list(); }
  Tensor get(const std::string& name, const Shape& shape) override {
    parameters += shape.numel();
    return source_->get(name, shape);
  }

  int64_t parameters = 0;

 private:
  std::shared_ptr<WeightSource> source_;
};

sam2::ImageFeatures& required(const FrameFeatures& features) {
  require(features != nullptr, Code::kInvalidArgument, "features: expected a frame's, got none.");
  return *features;
}

ops::ImageView view_of(const RgbImage& image) {
  require(image.data != nullptr && image.width > 0 && image.height > 0, Code::kInvalidArgument,
          "image: expected at least one pixel, got ", image.width, " x ", image.height, ".");
  const int64_t stride = image.stride == 0 ? 3 * image.width : image.stride;
  require(stride >= 3 * image.width, Code::kInvalidArgument, "image: rows of ", image.width,
          " pixels need a stride of at least ", 3 * image.width, " bytes, got ", stride, ".");
  return {image.data, image.width, image.height, 3, stride};
}

}  // namespace

struct Segmenter::Impl {
  explicit Impl(const SegmenterLoadOptions& options)
      : context(options.device, options.threads, options.memory_limit) {}

  Context context;
  std::shared_ptr<const sam2::Model> model;
  SegmenterInfo info;

  void plan(const SegmenterLoadOptions& options);
};

// Makes sure of the work's memory, and takes a GPU's share of it.
void Segmenter::Impl::plan(const SegmenterLoadOptions& options) {
  const MemoryLeft left(context, options.memory_limit, info.weight_bytes);
  const sam2::MemoryNeeds needs = sam2::memory_needs(options.config, context.device().kind);
  info.objects = sam2::planned_objects(needs, left.available);
  left.require_for("segmenter", needs.bytes(info.objects));
  context.reserve(needs.bytes(info.objects));
  info.work_bytes = static_cast<int64_t>(needs.bytes(info.objects));
}

std::unique_ptr<Segmenter> Segmenter::load(const SegmenterLoadOptions& options) {
  return load(options, options.weights_path.empty()
                           ? hash_weights()
                           : open_weights(options.weights_path, options.files));
}

std::unique_ptr<Segmenter> Segmenter::load(const SegmenterLoadOptions& options,
                                           std::shared_ptr<WeightSource> weights) {
  auto impl = std::make_unique<Impl>(options);
  const CallScope scope(impl->context, {options.cancel, nullptr});
  if (options.transformers_names) weights = sam2_transformers_source(std::move(weights));
  const auto counted = std::make_shared<CountingSource>(std::move(weights));
  WeightLoader loader = options.transformers_names ? WeightLoader(counted, sam2_transformers_name)
                                                   : WeightLoader(counted);
  require(options.dtype <= WeightDType::kBF16, Code::kInvalidArgument,
          "A segmenter's weights are held as stored, in f32 or in bf16; they are not quantised.");
  if (options.dtype == WeightDType::kBF16) impl->context.set_products(Products::kTensorCores);
  loader.widen(options.dtype == WeightDType::kF32);
  loader.narrow(options.dtype == WeightDType::kBF16);
  loader.narrow_matrices(impl->context.rounds_products());
  loader.set_cancel(options.cancel);
  loader.set_memory(impl->context.weight_memory());
  impl->model = std::make_shared<const sam2::Model>(options.config, loader, impl->context);
  impl->info.parameters = counted->parameters;
  impl->info.weight_bytes = loader.bytes();
  impl->info.threads = impl->context.threads().size();
  impl->plan(options);
  return std::unique_ptr<Segmenter>(new Segmenter(std::move(impl)));
}

Segmenter::Segmenter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Segmenter::~Segmenter() = default;

SegmenterInfo Segmenter::info() const { return impl_->info; }
const Sam2Config& Segmenter::config() const { return impl_->model->config(); }
const std::map<std::string, double>& Segmenter::times() const { return impl_->context.times(); }
MemoryUse Segmenter::memory_use() { return impl_->context.finish(); }
Context& Segmenter::context() { return impl_->context; }
const std::shared_ptr<const sam2::Model>& Segmenter::model() const { return impl_->model; }

FrameFeatures Segmenter::encode(const RgbImage& image, ResizeMode mode, const CallOptions& call) {
  const CallScope scope(impl_->context, call);
  return impl_->model->encode(impl_->context, view_of(image), mode);
}

std::vector<ImageMasks> Segmenter::segment(const FrameFeatures& features,
                                           const std::vector<ImagePrompt>& prompts,
                                           const SegmentOptions& options, const CallOptions& call) {
  const CallScope scope(impl_->context, call);
  return sam2::segment_image(impl_->context, *impl_->model, required(features), prompts, options);
}

std::unique_ptr<SegmenterVideo> Segmenter::open_video(const VideoOptions& options) {
  return std::unique_ptr<SegmenterVideo>(new SegmenterVideo(*this, options));
}

SegmenterVideo::SegmenterVideo(Segmenter& owner, const VideoOptions& options)
    : owner_(owner), video_(std::make_unique<sam2::VideoPredictor>(owner.model(), options)) {}
SegmenterVideo::~SegmenterVideo() = default;

FrameMasks SegmenterVideo::add_points(int64_t frame, const FrameFeatures& features, int64_t object,
                                      const PointPrompt& prompt, bool clear_old,
                                      const CallOptions& call) {
  const CallScope scope(owner_.context(), call);
  return video_->add_points(owner_.context(), frame, required(features), object, prompt, clear_old,
                            {});
}

FrameMasks SegmenterVideo::add_mask(int64_t frame, const FrameFeatures& features, int64_t object,
                                    const Tensor& mask, const CallOptions& call) {
  require(mask && mask.dtype() == DType::kU8 && mask.rank() == 2 && mask.numel() > 0 &&
              mask.is_contiguous(),
          Code::kInvalidArgument, "mask: expected u8 [height, width].");
  const CallScope scope(owner_.context(), call);
  return video_->add_mask(owner_.context(), frame, required(features), object, mask, {});
}

FrameMasks SegmenterVideo::clear_prompts(int64_t frame, int64_t object, const CallOptions& call) {
  const CallScope scope(owner_.context(), call);
  return video_->clear_prompts(owner_.context(), frame, object, {});
}

std::vector<FrameMasks> SegmenterVideo::remove_object(int64_t object, const CallOptions& call) {
  const CallScope scope(owner_.context(), call);
  return video_->remove_object(owner_.context(), object, false, {});
}

std::vector<int64_t> SegmenterVideo::prompted_frames() const { return video_->prompted_frames(); }

void SegmenterVideo::commit(int64_t frame, const FrameFeatures& features, const CallOptions& call) {
  const CallScope scope(owner_.context(), call);
  video_->commit(owner_.context(), frame, required(features));
}

std::vector<int64_t> SegmenterVideo::plan(std::optional<int64_t> start,
                                          std::optional<int64_t> max_frames, bool reverse) const {
  return video_->plan(start, max_frames, reverse);
}

FrameMasks SegmenterVideo::track(int64_t frame, const FrameFeatures& features, bool reverse,
                                 const CallOptions& call) {
  const CallScope scope(owner_.context(), call);
  return video_->track(owner_.context(), frame, features.get(), reverse, {});
}

bool SegmenterVideo::needs_features(int64_t frame) const { return video_->needs_features(frame); }
void SegmenterVideo::forget(int64_t first, int64_t last) { video_->forget(first, last); }
void SegmenterVideo::reset() { video_->reset(); }
std::vector<int64_t> SegmenterVideo::object_ids() const { return video_->object_ids(); }

}  // namespace vmolmo
