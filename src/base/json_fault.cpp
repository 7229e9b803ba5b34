// Why a text is not JSON, and where: a scanner of the grammar (RFC 8259) that knows what people's
// tools write instead. Nothing of the text gets into what it says.
#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"

namespace medgen::base {
namespace {

constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";

struct FaultAt {
  std::size_t byte = 0;  // from 0
  std::string_view why;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

class JsonScanner {
 public:
  explicit JsonScanner(std::string_view text) : text_(text) {
    if (text_.starts_with(kUtf8Mark)) at_ = kUtf8Mark.size();
  }

  // Stops at the first fault, if there is one.
  std::optional<FaultAt> scan() {
    while (!fault_) {
      at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size());
      if (at_ == text_.size()) {
        if (wants_ != Wants::kNothing) say_how_it_ends();
        break;
      }
      take(text_[at_]);
    }
    return fault_;
  }

  // The second of two equal keys of an object, as they are spelled.
  std::optional<std::size_t> repeated_key() const { return repeated_key_; }

 private:
  enum class Wants { kValue, kValueOrEnd, kKey, kKeyOrEnd, kColon, kCommaOrEnd, kNothing };

  void fail(std::size_t byte, std::string_view why) {
    if (!fault_) fault_ = FaultAt{byte, why};
  }

  void say_how_it_ends() {
    fail(at_, text_.find_first_not_of(" \t\r\n") == std::string_view::npos
                  ? "it is empty"
                  : "it ends in the middle, with a bracket or a value missing");
  }

  void take(char c) {
    switch (wants_) {
      case Wants::kNothing:
        return fail(at_, "something follows the end of the value; one value is read");
      case Wants::kColon:
        if (c != ':') return fail(at_, "a colon is missing after a name");
        ++at_;
        wants_ = Wants::kValue;
        return;
      case Wants::kCommaOrEnd:
        return take_comma_or_end(c);
      case Wants::kKey:
      case Wants::kKeyOrEnd:
        return take_key(c);
      case Wants::kValue:
      case Wants::kValueOrEnd:
        return take_value(c);
    }
  }

  void take_comma_or_end(char c) {
    if (c == ',') {
      comma_ = at_++;
      wants_ = open_.back() == '{' ? Wants::kKey : Wants::kValue;
    } else if (c == ']' || c == '}') {
      close(c);
    } else {
      fail(at_, "a comma or a closing bracket is missing");
    }
  }

  void close(char c) {
    if ((open_.back() == '{') != (c == '}')) {
      return fail(at_, "a bracket of the other kind closes it");
    }
    if (open_.back() == '{') keys_.pop_back();
    open_.pop_back();
    ++at_;
    end_value();
  }

  void end_value() { wants_ = open_.empty() ? Wants::kNothing : Wants::kCommaOrEnd; }

  void take_key(char c) {
    if (c == '}') {
      if (wants_ == Wants::kKey) return fail(comma_, "a comma before a closing bracket");
      return close(c);
    }
    if (c == '\'') return fail(at_, "a single quote; names and texts stand in double quotes");
    if (c != '"') return fail(at_, "a name without double quotes");
    const std::size_t begin = at_;
    take_string();
    if (!keys_.back().insert(std::string(text_.substr(begin, at_ - begin))).second &&
        !repeated_key_) {
      repeated_key_ = begin;
    }
    wants_ = Wants::kColon;
  }

  void take_value(char c) {
    if (c == '{' || c == '[') {
      open_.push_back(c);
      if (c == '{') keys_.emplace_back();
      ++at_;
      wants_ = c == '{' ? Wants::kKeyOrEnd : Wants::kValueOrEnd;
    } else if (c == '"') {
      take_string();
      end_value();
    } else if (c == ']' || c == '}') {
      if (c == ']' && wants_ == Wants::kValueOrEnd) return close(c);
      const bool after_comma = c == ']' && !open_.empty() && open_.back() == '[';
      fail(after_comma ? comma_ : at_,
           after_comma ? "a comma before a closing bracket" : "a value is missing");
    } else if (is_digit(c) || c == '-' || c == '+' || c == '.') {
      take_number();
    } else {
      take_word(c);
    }
  }

  void take_word(char c) {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_letter(text_[at_])) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    const auto is_one_of = [&](std::initializer_list<std::string_view> words) {
      return std::find(words.begin(), words.end(), word) != words.end();
    };
    if (is_one_of({"null", "true", "false"})) return end_value();
    if (is_one_of({"NaN", "nan", "NAN", "Infinity", "inf", "Inf"})) {
      return fail(begin, "NaN or Infinity, which JSON does not know; write null");
    }
    if (is_one_of({"None", "True", "False"})) {
      return fail(begin, "a value as Python prints it; JSON has null, true and false");
    }
    if (c == '\'') return fail(begin, "a single quote; names and texts stand in double quotes");
    if (c == '/' || c == '#') return fail(begin, "a comment, which JSON does not have");
    if (c == ',') return fail(begin, "a value is missing before a comma");
    if (!word.empty()) return fail(begin, "a word without double quotes");
    fail(begin, "a character that begins no value");
  }

