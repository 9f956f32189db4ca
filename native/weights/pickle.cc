#include "native/weights/pickle.h"

#include <algorithm>
#include <utility>

#include "videomolmo/status.h"

namespace vmolmo {

namespace {

// A state dict of ten thousand tensors has about 200,000 values.
constexpr size_t kMaxValues = 2'000'000;
constexpr std::string_view kOrderedDict = "collections OrderedDict";

}  // namespace

class PickleMachine {
 public:
  using Kind = PickleValue::Kind;

  PickleMachine(std::span<const std::byte> bytes, std::span<const std::string_view> globals,
                const std::string& where, std::vector<PickleValue>& values)
      : bytes_(bytes), globals_(globals), where_(where), values_(values) {}

  // The value on top of the stack at STOP.
  uint32_t run() {
    while (true) {
      opcode_at_ = at_;
      const auto opcode = static_cast<uint8_t>(take(1)[0]);
      if (opcode == '.') return pop();
      step(opcode);
    }
  }

 private:
  template <typename... Parts>
  [[noreturn]] void reject(Parts&&... parts) const {
    fail(Code::kCheckpointInvalid, where_, ": ", std::forward<Parts>(parts)..., " at byte ",
         opcode_at_, ".");
  }

  void step(uint8_t opcode) {
    switch (opcode) {
      case 0x80:  // PROTO
        if (const uint64_t protocol = number(1); protocol > 5)
          reject("a pickle of the unknown protocol ", protocol);
        return;
      case '(':  // MARK
        marks_.push_back(stack_.size());
        return;
      case 'N':  // NONE
        return push({Kind::kNone, 0, {}, {}});
      case 0x88:  // NEWTRUE
      case 0x89:  // NEWFALSE
        return push({Kind::kBool, opcode == 0x88, {}, {}});
      case 'K':  // BININT1
        return push_integer(static_cast<int64_t>(number(1)));
      case 'M':  // BININT2
        return push_integer(static_cast<int64_t>(number(2)));
      case 'J':  // BININT
        return push_integer(static_cast<int32_t>(number(4)));
      case 0x8A:  // LONG1
        return push_integer(long_number());
      case 'G':  // BINFLOAT
        take(8);
        return push({Kind::kReal, 0, {}, {}});
      case 'X':  // BINUNICODE
        return push({Kind::kText, 0, text(number(4)), {}});
      case 0x8C:  // SHORT_BINUNICODE
        return push({Kind::kText, 0, text(number(1)), {}});
      case '}':  // EMPTY_DICT
        return push({Kind::kDict, 0, {}, {}});
      case ']':  // EMPTY_LIST
        return push({Kind::kList, 0, {}, {}});
      case ')':  // EMPTY_TUPLE
        return push({Kind::kTuple, 0, {}, {}});
      case 't':  // TUPLE
        return push({Kind::kTuple, 0, {}, pop_to_mark()});
      case 0x85:  // TUPLE1, TUPLE2, TUPLE3
      case 0x86:
      case 0x87:
        return push({Kind::kTuple, 0, {}, pop_many(opcode - 0x84u)});
      case 'a':  // APPEND
        return extend(Kind::kList, pop_many(1));
      case 'e':  // APPENDS
        return extend(Kind::kList, pop_to_mark());
      case 's':  // SETITEM
        return extend(Kind::kDict, pop_many(2));
      case 'u':  // SETITEMS
        return extend(Kind::kDict, pop_to_mark());
      case 'q':  // BINPUT
        return remember(number(1));
      case 'r':  // LONG_BINPUT
        return remember(number(4));
      case 0x94:  // MEMOIZE
        return remember(memo_.size());
      case 'h':  // BINGET
        return recall(number(1));
      case 'j':  // LONG_BINGET
        return recall(number(4));
      case 'c':  // GLOBAL
        return global();
      case 'R':  // REDUCE
        return call();
      case 'Q':  // BINPERSID
        return push({Kind::kPersistent, 0, {}, pop_many(1)});
      case 'b':  // BUILD
        return build();
      default:
        reject("the pickle's opcode ", int{opcode},
               " is not one that tensors need, and nothing else is read,");
    }
  }

  // --- bytes

  std::span<const std::byte> take(uint64_t count) {
    if (count > bytes_.size() - at_) reject("the pickle is cut off");
    const auto taken = bytes_.subspan(at_, count);
    at_ += count;
    return taken;
  }

