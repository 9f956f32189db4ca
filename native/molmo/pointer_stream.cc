#include <algorithm>
#include <utility>

#include "native/molmo/pointer.h"
#include "native/ops/call_scope.h"
#include "native/ops/picture.h"

namespace vmolmo {
namespace {

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

MolmoStream::MolmoStream(MolmoPointer& pointer, const StreamOptions& options)
    : pointer_(pointer),
      context_(pointer.context_),
      ring_(options.capacity == 0 ? pointer.config_.previous_frames + 1 : options.capacity),
      images_(options.images) {}

std::vector<const EncodedFrame*> MolmoStream::previous_of(int64_t frame_index,
                                                          int64_t count) const {
  std::vector<const EncodedFrame*> frames;
  for (int64_t back = 1; back <= count && back <= frame_index; ++back)
    if (const EncodedFrame* frame = ring_.find(frame_index - back)) frames.push_back(frame);
  return frames;
}

void MolmoStream::check_frame(const FrameRequest& frame,
                              std::optional<ImageLayout>& planned) const {
  const RgbImage& image = frame.image;
  require(frame.frame_index >= 0, Code::kInvalidArgument,
          "A frame index must not be negative; it is ", frame.frame_index, ".");
  require(!planned || (planned->width == image.width && planned->height == image.height),
          Code::kInvalidArgument, "The frames of a stream have one size: this stream's is ",
          planned ? planned->width : 0, "x", planned ? planned->height : 0, ", frame ",
          frame.frame_index, " is ", image.width, "x", image.height, ".");
  if (!planned) planned = plan_image(pointer_.config_, image.width, image.height);
}

StageTimes MolmoStream::encode(std::span<const FrameRequest> frames, const CallOptions& options) {
  require(static_cast<int64_t>(frames.size()) <= ring_.capacity(), Code::kInvalidArgument,
          "A batch of ", frames.size(), " frames does not fit a ring of ", ring_.capacity(), ".");
  std::optional<ImageLayout> layout = layout_;
  std::vector<ops::ImageView> views;
  std::vector<int64_t> indices;
  for (const FrameRequest& frame : frames) {
    const ops::ImageView view = ops::view_of(frame.image);
    check_frame(frame, layout);
    const bool twice =
        std::find(indices.begin(), indices.end(), frame.frame_index) != indices.end();
    if (twice || ring_.has(frame.frame_index)) continue;
    views.push_back(view);
    indices.push_back(frame.frame_index);
  }
  if (views.empty()) return {};
  const CallScope scope(context_, options);
  context_.check_cancelled();
  for (EncodedFrame& features : pointer_.model_->encode(context_, *layout, views, indices)) {
    images_.forget(features.frame_index);
    ring_.push(std::move(features));
  }
  layout_ = std::move(layout);
  return context_.times();
}

int64_t MolmoStream::context_of(const std::optional<int64_t>& asked) const {
  const int64_t all = pointer_.config_.previous_frames;
  const int64_t count = asked.value_or(all);
  require(count >= 0 && count <= all, Code::kInvalidArgument, "context_frames must be 0 to ", all,
          "; it is ", count, ".");
  return count;
}

const PreparedFrame* MolmoStream::find_image(int64_t frame_index, int64_t context_frames) {
  std::vector<int64_t> previous;
  if (ring_.has(frame_index)) {
    for (const EncodedFrame* frame : previous_of(frame_index, context_frames))
      previous.push_back(frame->frame_index);
  }
  return images_.find(frame_index, context_frames, previous);
}

const PreparedFrame& MolmoStream::image_of(int64_t frame_index, int64_t context_frames) {
  // A recorder sees every stage.
  const PreparedFrame* known =
      context_.recording() ? nullptr : find_image(frame_index, context_frames);
  if (known) return *known;
  check_held(frame_index, context_frames);
  const std::vector<const EncodedFrame*> previous = previous_of(frame_index, context_frames);
  PreparedFrame frame{++pointer_.images_, frame_index, context_frames, {}, {}};
  for (const EncodedFrame* features : previous) frame.previous.push_back(features->frame_index);
  frame.image = pointer_.model_->image_rows(context_, *layout_, *ring_.find(frame_index), previous);
  return images_.add(std::move(frame));
}

StageTimes MolmoStream::prepare(int64_t frame_index, const PrepareOptions& options) {
  const int64_t context_frames = context_of(options.context_frames);
  check_held(frame_index, context_frames);
  const CallScope scope(context_, options);
  context_.check_cancelled();
  image_of(frame_index, context_frames);
  return context_.times();
}

void MolmoStream::check_held(int64_t frame_index, int64_t context_frames) {
  require(ring_.has(frame_index) || find_image(frame_index, context_frames), Code::kInvalidArgument,
          "Frame ", frame_index, " is not encoded: it never was, or it has left the ring of ",
          ring_.capacity(), " frames.");
}

std::vector<GreedyResult> MolmoStream::answer_batch(std::span<const AnswerRequest> requests,
                                                    const AnswerOptions& options) {
  VideoMolmo& model = *pointer_.model_;
  const int64_t context_frames = context_of(options.context_frames);

  std::vector<TokenSequence> sequences;
  size_t longest = 0;
  for (const AnswerRequest& request : requests) {
    sequences.push_back(build_sequence(pointer_.config_, layout_->tokens, request.prompt_ids));
    longest = std::max(longest, sequences.back().ids.size());
  }
  const auto make_prompt = [&](size_t i) {
    const PreparedFrame& frame = image_of(requests[i].frame_index, context_frames);
    Prompt prompt;
    prompt.embeddings = model.embed(context_, sequences[i], frame.image);
    prompt.draft = requests[i].draft;
    if (sequences[i].image_begin == 1 && !context_.recording()) {
      prompt.prefix_key = frame.key;
      prompt.prefix_rows = 1 + static_cast<int64_t>(layout_->tokens.size());
    }
    return prompt;
  };
  GreedyOptions greedy;
  greedy.max_new_tokens = options.max_new_tokens;
  greedy.eos = pointer_.config_.eos;
  greedy.stop_ids = options.stop_ids;
  return model.generate(context_, requests.size(), static_cast<int64_t>(longest), greedy,
                        make_prompt);
}

std::vector<Answer> MolmoStream::answer(std::span<const AnswerRequest> requests,
                                        const AnswerOptions& options) {
  require(options.max_new_tokens >= 1, Code::kInvalidArgument,
          "max_new_tokens must be at least 1; it is ", options.max_new_tokens, ".");
  const int64_t context_frames = context_of(options.context_frames);
  for (const AnswerRequest& request : requests) check_held(request.frame_index, context_frames);
  if (requests.empty()) return {};
  const CallScope scope(context_, options);
  context_.check_cancelled();
  if (!context_.recording() || requests.size() == 1) {
    std::vector<GreedyResult> results = answer_batch(requests, options);
    return to_answers(std::move(results), context_.times());
  }
  std::vector<GreedyResult> results;  // a recorder follows one sequence at a time
  for (const AnswerRequest& request : requests)
    results.push_back(std::move(answer_batch({&request, 1}, options)[0]));
  return to_answers(std::move(results), context_.times());
}

}  // namespace vmolmo
