#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vmolmo {

// A parsed JSON value. The engine reads JSON in one place only: the headers of safetensors files
// and the index of their shards. Strict (RFC 8259), without duplicate keys, at most 32 levels deep.
struct Json {
  enum class Kind : uint8_t { kNull, kBool, kInteger, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  bool boolean = false;
  int64_t integer = 0;  // kInteger: a number without fraction or exponent that fits
  double number = 0;    // kNumber and kInteger
  std::string text;
  std::vector<Json> items;
  std::vector<std::pair<std::string, Json>> members;

  bool is(Kind wanted) const { return kind == wanted; }
  // A member of an object, null when there is none.
  const Json* find(std::string_view key) const;
};

// Throws CHECKPOINT_INVALID with "<where>: <what is wrong> at byte <offset>".
Json parse_json(std::string_view text, const std::string& where);

}  // namespace vmolmo
