#include <limits>
#include <utility>

#include "native/weights/weight_source.h"
#include "test/native/tiny_models.h"

namespace vmolmo::test {
namespace {

Attributes tiny_vit() {
  return {{"imageSize", 28}, {"patchSize", 14}, {"width", 16}, {"heads", 2},
          {"headDim", 8},    {"mlpWidth", 24},  {"blocks", 3}, {"normEps", 1e-5}};
}

Attributes tiny_decoder_attributes() {
  const DecoderConfig config = tiny_decoder(false);
  return {{"width", config.width},
          {"blocks", config.blocks},
          {"heads", config.heads},
          {"kvHeads", config.kv_heads},
          {"mlpWidth", config.mlp_width},
          {"vocabSize", config.vocab_size},
          {"extraVocabSize", config.extra_vocab_size},
          {"maxPositions", config.max_positions},
          {"ropeTheta", config.rope_theta},
          {"normEps", double{config.norm_eps}},
          {"qkvBias", config.qkv_bias}};
}

// The model of tiny_pointer.
Attributes tiny_attributes() {
  return {
      {"vit", tiny_vit()},
      {"decoder", tiny_decoder_attributes()},
      {"preprocess", Attributes{{"marginBefore", 0}, {"marginAfter", 0}, {"maxCrops", 2}}},
      {"tokens", Attributes{{"start", 70}, {"end", 71}, {"patch", 72}, {"col", 73}, {"image", 74}}},
      {"vitLayers", Attribute::List{-1, -3}},
      {"bos", 69},
      {"eos", -1}};
}

Attributes& group(Attributes& attributes, const std::string& name) {
  return const_cast<Attributes&>(*attributes.at(name).map());
}

void set(Attributes& attributes, const char* name, Attribute value) {
  attributes.insert_or_assign(name, std::move(value));
}

// The message with which loading is refused.
std::string refusal(const std::string& family, const Attributes& attributes,
                    Code code = Code::kInvalidArgument) {
  try {
    load_pointer(family, attributes, hash_weights());
  } catch (const Error& error) {
    check(error.code() == code, "refused with ", code_name(error.code()), ": ", error.what());
    return error.what();
  }
  check(false, "nothing was refused");
  return {};
}

void check_says(const std::string& message, std::initializer_list<const char*> parts) {
  for (const char* part : parts)
    check(message.find(part) != std::string::npos, "\"", message, "\" does not say ", part);
}

TEST_CASE("families: a pointer by name and attributes answers like one by its configuration") {
  LoadOptions options;
  options.threads = 1;
  const auto pointer = load_pointer("molmo", tiny_attributes(), hash_weights(), options);
  check(ask_all(*pointer) == ask_all(*load(tiny_pointer({}, false))), "answers differ");
  check(pointer_families() == std::vector<std::string>{"molmo"} &&
            segmenter_families() == std::vector<std::string>{"sam2"},
        "other families than expected");
}

TEST_CASE("families: what is no attribute is refused by its name, and by what it should be") {
  Attributes wrong = tiny_attributes();
  set(group(wrong, "decoder"), "blocks", 2.5);
  check_says(refusal("molmo", wrong), {"attributes.decoder.blocks", "an integer from 1", "2.5"});
  wrong = tiny_attributes();
  set(group(wrong, "vit"), "blocks", -3);
  check_says(refusal("molmo", wrong), {"attributes.vit.blocks", "an integer", "-3"});
  wrong = tiny_attributes();
  set(group(wrong, "vit"), "width", "wide");
  check_says(refusal("molmo", wrong), {"attributes.vit.width", "the text 'wide'"});
  wrong = tiny_attributes();
  set(group(wrong, "decoder"), "layers", 3);
  check_says(refusal("molmo", wrong), {"attributes.decoder", "'layers'", "blocks"});
  wrong = tiny_attributes();
  set(wrong, "vitLayers", Attribute::List{-1, 0.5});
  check_says(refusal("molmo", wrong), {"attributes.vitLayers[1]", "0.5"});
  set(wrong, "vitLayers", Attribute::List{-7});
  check_says(refusal("molmo", wrong), {"attributes.vitLayers", "-7"});
  wrong = tiny_attributes();
  set(wrong, "decoder", Attribute(7));
  check_says(refusal("molmo", wrong), {"attributes.decoder", "the number 7"});
  wrong = tiny_attributes();
  set(group(wrong, "decoder"), "ropeTheta", std::numeric_limits<double>::quiet_NaN());
  check_says(refusal("molmo", wrong), {"attributes.decoder.ropeTheta", "a finite number"});
  check_says(refusal("moldo", tiny_attributes(), Code::kUnsupportedModel), {"moldo", "molmo"});
}

TEST_CASE("families: a segmenter's attributes are its own") {
  const auto refused = [](const Attributes& attributes) {
    try {
      load_segmenter("sam2", attributes, hash_weights());
    } catch (const Error& error) {
      check(error.code() == Code::kInvalidArgument, error.what());
      return std::string(error.what());
    }
    return std::string();
  };
  check_says(refused({{"trunk", Attributes{{"backgroundSize", Attribute::List{7}}}}}),
             {"attributes.trunk.backgroundSize", "two sizes"});
  check_says(refused({{"decoder", Attributes{{"heads", 0}}}}), {"attributes.decoder.heads", "0"});
  check_says(refused({{"vit", Attributes{}}}), {"'vit'", "trunk"});
  const SegmenterMemory any = segmenter_memory("sam2", {});
  check(any.objects > 1 && any.bytes > any.least_bytes, "the defaults have no plan");
  check(segmenter_memory("sam2", {}, {}, any.least_bytes).objects == 1, "more than fits");
}

TEST_CASE("attributes: JSON says the same, and null says nothing") {
  const Attributes parsed =
      parse_attributes(R"({"a": {"b": [1, 2.5, true, "x"], "none": null}, "c": -3})", "test");
  const Attributes& a = *parsed.at("a").map();
  check(!a.contains("none") && parsed.at("c").number() && *parsed.at("c").number() == -3.0, "c");
  const Attribute::List& list = *a.at("b").list();
  check(*list[1].number() == 2.5 && *list[2].boolean() && *list[3].text() == "x", "list");
  check_throws(Code::kCheckpointInvalid, [] { parse_attributes("[1]", "test"); });
}

// Remembers what a model takes, as the header of a file would list it.
class Remembering : public WeightSource {
 public:
  explicit Remembering(DType dtype) : source_(hash_weights({}, dtype)) {}
  bool has(const std::string& name) const override { return source_->has(name); }
  std::vector<TensorInfo> list() const override { return {}; }
  Tensor get(const std::string& name, const Shape& shape) override {
    const Tensor tensor = source_->get(name, shape);
    seen.push_back({name, tensor.dtype(), shape, {}});
    return tensor;
  }

