#include "videomolmo/pointer.h"

#include <algorithm>
#include <utility>

#include "native/molmo/image_cache.h"
#include "native/molmo/memory_plan.h"
#include "native/molmo/preprocess.h"
#include "native/molmo/videomolmo.h"
#include "native/ops/call_scope.h"
#include "native/ops/memory_left.h"
#include "native/weights/weight_source.h"

namespace vmolmo {
namespace {

ops::ImageView checked_view(const RgbImage& image) {
  require(image.width >= 1 && image.height >= 1, Code::kInvalidArgument,
          "A frame must have at least one pixel; this one is ", image.width, "x", image.height,
          ".");
  require(image.data != nullptr, Code::kInvalidArgument, "The frame has no pixels.");
  const int64_t stride = image.stride == 0 ? 3 * image.width : image.stride;
  require(stride >= 3 * image.width, Code::kInvalidArgument, "The frame's stride must be at least ",
          3 * image.width, " bytes; it is ", stride, ".");
  return {image.data, image.width, image.height, 3, stride};
}

StopReason to_reason(GreedyResult::Stop stop) {
  switch (stop) {
    case GreedyResult::Stop::kEos:
      return StopReason::kEos;
    case GreedyResult::Stop::kStopId:
      return StopReason::kStopId;
    case GreedyResult::Stop::kLength:
      break;
  }
  return StopReason::kLength;
}

// Shared work divided evenly, each answer's own prefill on top.
std::vector<Answer> to_answers(std::vector<GreedyResult> results, StageTimes times) {
  times.erase("prefill");
  for (auto& [stage, milliseconds] : times) milliseconds /= static_cast<double>(results.size());
  std::vector<Answer> answers;
  for (GreedyResult& result : results) {
    Answer& answer = answers.emplace_back();
    answer.ids = std::move(result.ids);
    answer.stopped = to_reason(result.stop);
    answer.times = times;
    answer.times["prefill"] = result.prefill_ms;
    const auto& [prompt_rows, reused_rows, steps, drafted, accepted] = result.stats;
    answer.stats = {prompt_rows, reused_rows, steps, drafted, accepted};
  }
  return answers;
}

}  // namespace

struct Pointer::Impl {
  Context context;
  MolmoConfig config;
  PointerInfo info;
  std::unique_ptr<VideoMolmo> model;
  uint64_t images = 0;  // prepared so far, by all streams

  explicit Impl(const PointerLoadOptions& options)
      : context(options.device, options.threads, options.memory_limit), config(options.config) {}

  void plan(const PointerLoadOptions& options);
};

// Bounds the work by what the weights leave of the memory, and takes a GPU's share of it.
void Pointer::Impl::plan(const PointerLoadOptions& options) {
  BatchSizes sizes = best_batch_sizes(context.device().kind, config.previous_frames);
  if (options.max_batch > 0) sizes.sequences = options.max_batch;
  const MemoryLeft left(context, options.memory_limit, info.weight_bytes);
  const PointerPlan plan = plan_pointer(config, sizes, context.device().kind, left.available);
  left.require_for("pointer", plan.bytes);
  context.reserve(plan.bytes);
  model->set_plan(plan);
  info.work_bytes = static_cast<int64_t>(plan.bytes);
  info.sequences = plan.sizes.sequences;
  info.frames = plan.sizes.frames;
}

struct PointerStream::Impl {
  Pointer::Impl& pointer;
  FeatureRing ring;
  ImageCache images;
  std::optional<ImageLayout> layout;  // of the first frame; all frames share its size

  Impl(Pointer::Impl& owner, int64_t capacity, int64_t image_capacity)
      : pointer(owner), ring(capacity), images(image_capacity) {}

  std::vector<const FrameFeatures*> previous_of(int64_t frame_index, int64_t count) const {
    std::vector<const FrameFeatures*> frames;
    for (int64_t back = 1; back <= count && back <= frame_index; ++back)
      if (const FrameFeatures* frame = ring.find(frame_index - back)) frames.push_back(frame);
    return frames;
  }

  int64_t context_of(const std::optional<int64_t>& asked) const;
  void check_frame(const FrameRequest& frame, std::optional<ImageLayout>& planned) const;
  // Null when the frame is neither prepared nor encoded.
  const PreparedFrame* find_image(int64_t frame_index, int64_t context_frames);
  // The frame's image with its predecessors; made, unless it is there.
  const PreparedFrame& image_of(int64_t frame_index, int64_t context_frames);
  // Throws INVALID_ARGUMENT when the frame can be asked about no more.
  void check_held(int64_t frame_index, int64_t context_frames);

