#include "videomolmo/pointer.h"

#include <algorithm>
#include <utility>

#include "native/molmo/preprocess.h"
#include "native/molmo/videomolmo.h"
#include "native/ops/call_scope.h"
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
  }
  return answers;
}

}  // namespace

struct Pointer::Impl {
  Context context;
  MolmoConfig config;
  int64_t max_batch;
  PointerInfo info;
  std::unique_ptr<VideoMolmo> model;

  explicit Impl(const PointerLoadOptions& options)
      : context(options.threads), config(options.config), max_batch(options.max_batch) {}
};

struct PointerStream::Impl {
  Pointer::Impl& pointer;
  FeatureRing ring;
  std::optional<ImageLayout> layout;  // of the first frame; all frames share its size

  Impl(Pointer::Impl& owner, int64_t capacity) : pointer(owner), ring(capacity) {}

  std::vector<const FrameFeatures*> previous_of(int64_t frame_index, int64_t count) const {
    std::vector<const FrameFeatures*> frames;
    for (int64_t back = 1; back <= count && back <= frame_index; ++back)
      if (const FrameFeatures* frame = ring.find(frame_index - back)) frames.push_back(frame);
    return frames;
  }

  std::vector<GreedyResult> answer_batch(std::span<const AnswerRequest> requests,
                                         const AnswerOptions& options);
};

std::unique_ptr<Pointer> Pointer::load(const PointerLoadOptions& options) {
  options.config.validate();
  require(options.max_batch >= 1, Code::kInvalidArgument, "max_batch must be at least 1; it is ",
          options.max_batch, ".");
  auto impl = std::make_unique<Impl>(options);
  const CallScope scope(impl->context, {options.cancel, nullptr});
  WeightLoader weights(options.weights_path.empty() ? hash_weights()
                                                    : open_safetensors(options.weights_path));
  weights.set_cancel(options.cancel);
  weights.widen(options.dtype == WeightDType::kF32);
  weights.narrow(options.dtype == WeightDType::kBF16);
  weights.set_formats(layer_formats(options.dtype, options.int4_group), impl->context.threads());
  impl->model = std::make_unique<VideoMolmo>(impl->context, options.config, weights);
  weights.finish();
  impl->info.parameters = weights.parameters();
  impl->info.weight_bytes = weights.bytes();
  impl->info.threads = impl->context.threads().size();
  return std::unique_ptr<Pointer>(new Pointer(std::move(impl)));
}

Pointer::Pointer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Pointer::~Pointer() = default;

PointerInfo Pointer::info() const { return impl_->info; }
const MolmoConfig& Pointer::config() const { return impl_->config; }

std::unique_ptr<PointerStream> Pointer::open_stream(int64_t capacity) {
  if (capacity == 0) capacity = impl_->config.previous_frames + 1;
  return std::unique_ptr<PointerStream>(
      new PointerStream(std::make_unique<PointerStream::Impl>(*impl_, capacity)));
}

PreparedImage Pointer::preprocess(const RgbImage& image) {
  const ops::ImageView view = checked_view(image);
  const MolmoConfig& config = impl_->config;
  const ImageLayout layout = plan_image(config, image.width, image.height);
  PreparedImage prepared;
  prepared.rows = layout.rows;
  prepared.columns = layout.columns;
  prepared.crops = make_crops(impl_->context, config, layout, view, true);
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

std::map<std::string, double> PointerStream::encode(int64_t frame_index, const RgbImage& image,
                                                    const CallOptions& options) {
  const ops::ImageView view = checked_view(image);
  require(frame_index >= 0, Code::kInvalidArgument, "A frame index must not be negative; it is ",
          frame_index, ".");
  std::optional<ImageLayout>& layout = impl_->layout;
  require(!layout || (layout->width == image.width && layout->height == image.height),
          Code::kInvalidArgument, "The frames of a stream have one size: this stream's is ",
          layout ? layout->width : 0, "x", layout ? layout->height : 0, ", frame ", frame_index,
          " is ", image.width, "x", image.height, ".");
  if (impl_->ring.has(frame_index)) return {};
  Pointer::Impl& pointer = impl_->pointer;
  const CallScope scope(pointer.context, options);
  pointer.context.check_cancelled();
  ImageLayout planned = layout ? *layout : plan_image(pointer.config, image.width, image.height);
  impl_->ring.push(pointer.model->encode(pointer.context, planned, view, frame_index));
  if (!layout) layout = std::move(planned);
  return pointer.context.times();
}

std::vector<GreedyResult> PointerStream::Impl::answer_batch(std::span<const AnswerRequest> requests,
                                                            const AnswerOptions& options) {
  Context& context = pointer.context;
  VideoMolmo& model = *pointer.model;
  const int64_t limit = options.context_frames.value_or(pointer.config.previous_frames);

  std::vector<TokenSequence> sequences;
  size_t longest = 0;
  for (const AnswerRequest& request : requests) {
    sequences.push_back(build_sequence(pointer.config, layout->tokens, request.prompt_ids));
    longest = std::max(longest, sequences.back().ids.size());
  }
  // Rows of the frame admitted last: requests on one frame follow each other in most callers.
  int64_t rows_frame = -1;
  ImageRows rows;
  const auto make_prompt = [&](size_t i) {
    const int64_t frame_index = requests[i].frame_index;
    if (rows_frame != frame_index) {
      rows = model.image_rows(context, *layout, *ring.find(frame_index),
                              previous_of(frame_index, limit));
      rows_frame = frame_index;
    }
    Prompt prompt;
    prompt.embeddings = model.embed(context, sequences[i], rows);
    if (sequences[i].image_begin == 1) {
      prompt.prefix_key = static_cast<uint64_t>(frame_index) + 1;
      prompt.prefix_rows = 1 + static_cast<int64_t>(layout->tokens.size());
    }
    return prompt;
  };
  GreedyOptions greedy;
  greedy.max_new_tokens = options.max_new_tokens;
  greedy.eos = pointer.config.eos;
  greedy.stop_ids = options.stop_ids;
  return model.generate(context, requests.size(), static_cast<int64_t>(longest), pointer.max_batch,
                        greedy, make_prompt);
}

std::vector<Answer> PointerStream::answer(std::span<const AnswerRequest> requests,
                                          const AnswerOptions& options) {
  const MolmoConfig& config = impl_->pointer.config;
  require(options.max_new_tokens >= 1, Code::kInvalidArgument,
          "max_new_tokens must be at least 1; it is ", options.max_new_tokens, ".");
  const int64_t previous = options.context_frames.value_or(config.previous_frames);
  require(previous >= 0 && previous <= config.previous_frames, Code::kInvalidArgument,
          "context_frames must be 0 to ", config.previous_frames, "; it is ", previous, ".");
  for (const AnswerRequest& request : requests) {
    require(impl_->ring.has(request.frame_index), Code::kInvalidArgument, "Frame ",
            request.frame_index, " is not encoded: it never was, or it has left the ring of ",
            impl_->ring.capacity(), " frames.");
  }
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
