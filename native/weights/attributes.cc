#include "videomolmo/attributes.h"

#include "native/weights/json.h"
#include "videomolmo/status.h"

namespace vmolmo {
namespace {

Attributes map_of(const Json& object);

Attribute attribute_of(const Json& value) {
  switch (value.kind) {
    case Json::Kind::kBool:
      return value.boolean;
    case Json::Kind::kString:
      return value.text;
    case Json::Kind::kArray: {
      Attribute::List list;
      for (const Json& item : value.items) list.push_back(attribute_of(item));
      return list;
    }
    case Json::Kind::kObject:
      return map_of(value);
    default:
      return value.number;
  }
}

Attributes map_of(const Json& object) {
  Attributes attributes;
  for (const auto& [name, value] : object.members)
    if (!value.is(Json::Kind::kNull)) attributes.emplace(name, attribute_of(value));
  return attributes;
}

}  // namespace

Attributes parse_attributes(const std::string& json, const std::string& where) {
  const Json value = parse_json(json, where);
  require(value.is(Json::Kind::kObject), Code::kCheckpointInvalid, where,
          ": expected a JSON object of attributes.");
  return map_of(value);
}

}  // namespace vmolmo
