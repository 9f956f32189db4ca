#include <algorithm>
#include <utility>

#include "native/layers/family.h"
#include "native/molmo/family.h"
#include "native/sam2/family.h"

namespace vmolmo {
namespace {

// Made at the first call, so that registrations of other files may come before.
std::vector<const PointerFamily*>& pointers() {
  static std::vector<const PointerFamily*> table{
      &kMolmoFamily,
  };
  return table;
}

std::vector<const SegmenterFamily*>& segmenters() {
  static std::vector<const SegmenterFamily*> table{
      &sam2::kFamily,
  };
  return table;
}

template <typename Family>
std::vector<std::string> names_of(const std::vector<const Family*>& table) {
  std::vector<std::string> names;
  for (const Family* family : table) names.emplace_back(family->name);
  return names;
}

template <typename Family>
const Family* find(const std::vector<const Family*>& table, const std::string& name) {
  const auto at =
      std::ranges::find_if(table, [&](const Family* family) { return family->name == name; });
  return at == table.end() ? nullptr : *at;
}

template <typename Family>
const Family& require_family(const std::vector<const Family*>& table, const std::string& name,
                             const char* what) {
  const Family* family = find(table, name);
  if (family) return *family;
  std::string known;
  for (const std::string& one : names_of(table)) known += (known.empty() ? "" : ", ") + one;
  fail(Code::kUnsupportedModel, "family: expected one of ", what, " (", known, "), got '", name,
       "'.");
}

const PointerFamily& pointer_family(const std::string& name) {
  return require_family(pointers(), name, "pointers");
}

const SegmenterFamily& segmenter_family(const std::string& name) {
  return require_family(segmenters(), name, "segmenters");
}

}  // namespace

FamilyRegistration::FamilyRegistration(const PointerFamily& family) {
  pointers().push_back(&family);
}
FamilyRegistration::FamilyRegistration(const SegmenterFamily& family) {
  segmenters().push_back(&family);
}

std::vector<std::string> pointer_families() { return names_of(pointers()); }
std::vector<std::string> segmenter_families() { return names_of(segmenters()); }

std::unique_ptr<Pointer> load_pointer(const std::string& family, const Attributes& attributes,
                                      std::shared_ptr<WeightSource> weights,
                                      const LoadOptions& options) {
  return pointer_family(family).load(attributes, std::move(weights), options);
}

std::unique_ptr<Segmenter> load_segmenter(const std::string& family, const Attributes& attributes,
                                          std::shared_ptr<WeightSource> weights,
                                          const LoadOptions& options) {
  return segmenter_family(family).load(attributes, std::move(weights), options);
}

PointerMemory pointer_memory(const std::string& family, const Attributes& attributes, Device device,
                             size_t available) {
  return pointer_family(family).memory(attributes, device.kind, available);
}

SegmenterMemory segmenter_memory(const std::string& family, const Attributes& attributes,
                                 Device device, size_t available) {
  return segmenter_family(family).memory(attributes, device.kind, available);
}

int64_t weight_bytes(const std::string& family, const Attributes& attributes,
                     std::span<const TensorInfo> tensors, const LoadOptions& options) {
  const PointerFamily* pointer = find(pointers(), family);
  const TensorRules rules = pointer ? pointer->tensors(attributes, options.names)
                                    : segmenter_family(family).tensors(attributes, options.names);
  return weight_bytes(tensors, rules, WeightPolicy(options));
}

}  // namespace vmolmo
