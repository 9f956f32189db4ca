#include "native/sam2/model.h"

#include <atomic>
#include <cmath>

#include "native/layers/nchw.h"
#include "native/layers/sine_code.h"
#include "native/ops/elementwise.h"
#include "native/sam2/checks.h"
#include "native/sam2/preprocess.h"

namespace vmolmo::sam2 {
namespace {

uint64_t next_id() {
  static std::atomic<uint64_t> counter{0};
  return ++counter;
}

const Sam2Config& validated(const Sam2Config& config) {
  validate(config);
  return config;
}

}  // namespace

Model::Model(const Sam2Config& config, WeightLoader& loader, Context& context)
    : config_(validated(config)),
      id_(next_id()),
      encoder_(make_image_encoder(config, loader, context)),
      prompts_(config, loader),
      decoder_(config, loader),
      heads_(config, loader, prompts_, decoder_),
      memory_encoder_(config, loader),
      memory_attention_(config, loader),
      assembler_(config, loader, memory_encoder_.positions()),
      step_(config, context, heads_, memory_encoder_, memory_attention_, assembler_),
      no_memory_(loader.f32("no_mem_embed", {1, 1, config.hidden_size})[0][0]) {
  if (loader.has("no_mem_pos_enc")) loader.drop("no_mem_pos_enc");
  loader.finish();
}

std::shared_ptr<ImageFeatures> Model::encode(Context& context, const ops::ImageView& image,
                                             ResizeMode mode) const {
  Tensor pixels;
  {
    StageTimer timer(context, "preprocess");
    pixels = preprocess(context, image, config_.image_size, mode);
  }
  return encode(context, pixels, image.width, image.height);
}

std::shared_ptr<ImageFeatures> Model::encode(Context& context, const Tensor& pixels, int64_t width,
                                             int64_t height) const {
  std::shared_ptr<ImageFeatures> features;
  {
    StageTimer timer(context, "imageEncoder");
    features = encoder_->forward(context, context.to_device(pixels));
  }
  features->model = id_;
  features->width = width;
  features->height = height;
  if (context.recording()) {
    const int64_t grid = config_.grid(), c = config_.hidden_size;
    const Shape map{1, grid, grid, c};
    tap_nchw(context, "image_embed", image_embedding(context, *features).reshape(map));
    tap_nchw(context, "dense_pe", prompts_.image_positions().reshape(map));
    const Tensor half = sine_code(grid / 2, c).reshape({1, grid / 2, grid / 2, c});
    tap_nchw(context, "fpn_pos.2", context.to_device(sine_code(grid, c).reshape(map)));
    tap_nchw(context, "fpn_pos.3", context.to_device(half));
  }
  return features;
}

Tensor Model::image_embedding(Context& context, const ImageFeatures& features) const {
  return ops::add(context, features.vision, no_memory_);
}

void Model::check_features(const ImageFeatures& features) const {
  expect(features.model == id_, "The image features come from another model.");
}

std::vector<ModelPoint> Model::place_prompt(const PointPrompt& prompt, int64_t width,
                                            int64_t height) const {
  expect(prompt.points.size() % 2 == 0, "points: expected x, y pairs, got ", prompt.points.size(),
         " numbers.");
  expect(prompt.points.size() / 2 == prompt.labels.size(), "labels: expected one per point, got ",
         prompt.labels.size(), " labels for ", prompt.points.size() / 2, " points.");
  const auto w = static_cast<float>(width), h = static_cast<float>(height);
  const auto side = static_cast<float>(config_.image_size);
  const float right = prompt.normalized ? 1.0f : w, bottom = prompt.normalized ? 1.0f : h;
  const auto place = [&](float x, float y, int32_t label) {
    return prompt.normalized ? ModelPoint{x * side, y * side, label}
                             : ModelPoint{x / w * side, y / h * side, label};
  };
  std::vector<ModelPoint> points;
  if (prompt.box) {
    const auto& [x0, y0, x1, y1] = *prompt.box;
    expect(std::isfinite(x0) && std::isfinite(y0) && std::isfinite(x1) && std::isfinite(y1),
           "box: expected finite corners, got (", x0, ", ", y0, ", ", x1, ", ", y1, ").");
    expect(x0 < x1 && y0 < y1, "box: expected x0 < x1 and y0 < y1, got (", x0, ", ", y0, ", ", x1,
           ", ", y1, ").");
    // The reference embeds corners outside of the frame as it does others, so boxes may stick out.
    expect(x0 < right && y0 < bottom && x1 > 0.0f && y1 > 0.0f, "box: (", x0, ", ", y0, ", ", x1,
           ", ", y1, ") lies outside the frame of ", right, " x ", bottom, ".");
    points.push_back(place(x0, y0, 2));
    points.push_back(place(x1, y1, 3));
  }
  for (size_t i = 0; i < prompt.labels.size(); ++i) {
    const int32_t label = prompt.labels[i];
    expect(label == 0 || label == 1, "labels: expected 1 (positive) or 0 (negative), got ", label,
           ".");
    const float x = prompt.points[2 * i], y = prompt.points[2 * i + 1];
    expect(std::isfinite(x) && std::isfinite(y), "points: expected finite coordinates, got (", x,
           ", ", y, ").");
    expect(x >= 0.0f && x <= right && y >= 0.0f && y <= bottom, "points: (", x, ", ", y,
           ") lies outside the frame of ", right, " x ", bottom, ".");
    points.push_back(place(x, y, label));
  }
  return points;
}

}  // namespace vmolmo::sam2