  std::vector<TensorInfo> seen;

 private:
  std::shared_ptr<WeightSource> source_;
};

constexpr WeightDType kAll[] = {WeightDType::kStored, WeightDType::kF32,  WeightDType::kBF16,
                                WeightDType::kInt8,   WeightDType::kInt4, WeightDType::kFp4};

TEST_CASE("weight bytes: what is counted from a header is what the loader hands out") {
  Context context(1);
  for (const DType stored : {DType::kF32, DType::kBF16}) {
    for (const WeightDType dtype : kAll) {
      for (const auto device : {Device::Kind::kCpu, Device::Kind::kCuda}) {
        LoadOptions options;
        options.dtype = dtype;
        options.int4_group = 128;
        options.device.kind = device;
        const auto source = std::make_shared<Remembering>(stored);
        WeightLoader loader(source, molmo_tensors(), WeightPolicy(options), context.threads());
        const VideoMolmo model(context, tiny_pointer({}, true).config, loader);
        check(weight_bytes("molmo", {}, source->seen, options) == loader.bytes(), "dtype ",
              int(dtype), ", device ", int(device));
        if (dtype > WeightDType::kBF16) continue;
        const auto masks = std::make_shared<Remembering>(stored);
        WeightLoader masks_loader(masks, sam2::tensor_rules("original"), WeightPolicy(options),
                                  context.threads());
        const sam2::Model segmenter(tiny_segmenter({}).config, masks_loader, context);
        check(weight_bytes("sam2", {}, masks->seen, options) == masks_loader.bytes(),
              "segmenter, dtype ", int(dtype), ", device ", int(device));
      }
    }
  }
}

TEST_CASE("weight bytes: a loader's account is the memory of its tensors") {
  Context context(1);
  const auto held = [&](WeightDType dtype, const char* name, Shape shape) {
    WeightLoader loader(hash_weights(), molmo_tensors(),
                        WeightPolicy(dtype, 64, Device::Kind::kCuda), context.threads());
    const Weight weight = loader.linear(name, shape);
    check(static_cast<int64_t>(weight.bytes()) == loader.bytes(), name, " of dtype ", int(dtype));
    return weight.format;
  };
  using Format = Weight::Format;
  const char* layer = "model.transformer.blocks.0.att_proj.weight";
  const char* head = "model.transformer.ff_out.weight";
  const char* vision =
      "model.vision_backbone.image_vit.transformer.resblocks.0.attention.wq.weight";
  for (const int64_t inner : {64, 70, 96, 200}) {
    const Shape shape{5, inner};
    check(held(WeightDType::kInt8, layer, shape) == Format::kInt8, "int8");
    check(held(WeightDType::kInt4, layer, shape) == Format::kInt4, "int4");
    check(held(WeightDType::kInt4, head, shape) == Format::kInt8, "int4, head");
    check(held(WeightDType::kInt4, vision, shape) == Format::kPlain, "int4, vision");
    const Format fp4 = inner % 32 == 0 ? Format::kFp4 : Format::kPlain;
    check(held(WeightDType::kFp4, vision, shape) == fp4, "fp4, width ", inner);
    check(held(WeightDType::kFp4, head, shape) == Format::kPlain, "fp4, head");
  }
}

TEST_CASE("weight loader: a part that takes a tensor as something else is a fault of the family") {
  Context context(1);
  WeightLoader loader(hash_weights(), molmo_tensors(),
                      WeightPolicy(WeightDType::kInt8, 64, Device::Kind::kCpu), context.threads());
  check_throws(Code::kInternal,
               [&] { loader.f32("model.transformer.blocks.0.att_proj.weight", {4, 4}); });
  check_throws(Code::kInternal, [&] { loader.linear("model.transformer.ln_f.weight", {4, 4}); });
  check_throws(Code::kInternal,
               [&] { loader.matrix("model.transformer.blocks.0.att_proj.weight", {4, 4}); });
  check_throws(Code::kInvalidArgument,
               [] { WeightPolicy(WeightDType::kInt4, 32, Device::Kind::kCpu); });
}

}  // namespace
}  // namespace vmolmo::test
