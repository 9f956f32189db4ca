#pragma once

#include <map>
#include <string>

#include "native/sam2/model.h"

namespace vmolmo::sam2 {

using StageAttributes = std::map<std::string, double>;

// One component on given tensors, in the layouts of the golden sets. For parity runs; the stages,
// their inputs and their results are listed with ParityAddon.runStage (test/parity/addon.ts).
NamedTensors run_stage(Context& context, const Model& model, ImageFeatures& features,
                       const std::string& stage, const NamedTensors& inputs,
                       const StageAttributes& attributes);

}  // namespace vmolmo::sam2