  // As many digits as follow; false if none.
  bool take_digits() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    return at_ > begin;
  }

  void take_number() {
    constexpr std::string_view why =
        "a number that is not written as in JSON, such as 0.5, -3 or 1e6";
    const std::size_t begin = at_;
    if (text_[at_] == '-' || text_[at_] == '+') ++at_;
    if (text_.substr(at_).starts_with("Inf") || text_.substr(at_).starts_with("inf") ||
        text_.substr(at_).starts_with("NaN")) {
      return fail(begin, "NaN or Infinity, which JSON does not know; write null");
    }
    const std::size_t digits = at_;
    bool good = text_[begin] != '+' && take_digits();
    good = good && (text_[digits] != '0' || at_ == digits + 1);
    if (good && at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      good = take_digits();
    }
    if (good && at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      if (at_ < text_.size() && (text_[at_] == '-' || text_[at_] == '+')) ++at_;
      good = take_digits();
    }
    if (!good) return fail(begin, why);
    end_value();
  }

  // From its first quote to behind its last.
  void take_string() {
    const std::size_t begin = at_++;
    while (!fault_) {
      if (at_ >= text_.size()) return fail(begin, "a text whose closing quote is missing");
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') {
        ++at_;
        return;
      }
      if (c == '\\') {
        take_escape();
      } else if (c < 0x20) {
        fail(at_,
             "a line break, tab or other control character within a text; write it as \\n, "
             "\\t or \\u0000 to \\u001f");
      } else {
        take_character();
      }
    }
  }

  void take_character() {
    const std::string_view rest = text_.substr(at_);
    utf8proc_int32_t code = 0;
    const auto taken = utf8proc_iterate(
        reinterpret_cast<const utf8proc_uint8_t*>(rest.data()),
        static_cast<utf8proc_ssize_t>(std::min<std::size_t>(rest.size(), 4)), &code);
    if (taken < 1) return fail(at_, "a byte that is not UTF-8; convert the file to UTF-8");
    at_ += static_cast<std::size_t>(taken);
  }

  // The four digits of an escape at `at`; none if they are not.
  std::optional<std::uint32_t> hex_at(std::size_t at) const {
    if (text_.substr(at, 2) != "\\u" || text_.size() < at + 6) return std::nullopt;
    std::uint32_t value = 0;
    for (const char c : text_.substr(at + 2, 4)) {
      const bool letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
      if (!is_digit(c) && !letter) return std::nullopt;
      value =
          value * 16 + static_cast<std::uint32_t>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
  }

  void take_escape() {
    const std::size_t begin = at_;
    const char kind = begin + 1 < text_.size() ? text_[begin + 1] : '"';
    if (kind != 'u') {
      at_ += 2;
      if (std::string_view("\"\\/bfnrt").find(kind) == std::string_view::npos) {
        fail(begin, "a backslash that begins no escape of JSON; write it as \\\\");
      }
      return;
    }
    const auto first = hex_at(begin);
    if (!first) return fail(begin, "\\u without four hexadecimal digits");
    at_ += 6;
    constexpr std::string_view half =
        "half of a pair of surrogates (\\ud800 to \\udfff) without its other half";
    if (*first >= 0xDC00 && *first <= 0xDFFF) return fail(begin, half);
    if (*first < 0xD800 || *first > 0xDBFF) return;
    const auto second = hex_at(at_);
    if (!second || *second < 0xDC00 || *second > 0xDFFF) return fail(begin, half);
    at_ += 6;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t comma_ = 0;  // the last one
  Wants wants_ = Wants::kValue;
  std::vector<char> open_;
  std::vector<std::set<std::string>> keys_;  // of each object that is open
  std::optional<std::size_t> repeated_key_;
  std::optional<FaultAt> fault_;
};

// "line 3, column 5", or "column 5" of a text of one line; columns are characters.
std::string place_of_byte(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, byte);
  const std::size_t line_break = before.rfind('\n');
  const std::string_view line =
      line_break == std::string_view::npos ? before : before.substr(line_break + 1);
  const auto column = 1 + std::count_if(line.begin(), line.end(), [](char c) {
                        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
                      });
  const std::string_view all_but_end = text.substr(0, text.find_last_not_of("\r\n") + 1);
  if (all_but_end.find('\n') == std::string_view::npos) return fmt::format("column {}", column);
  return fmt::format("line {}, column {}", 1 + std::count(before.begin(), before.end(), '\n'),
                     column);
}

}  // namespace

std::string json_syntax_fault(std::string_view text) {
  const auto fault = JsonScanner(text).scan();
  return fault ? fmt::format("{}: {}", place_of_byte(text, fault->byte), fault->why) : "";
}

std::string json_repeated_key(std::string_view text) {
  JsonScanner scanner(text);
  scanner.scan();
  const auto byte = scanner.repeated_key();
  return byte ? place_of_byte(text, *byte) : "";
}

}  // namespace medgen::base
