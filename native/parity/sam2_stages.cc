#include "native/parity/sam2_stages.h"

#include <functional>

#include "native/layers/nchw.h"
#include "native/layers/sine_code.h"
#include "native/ops/elementwise.h"
#include "native/ops/resize.h"

namespace vmolmo::sam2 {
namespace {

// What a stage gets to work with.
struct Stage {
  Context& context;
  const Model& model;
  ImageFeatures& features;
  const NamedTensors& inputs;
  const StageAttributes& attributes;

  bool has(const std::string& name) const { return inputs.contains(name); }
  const Tensor& input(const std::string& name) const {
    const auto at = inputs.find(name);
    require(at != inputs.end(), Code::kInvalidArgument, "inputs: ", name, " is missing.");
    return at->second;
  }
  // Where ops can take it.
  Tensor device_input(const std::string& name) const { return context.to_device(input(name)); }
  double attribute(const std::string& name, double fallback) const {
    const auto at = attributes.find(name);
    return at == attributes.end() ? fallback : at->second;
  }
};

// Collects what a component records; names lose `prefix`.
class Collector : public Recorder {
 public:
  Collector(Context& context, std::string prefix) : context_(context), prefix_(std::move(prefix)) {
    context_.set_recorder(this);
  }
  ~Collector() override { context_.set_recorder(nullptr); }
  void record(const std::string& name, const Tensor& tensor) override {
    if (name.starts_with(prefix_)) tensors[name.substr(prefix_.size())] = tensor.clone(cpu_heap());
  }

  NamedTensors tensors;

