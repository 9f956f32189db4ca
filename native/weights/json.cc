#include "native/weights/json.h"

#include <charconv>
#include <unordered_set>

#include "videomolmo/status.h"

namespace vmolmo {

namespace {

constexpr int kMaxDepth = 32;

void append_utf8(std::string& out, uint32_t point) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | (point >> 6));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | (point >> 12));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (point >> 18));
    out += static_cast<char>(0x80 | ((point >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  }
}

class Parser {
 public:
  Parser(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  Json document() {
    Json value = parse_value(0);
    skip_space();
    if (at_ != text_.size()) fail_here("unexpected text after the JSON value");
    return value;
  }

 private:
  [[noreturn]] void fail_here(const char* what) const {
    fail(Code::kCheckpointInvalid, where_, ": ", what, " at byte ", at_, ".");
  }

  void skip_space() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return;
      ++at_;
    }
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool accept(char c) {
    if (peek() != c || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }

  bool accept_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  Json parse_value(int depth) {
    if (depth > kMaxDepth) fail_here("JSON nested too deeply");
    skip_space();
    Json value;
    switch (peek()) {
      case '{':
        return parse_object(depth);
      case '[':
        return parse_array(depth);
      case '"':
        value.kind = Json::Kind::kString;
        value.text = parse_string();
        return value;
      case 't':
      case 'f':
        value.kind = Json::Kind::kBool;
        value.boolean = peek() == 't';
        if (!accept_word(value.boolean ? "true" : "false")) fail_here("not a JSON value");
        return value;
      case 'n':
        if (!accept_word("null")) fail_here("not a JSON value");
        return value;
      default:
        return parse_number();
    }
  }

  Json parse_object(int depth) {
    Json object;
    object.kind = Json::Kind::kObject;
    ++at_;
    skip_space();
    if (accept('}')) return object;
    std::unordered_set<std::string> seen;
    do {
      skip_space();
      if (peek() != '"') fail_here("expected a member name");
      std::string key = parse_string();
      if (!seen.insert(key).second) {
        fail(Code::kCheckpointInvalid, where_, ": the name \"", key, "\" occurs twice.");
      }
      skip_space();
      if (!accept(':')) fail_here("expected ':'");
      object.members.emplace_back(std::move(key), parse_value(depth + 1));
      skip_space();
    } while (accept(','));
    if (!accept('}')) fail_here("expected ',' or '}'");
    return object;
  }

  Json parse_array(int depth) {
    Json array;
    array.kind = Json::Kind::kArray;
    ++at_;
    skip_space();
    if (accept(']')) return array;
    do {
      array.items.push_back(parse_value(depth + 1));
      skip_space();
    } while (accept(','));
    if (!accept(']')) fail_here("expected ',' or ']'");
    return array;
  }

  uint32_t parse_hex4() {
    uint32_t value = 0;
    const std::string_view digits = text_.substr(at_, 4);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 4 || error != std::errc() || end != digits.data() + 4) {
      fail_here("expected four hexadecimal digits");
    }
    at_ += 4;
    return value;
  }

  uint32_t parse_code_point() {
    const uint32_t first = parse_hex4();
    if (first < 0xD800 || first > 0xDFFF) return first;
    if (first > 0xDBFF || !accept_word("\\u")) fail_here("lone surrogate");
    const uint32_t second = parse_hex4();
    if (second < 0xDC00 || second > 0xDFFF) fail_here("lone surrogate");
    return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
  }

  void parse_escape(std::string& out) {
    const char c = peek();
    ++at_;
    switch (c) {
      case '"':
      case '\\':
      case '/':
        out += c;
        return;
      case 'b':
        out += '\b';
        return;
      case 'f':
        out += '\f';
        return;
      case 'n':
        out += '\n';
        return;
      case 'r':
        out += '\r';
        return;
      case 't':
        out += '\t';
        return;
      case 'u':
        append_utf8(out, parse_code_point());
        return;
      default:
        --at_;
        fail_here("unknown escape");
    }
  }

  std::string parse_string() {
    ++at_;
    std::string out;
    for (;;) {
      if (at_ >= text_.size()) fail_here("unterminated string");
      const char c = text_[at_];
      if (static_cast<unsigned char>(c) < 0x20) fail_here("control character in a string");
      ++at_;
      if (c == '"') return out;
      if (c == '\\') {
        parse_escape(out);
      } else {
        out += c;
      }
    }
  }

  void skip_digits() {
    const size_t begin = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    if (at_ == begin) fail_here("not a JSON value");
  }

  Json parse_number() {
    const size_t begin = at_;
    accept('-');
    if (!accept('0')) skip_digits();
    bool integral = true;
    if (accept('.')) {
      integral = false;
      skip_digits();
    }
    if (accept('e') || accept('E')) {
      integral = false;
      if (!accept('+')) accept('-');
      skip_digits();
    }
    const char* first = text_.data() + begin;
    const char* last = text_.data() + at_;
    Json value;
    value.kind = Json::Kind::kNumber;
    if (std::from_chars(first, last, value.number).ec != std::errc()) {
      fail_here("number out of range");
    }
    if (integral && std::from_chars(first, last, value.integer).ec == std::errc()) {
      value.kind = Json::Kind::kInteger;
    }
    return value;
  }

  std::string_view text_;
  const std::string& where_;
  size_t at_ = 0;
};

}  // namespace

const Json* Json::find(std::string_view key) const {
  for (const auto& [name, value] : members) {
    if (name == key) return &value;
  }
  return nullptr;
}

Json parse_json(std::string_view text, const std::string& where) {
  return Parser(text, where).document();
}

}  // namespace vmolmo
