#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace vmolmo {

// One value of a pickle. Values lie in one list and refer to each other by index, so that no
// nesting, however deep, is ever walked by recursion.
struct PickleValue {
  enum class Kind : uint8_t {
    kNone,
    kBool,
    kInteger,
    kReal,  // its number is not kept: no checkpoint's tensors depend on one
    kText,
    kTuple,
    kList,
    kDict,        // items: key, value, key, value, ...
    kGlobal,      // text: "module name"
    kCall,        // items: a global, its arguments
    kPersistent,  // items: what identifies an object outside of the pickle
  };

  Kind kind = Kind::kNone;
  int64_t integer = 0;
  std::string text;
  std::vector<uint32_t> items;

  bool is(Kind wanted) const { return kind == wanted; }
};

// A pickle read by a machine that knows data and nothing else: the opcodes that torch.save writes
// for a state dict, and globals of a given list, which are names here, never looked up or called.
// Anything else is refused. What it takes is bounded by the pickle's own length.
class Pickle {
 public:
  // `where` names the pickle in messages. Throws CHECKPOINT_INVALID naming the byte.
  Pickle(std::span<const std::byte> bytes, std::span<const std::string_view> globals,
         std::string where);

  const PickleValue& root() const { return values_[root_]; }
  const PickleValue& at(uint32_t index) const { return values_[index]; }

 private:
  friend class PickleMachine;

  std::vector<PickleValue> values_;
  uint32_t root_ = 0;
};

}  // namespace vmolmo