  std::vector<GreedyResult> answer_batch(std::span<const AnswerRequest> requests,
                                         const AnswerOptions& options);
};

std::unique_ptr<Pointer> Pointer::load(const PointerLoadOptions& options) {
  return load(options, options.weights_path.empty()
                           ? hash_weights({}, options.generated)
                           : open_weights(options.weights_path, options.files));
}

std::unique_ptr<Pointer> Pointer::load(const PointerLoadOptions& options,
                                       std::shared_ptr<WeightSource> source) {
  options.config.validate();
  require(options.max_batch >= 0, Code::kInvalidArgument, "max_batch must not be negative; it is ",
          options.max_batch, ".");
  auto impl = std::make_unique<Impl>(options);
  const CallScope scope(impl->context, {options.cancel, nullptr});
  WeightLoader weights(std::move(source));
  weights.set_cancel(options.cancel);
  weights.set_memory(impl->context.weight_memory());
  // As stored, weights say nothing about how to compute: as the CPU does.
  const bool exact = options.dtype == WeightDType::kF32 || options.dtype == WeightDType::kStored;
  impl->context.set_products(exact ? Products::kExact : Products::kTensorCores);
  weights.widen(options.dtype == WeightDType::kF32);
  weights.narrow(options.dtype == WeightDType::kBF16);
  weights.narrow_matrices(impl->context.rounds_products());
  weights.set_formats(layer_formats(options.dtype, options.int4_group), impl->context.threads());
  impl->model = std::make_unique<VideoMolmo>(impl->context, options.config, weights);
  weights.finish();
  impl->info.parameters = weights.parameters();
  impl->info.weight_bytes = weights.bytes();
  impl->info.threads = impl->context.threads().size();
  impl->plan(options);
  return std::unique_ptr<Pointer>(new Pointer(std::move(impl)));
}

Pointer::Pointer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Pointer::~Pointer() = default;

PointerInfo Pointer::info() const { return impl_->info; }
const MolmoConfig& Pointer::config() const { return impl_->config; }

MemoryUse Pointer::memory_use() { return impl_->context.finish(); }

std::unique_ptr<PointerStream> Pointer::open_stream(const StreamOptions& options) {
  const int64_t capacity =
      options.capacity == 0 ? impl_->config.previous_frames + 1 : options.capacity;
  return std::unique_ptr<PointerStream>(
      new PointerStream(std::make_unique<PointerStream::Impl>(*impl_, capacity, options.images)));
}

PreparedImage Pointer::preprocess(const RgbImage& image) {
  const ops::ImageView view = checked_view(image);
  const MolmoConfig& config = impl_->config;
  const ImageLayout layout = plan_image(config, image.width, image.height);
  PreparedImage prepared;
  prepared.rows = layout.rows;
  prepared.columns = layout.columns;
  impl_->context.activate();
  prepared.crops = impl_->context.to_host(make_crops(impl_->context, config, layout, view, true));
  std::vector<int32_t> positions = layout.cell_position;
  for (int32_t& position : positions)
    if (position >= 0) ++position;  // behind BOS
  prepared.image_input_idx = Tensor::from(positions, {layout.crops, layout.cells});
  prepared.image_masks =
      Tensor::from(layout.masks, {layout.crops, config.vit.grid() * config.vit.grid()});
  prepared.image_tokens = layout.tokens;
  return prepared;
}

PointerStream::PointerStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PointerStream::~PointerStream() = default;

bool PointerStream::has(int64_t frame_index) const { return impl_->ring.has(frame_index); }

void PointerStream::Impl::check_frame(const FrameRequest& frame,
                                      std::optional<ImageLayout>& planned) const {
  const RgbImage& image = frame.image;
  require(frame.frame_index >= 0, Code::kInvalidArgument,
          "A frame index must not be negative; it is ", frame.frame_index, ".");
  require(!planned || (planned->width == image.width && planned->height == image.height),
          Code::kInvalidArgument, "The frames of a stream have one size: this stream's is ",
          planned ? planned->width : 0, "x", planned ? planned->height : 0, ", frame ",
          frame.frame_index, " is ", image.width, "x", image.height, ".");
  if (!planned) planned = plan_image(pointer.config, image.width, image.height);
}

std::map<std::string, double> PointerStream::encode(int64_t frame_index, const RgbImage& image,
                                                    const CallOptions& options) {
  const FrameRequest frame{frame_index, image};
  return encode({&frame, 1}, options);
}

std::map<std::string, double> PointerStream::encode(std::span<const FrameRequest> frames,
                                                    const CallOptions& options) {
  require(static_cast<int64_t>(frames.size()) <= impl_->ring.capacity(), Code::kInvalidArgument,
          "A batch of ", frames.size(), " frames does not fit a ring of ", impl_->ring.capacity(),
          ".");
  std::optional<ImageLayout> layout = impl_->layout;
  std::vector<ops::ImageView> views;
  std::vector<int64_t> indices;
  for (const FrameRequest& frame : frames) {
    const ops::ImageView view = checked_view(frame.image);
    impl_->check_frame(frame, layout);
    const bool twice =
        std::find(indices.begin(), indices.end(), frame.frame_index) != indices.end();
    if (twice || impl_->ring.has(frame.frame_index)) continue;
    views.push_back(view);
    indices.push_back(frame.frame_index);
  }
  if (views.empty()) return {};
  Pointer::Impl& pointer = impl_->pointer;
  const CallScope scope(pointer.context, options);
  pointer.context.check_cancelled();
  for (FrameFeatures& features : pointer.model->encode(pointer.context, *layout, views, indices)) {
    impl_->images.forget(features.frame_index);
    impl_->ring.push(std::move(features));
  }
  impl_->layout = std::move(layout);
  return pointer.context.times();
}

int64_t PointerStream::Impl::context_of(const std::optional<int64_t>& asked) const {
  const int64_t all = pointer.config.previous_frames;
  const int64_t count = asked.value_or(all);
  require(count >= 0 && count <= all, Code::kInvalidArgument, "context_frames must be 0 to ", all,
          "; it is ", count, ".");
  return count;
}

const PreparedFrame* PointerStream::Impl::find_image(int64_t frame_index, int64_t context_frames) {
  std::vector<int64_t> previous;
  if (ring.has(frame_index)) {
    for (const FrameFeatures* frame : previous_of(frame_index, context_frames))
      previous.push_back(frame->frame_index);
  }
  return images.find(frame_index, context_frames, previous);
}

const PreparedFrame& PointerStream::Impl::image_of(int64_t frame_index, int64_t context_frames) {
  Context& context = pointer.context;
  // A recorder sees every stage.
  const PreparedFrame* known =
      context.recording() ? nullptr : find_image(frame_index, context_frames);
  if (known) return *known;
  check_held(frame_index, context_frames);
  const std::vector<const FrameFeatures*> previous = previous_of(frame_index, context_frames);
  PreparedFrame frame{++pointer.images, frame_index, context_frames, {}, {}};
  for (const FrameFeatures* features : previous) frame.previous.push_back(features->frame_index);
  frame.image = pointer.model->image_rows(context, *layout, *ring.find(frame_index), previous);
  return images.add(std::move(frame));
}

std::map<std::string, double> PointerStream::prepare(int64_t frame_index,
                                                     const PrepareOptions& options) {
  const int64_t context_frames = impl_->context_of(options.context_frames);
  impl_->check_held(frame_index, context_frames);
  Context& context = impl_->pointer.context;
  const CallScope scope(context, options);
  context.check_cancelled();
  impl_->image_of(frame_index, context_frames);
  return context.times();
}

void PointerStream::Impl::check_held(int64_t frame_index, int64_t context_frames) {
  require(ring.has(frame_index) || find_image(frame_index, context_frames), Code::kInvalidArgument,
          "Frame ", frame_index, " is not encoded: it never was, or it has left the ring of ",
          ring.capacity(), " frames.");
}

std::vector<GreedyResult> PointerStream::Impl::answer_batch(std::span<const AnswerRequest> requests,
                                                            const AnswerOptions& options) {
  Context& context = pointer.context;
  VideoMolmo& model = *pointer.model;
  const int64_t context_frames = context_of(options.context_frames);

  std::vector<TokenSequence> sequences;
  size_t longest = 0;
  for (const AnswerRequest& request : requests) {
    sequences.push_back(build_sequence(pointer.config, layout->tokens, request.prompt_ids));
    longest = std::max(longest, sequences.back().ids.size());
  }
  const auto make_prompt = [&](size_t i) {
    const PreparedFrame& frame = image_of(requests[i].frame_index, context_frames);
    Prompt prompt;
    prompt.embeddings = model.embed(context, sequences[i], frame.image);
    prompt.draft = requests[i].draft;
    if (sequences[i].image_begin == 1 && !context.recording()) {
      prompt.prefix_key = frame.key;
      prompt.prefix_rows = 1 + static_cast<int64_t>(layout->tokens.size());
    }
    return prompt;
  };
  GreedyOptions greedy;
  greedy.max_new_tokens = options.max_new_tokens;
  greedy.eos = pointer.config.eos;
  greedy.stop_ids = options.stop_ids;
  return model.generate(context, requests.size(), static_cast<int64_t>(longest), greedy,
                        make_prompt);
}

std::vector<Answer> PointerStream::answer(std::span<const AnswerRequest> requests,
                                          const AnswerOptions& options) {
  require(options.max_new_tokens >= 1, Code::kInvalidArgument,
          "max_new_tokens must be at least 1; it is ", options.max_new_tokens, ".");
  const int64_t context_frames = impl_->context_of(options.context_frames);
  for (const AnswerRequest& request : requests)
    impl_->check_held(request.frame_index, context_frames);
  if (requests.empty()) return {};
  Context& context = impl_->pointer.context;
  const CallScope scope(context, options);
  context.check_cancelled();
  if (!context.recording() || requests.size() == 1) {
    std::vector<GreedyResult> results = impl_->answer_batch(requests, options);
    return to_answers(std::move(results), context.times());
  }
  std::vector<GreedyResult> results;  // a recorder follows one sequence at a time
  for (const AnswerRequest& request : requests)
    results.push_back(std::move(impl_->answer_batch({&request, 1}, options)[0]));
  return to_answers(std::move(results), context.times());
}

}  // namespace vmolmo
