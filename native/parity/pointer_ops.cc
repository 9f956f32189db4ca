// Parts of the pointer that golden sets test without a model.

#include <algorithm>

#include "native/molmo/preprocess.h"
#include "native/molmo/videomolmo.h"
#include "native/parity/op_registry.h"

namespace vmolmo::binding {
namespace {

// The constants of the released models, with the attributes that are given put in their place.
MolmoConfig config_from(const Attributes& attributes) {
  MolmoConfig config;
  const auto read = [&](const char* name, auto& field) {
    using Field = std::remove_reference_t<decltype(field)>;
    if (attributes.has(name)) field = static_cast<Field>(attributes.integer(name));
  };
  read("image_size", config.vit.image_size);
  read("patch_size", config.vit.patch_size);
  read("max_crops", config.preprocess.max_crops);
  read("margin_before", config.preprocess.margin_before);
  read("margin_after", config.preprocess.margin_after);
  read("start", config.tokens.start);
  read("end", config.tokens.end);
  read("patch", config.tokens.patch);
  read("col", config.tokens.col);
  read("image", config.tokens.image);
  read("bos", config.bos);
  return config;
}

// width_height i32 [N, 2] -> result i32 [N, 8]: rows, columns, scaled height and width of the
// high-resolution picture, the same of the global one, crops, image tokens.
Tensors molmo_layout(Context&, const Tensors& inputs, const Attributes& attributes) {
  const MolmoConfig config = config_from(attributes);
  const Tensor& sizes = input(inputs, "width_height");
  require(sizes.rank() == 2 && sizes.dim(1) == 2, Code::kInvalidArgument,
          "width_height must be [N, 2]; it is ", sizes.shape(), ".");
  std::vector<int32_t> result;
  for (int64_t i = 0; i < sizes.dim(0); ++i) {
    const int32_t* size = sizes.data<int32_t>() + 2 * i;
    const ImageLayout layout = plan_image(config, size[0], size[1]);
    for (const int64_t value :
         {layout.rows, layout.columns, layout.high_res.scaled_h, layout.high_res.scaled_w,
          layout.global.scaled_h, layout.global.scaled_w, layout.crops,
          static_cast<int64_t>(layout.tokens.size())}) {
      result.push_back(static_cast<int32_t>(value));
    }
  }
  return {{"result", Tensor::from(result, {sizes.dim(0), 8})}};
}

// image u8 [h, w, 3], prompt_ids i32 [n] (optional) -> crops, image_input_idx (behind BOS),
// image_masks, tiling, input_ids.
Tensors molmo_preprocess(Context& context, const Tensors& inputs, const Attributes& attributes) {
  const MolmoConfig config = config_from(attributes);
  const Tensor& image = input(inputs, "image");
  require(image.rank() == 3 && image.dim(2) == 3, Code::kInvalidArgument,
          "image must be [h, w, 3]; it is ", image.shape(), ".");
  const ops::ImageView view{image.data<uint8_t>(), image.dim(1), image.dim(0), 3, 3 * image.dim(1)};
  const ImageLayout layout = plan_image(config, view.width, view.height);
  std::vector<int32_t> prompt_ids;
  if (const auto found = inputs.find("prompt_ids"); found != inputs.end()) {
    const int32_t* ids = found->second.data<int32_t>();
    prompt_ids.assign(ids, ids + found->second.numel());
  }
  const TokenSequence sequence = build_sequence(config, layout.tokens, prompt_ids);
  std::vector<int32_t> positions = layout.cell_position;
  for (int32_t& position : positions)
    if (position >= 0) position += static_cast<int32_t>(sequence.image_begin);
  const int64_t patches = config.vit.grid() * config.vit.grid();
  const std::vector<int32_t> tiling{static_cast<int32_t>(layout.rows),
                                    static_cast<int32_t>(layout.columns)};
  return {{"crops", make_crops(context, config, layout, view, true)},
          {"image_input_idx", Tensor::from(positions, {layout.crops, layout.cells})},
          {"image_masks", Tensor::from(layout.masks, {layout.crops, patches})},
          {"tiling", Tensor::from(tiling, {2})},
          {"input_ids", Tensor::from(sequence.ids, {static_cast<int64_t>(sequence.ids.size())})}};
}

const Operation layout_operation("molmo_layout", molmo_layout);
const Operation preprocess_operation("molmo_preprocess", molmo_preprocess);

}  // namespace
}  // namespace vmolmo::binding