 private:
  Context& context_;
  std::string prefix_;
};

Tensor sparse_prompts(const Stage& stage) {
  const Tensor& coords = stage.input("coords");
  const Tensor& labels = stage.input("labels");
  require(coords.rank() == 3 && coords.dim(2) == 2 && labels.numel() * 2 == coords.numel(),
          Code::kInvalidArgument, "inputs: coords ", coords.shape(), " and labels ", labels.shape(),
          " do not match.");
  const int64_t batch = coords.dim(0), count = coords.dim(1);
  std::vector<Tensor> tokens;
  for (int64_t b = 0; b < batch; ++b) {
    std::vector<ModelPoint> points;
    for (int64_t i = b * count; i < (b + 1) * count; ++i)
      points.push_back({coords.data<float>()[2 * i], coords.data<float>()[2 * i + 1],
                        labels.data<int32_t>()[i]});
    const Tensor one = stage.model.prompts().sparse(stage.context, points);
    tokens.push_back(one.reshape({1, one.dim(0), one.dim(1)}));
  }
  return ops::concat(stage.context, tokens, 0);
}

NamedTensors run_heads(const Stage& stage) {
  Context& context = stage.context;
  const Sam2Config& config = stage.model.config();
  const int64_t grid = config.grid(), c = config.hidden_size, side = config.mask_side();
  HeadRequest request;
  request.image = (stage.has("features") ? to_nhwc(context, stage.device_input("features"))
                                         : stage.model.image_embedding(context, stage.features))
                      .reshape({1, grid * grid, c});
  if (stage.has("coords")) {
    request.sparse = sparse_prompts(stage);
  } else {
    const ModelPoint none{0.0f, 0.0f, -1};
    request.sparse = stage.model.prompts().sparse(context, {&none, 1}).reshape({1, 2, c});
  }
  if (stage.has("prev_logits"))
    request.dense = stage.model.prompts().dense(
        context, stage.device_input("prev_logits").reshape({1, side, side}));
  request.multimask = stage.attribute("multimask", 1.0) != 0.0;
  request.all_candidates = true;
  const HeadResult result = stage.model.heads().run(context, request, stage.features);
  const Tensor high = ops::resize_bilinear(context, result.low_res.reshape({1, side, side, 1}),
                                           config.image_size, config.image_size);
  return {{"low_res_multimasks", result.candidates},
          {"ious", result.candidate_ious},
          {"low_res_masks", result.low_res.reshape({1, 1, side, side})},
          {"high_res_masks", high.reshape({1, 1, config.image_size, config.image_size})},
          {"obj_ptr", result.pointers},
          {"object_score_logits", result.scores.reshape({1, 1})}};
}

NamedTensors run_decode(const Stage& stage) {
  Context& context = stage.context;
  const MaskDecoder& decoder = stage.model.decoder();
  const int64_t side = stage.model.config().mask_side();
  const Tensor sparse = sparse_prompts(stage);
  const int64_t batch = sparse.dim(0);
  const Tensor source =
      decoder_source(context, stage.model.prompts(),
                     stage.model.image_embedding(context, stage.features), {}, batch);
  const DecoderState state =
      decoder.transform(context, source, stage.model.prompts().image_positions(), sparse);
  std::vector<Tensor> masks;
  for (int64_t b = 0; b < batch; ++b) {
    const DecoderState entry = state.entries(b, b + 1);
    const Tensor upscaled = decoder.upscale(context, entry, stage.features);
    const Tensor weights = decoder.mask_weights(context, entry)[0];
    for (int64_t m = 0; m < MaskDecoder::kMasks; ++m)
      masks.push_back(decoder.mask(context, weights.slice(0, m, m + 1), upscaled));
  }
  return {
      {"low_res", ops::concat(context, masks, 0).reshape({batch, MaskDecoder::kMasks, side, side})},
      {"iou", decoder.ious(context, state)},
      {"object_score", decoder.object_scores(context, state).reshape({batch, 1})}};
}

NamedTensors run_mask_as_output(const Stage& stage) {
  const Sam2Config& config = stage.model.config();
  const int64_t side = config.mask_side(), size = config.image_size;
  const Tensor mask = place_mask(stage.context, stage.input("mask").reshape({size, size}), size);
  const HeadResult result = stage.model.heads().mask_as_output(stage.context, mask, stage.features);
  return {{"low_res_masks", result.low_res.reshape({1, 1, side, side})},
          {"obj_ptr", result.pointers},
          {"object_score_logits", result.scores.reshape({1, 1})},
          {"mask_downsample",
           stage.model.heads().reduce_mask(stage.context, mask).reshape({1, 1, side, side})}};
}

NamedTensors run_memory_encoder(const Stage& stage) {
  const Sam2Config& config = stage.model.config();
  const int64_t size = config.image_size;
  const int64_t grid = config.grid();
  MemoryEncoder::Request request;
  request.logits = stage.device_input("mask_logits").reshape({1, size, size});
  request.scores = stage.context.to_device(Tensor::from(
      std::vector<float>{static_cast<float>(stage.attribute("objectScore", 1.0))}, {1}));
  request.binarize = stage.attribute("binarize", 0.0) != 0.0;
  Collector collector(stage.context, "memenc.");
  const MemoryEncoder& encoder = stage.model.memory_encoder();
  const Tensor features = encoder.encode(stage.context, stage.features, request, false);
  const Shape map{1, grid, grid, features.dim(2)};
  NamedTensors out = std::move(collector.tensors);
  out["features"] = to_nchw(stage.context, features.reshape(map));
  out["pos"] = to_nchw(stage.context, encoder.positions().reshape(map));
  return out;
}

NamedTensors run_memory_attention(const Stage& stage) {
  Context& context = stage.context;
  const Tensor memory = stage.device_input("memory");
  const Tensor position = stage.device_input("memory_pos");
  const Shape rows{-1, stage.model.config().memory_encoder.channels};
  const auto pointers = static_cast<int64_t>(stage.attribute("pointerTokens", 0.0));
  MemorySequences sequences;
  sequences.memory = memory.reshape(rows);
  sequences.placed = ops::add(context, sequences.memory, position.reshape(rows));
  const int64_t tokens = sequences.memory.dim(0);
  require(pointers >= 0 && pointers <= tokens, Code::kInvalidArgument, "pointerTokens: got ",
          pointers, " of ", tokens, " tokens.");
  sequences.parts = {{0, tokens, pointers}};
  Collector collector(context, "memattn.");
  const Tensor out = stage.model.memory_attention().forward(context, stage.features, sequences);
  NamedTensors tensors = std::move(collector.tensors);
  tensors["out"] = out.reshape({out.dim(1), 1, out.dim(2)});
  return tensors;
}

NamedTensors run_pointer_position(const Stage& stage) {
  const Tensor& distances = stage.input("distances");
  const std::span<const float> values{distances.data<float>(),
                                      static_cast<size_t>(distances.numel())};
  return {{"sine1d", sine_code_1d(values, stage.model.config().hidden_size)},
          {"sine1d_projected", stage.model.assembler().pointer_positions(stage.context, values)}};
}

}  // namespace

NamedTensors run_stage(Context& context, const Model& model, ImageFeatures& features,
                       const std::string& stage, const NamedTensors& inputs,
                       const StageAttributes& attributes) {
  static const std::map<std::string, std::function<NamedTensors(const Stage&)>> kStages{
      {"heads", run_heads},
      {"decode", run_decode},
      {"mask_as_output", run_mask_as_output},
      {"memory_encoder", run_memory_encoder},
      {"memory_attention", run_memory_attention},
      {"pointer_position", run_pointer_position}};
  const auto at = kStages.find(stage);
  require(at != kStages.end(), Code::kInvalidArgument, "stage: ", stage, " is unknown.");
  model.check_features(features);
  NamedTensors outputs = at->second({context, model, features, inputs, attributes});
  for (auto& [name, tensor] : outputs) tensor = context.to_host(tensor);
  return outputs;
}

}  // namespace vmolmo::sam2