  uint64_t number(size_t width) {
    uint64_t value = 0;
    const auto bytes = take(width);
    for (size_t i = width; i-- > 0;) value = value << 8 | static_cast<uint64_t>(bytes[i]);
    return value;
  }

  int64_t long_number() {
    const size_t width = number(1);
    if (width > 8) reject("a number of ", width, " bytes");
    if (width == 0) return 0;
    const auto value = number(width);
    // The upper bits are those of the sign.
    const unsigned unused = static_cast<unsigned>(64 - 8 * width);
    return static_cast<int64_t>(value << unused) >> unused;
  }

  std::string text(uint64_t length) {
    const auto bytes = take(length);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  std::string line() {
    const auto rest = bytes_.subspan(at_);
    const auto end = std::find(rest.begin(), rest.end(), std::byte{'\n'});
    std::string found = text(static_cast<uint64_t>(end - rest.begin()));
    take(1);
    return found;
  }

  // --- stack

  uint32_t add(PickleValue value) {
    if (values_.size() >= kMaxValues) reject("more than ", kMaxValues, " values");
    values_.push_back(std::move(value));
    return static_cast<uint32_t>(values_.size() - 1);
  }

  void push(PickleValue value) { stack_.push_back(add(std::move(value))); }
  void push_integer(int64_t value) { push({Kind::kInteger, value, {}, {}}); }

  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  std::vector<uint32_t> pop_many(size_t count) {
    if (stack_.size() - floor() < count)
      reject("the pickle takes more from its stack than is there");
    std::vector<uint32_t> taken(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return taken;
  }

  uint32_t pop() { return pop_many(1)[0]; }

  std::vector<uint32_t> pop_to_mark() {
    if (marks_.empty()) reject("the pickle ends a list that it did not begin");
    std::vector<uint32_t> taken = pop_many(stack_.size() - marks_.back());
    marks_.pop_back();
    return taken;
  }

  PickleValue& top(Kind kind) {
    if (stack_.size() <= floor() || !values_[stack_.back()].is(kind))
      reject("the pickle fills a value of the wrong kind");
    return values_[stack_.back()];
  }

  void extend(Kind kind, const std::vector<uint32_t>& items) {
    if (kind == Kind::kDict && items.size() % 2 != 0) reject("a key without a value");
    std::vector<uint32_t>& target = top(kind).items;
    target.insert(target.end(), items.begin(), items.end());
  }

  void remember(uint64_t key) {
    if (stack_.size() <= floor()) reject("the pickle remembers what is not there");
    memo_[key] = stack_.back();
  }

  void recall(uint64_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) reject("the pickle asks for value ", key, ", which it never kept,");
    stack_.push_back(found->second);
  }

  // --- names and calls

  void global() {
    const std::string module = line();
    std::string name = module + " " + line();
    if (std::find(globals_.begin(), globals_.end(), name) == globals_.end())
      reject("the pickle asks for \"", name.substr(0, 80),
             "\"; only tensors are read, and nothing is run,");
    push({Kind::kGlobal, 0, std::move(name), {}});
  }

  void call() {
    const std::vector<uint32_t> items = pop_many(2);
    const PickleValue& callee = values_[items[0]];
    if (!callee.is(Kind::kGlobal) || !values_[items[1]].is(Kind::kTuple))
      reject("the pickle calls what is no name");
    if (callee.text != kOrderedDict) return push({Kind::kCall, 0, {}, items});
    if (!values_[items[1]].items.empty()) reject("an OrderedDict that is not made empty");
    push({Kind::kDict, 0, {}, {}});
  }

  // A state dict's `_metadata`, which says nothing about its tensors.
  void build() {
    pop();
    top(Kind::kDict);
  }

  std::span<const std::byte> bytes_;
  std::span<const std::string_view> globals_;
  const std::string& where_;
  std::vector<PickleValue>& values_;
  std::vector<uint32_t> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, uint32_t> memo_;
  size_t at_ = 0;
  size_t opcode_at_ = 0;
};

Pickle::Pickle(std::span<const std::byte> bytes, std::span<const std::string_view> globals,
               std::string where) {
  root_ = PickleMachine(bytes, globals, where, values_).run();
}

}  // namespace vmolmo
