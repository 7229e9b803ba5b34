// See the header.
#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/json_watcher.h"

namespace medgen::base {
namespace {

struct JsonExtent {
  int depth = 0;
  std::size_t values = 1;    // at least as many as there are
  std::int64_t members = 0;  // of the object that has the most, counted by its commas
};

// Agrees with the library on where strings begin and end as far as the text is JSON.
JsonExtent extent_of(std::string_view text) {
  JsonExtent extent;
  int depth = 0;
  // So far, of what is open at each depth; of a list far below nothing.
  constexpr std::int64_t kOfAList = -(std::int64_t{1} << 40U);
  std::array<std::int64_t, kMaxJsonDepth + 1> members{};
  const auto members_here = [&]() -> std::int64_t& {
    return members[static_cast<std::size_t>(std::clamp(depth, 0, kMaxJsonDepth))];
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
      case '"':
        for (++i; i < text.size() && text[i] != '"'; ++i) {
          if (text[i] == '\\') ++i;
        }
        break;
      case '[':
      case '{':
        extent.depth = std::max(extent.depth, ++depth);
        ++extent.values;
        members_here() = text[i] == '{' ? 1 : kOfAList;
        break;
      case ']':
      case '}':
        --depth;
        break;
      case ',':
        ++extent.values;
        extent.members = std::max(extent.members, ++members_here());
        break;
      default:
        break;
    }
  }
  return extent;
}

// Keeps the last key, and whether a number is why the library stops.
class FaultFinder : public JsonWatcher {
 public:
  bool key(std::string& name) override {
    key_ = name;
    return true;
  }
  bool parse_error(std::size_t byte, const std::string&,
                   const nlohmann::json::exception& error) override {
    constexpr int kNumberOutOfRange = 406;
    number_ = error.id == kNumberOutOfRange;
    byte_ = byte;
    return false;
  }

  bool found() const { return byte_ > 0; }
  bool number() const { return number_; }
  std::size_t byte() const { return byte_; }  // where the library stopped, from 1
  const std::string& last_key() const { return key_; }

 private:
  bool number_ = false;
  std::size_t byte_ = 0;
  std::string key_;
};

FaultFinder find_fault(std::string_view text) {
  FaultFinder finder;
  nlohmann::json::sax_parse(text, &finder);
  return finder;
}

// Whether the library stopped in a NaN or Infinity, which Python writes though JSON has none.
// `byte` is counted from 1, and lies in the word or at its end.
bool is_not_finite(std::string_view text, std::size_t byte) {
  constexpr std::size_t kLongest = 9;  // "-Infinity"
  const std::size_t from = byte > kLongest ? byte - kLongest : 0;
  const std::string_view near = text.substr(std::min(from, text.size()), 2 * kLongest);
  return near.find("NaN") != std::string_view::npos ||
         near.find("Infinity") != std::string_view::npos;
}

}  // namespace

std::vector<std::string> json_member_texts(std::string_view object) {
  std::vector<std::string> texts;
  int depth = 0;
  bool in_value = false;
  for (std::size_t i = 0; i < object.size(); ++i) {
    const char c = object[i];
    if (c == '"') {
      const std::size_t begin = i;
      for (++i; i < object.size() && object[i] != '"'; ++i) {
        if (object[i] == '\\') ++i;
      }
      if (in_value) texts.back() += object.substr(begin, i + 1 - begin);
      continue;
    }
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    if (c == '}' || c == ']') --depth;
    if (depth == 1 && c == ':' && !in_value) {
      texts.emplace_back();
      in_value = true;
    } else if (depth == 0 || (depth == 1 && c == ',')) {
      in_value = false;
    } else if (in_value) {
      texts.back() += c;
    }
    if (c == '{' || c == '[') ++depth;
  }
  return texts;
}

std::string json_key_shown(const std::string& key) {
  constexpr std::size_t kLongest = 40;
  const std::string text =
      nlohmann::json(key).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return text.size() <= kLongest + 2 ? text : text.substr(0, kLongest) + "...\"";
}

int json_depth(std::string_view text) { return extent_of(text).depth; }

std::size_t json_members(std::string_view text) {
  return static_cast<std::size_t>(std::max<std::int64_t>(extent_of(text).members, 0));
}

bool json_is_bounded(std::string_view text) {
  const JsonExtent extent = extent_of(text);
  return extent.depth <= kMaxJsonDepth && extent.values <= kMaxJsonValues;
}

bool ordered_json_is_bounded(std::string_view text) {
  const JsonExtent extent = extent_of(text);
  return extent.depth <= kMaxJsonDepth && extent.values <= kMaxJsonValues &&
         extent.members <= kMaxJsonMembers;
}

std::string json_fault(std::string_view text, std::string_view otherwise) {
  const JsonExtent extent = extent_of(text);
  if (extent.depth > kMaxJsonDepth) {
    return fmt::format("nested more deeply than {} levels", kMaxJsonDepth);
  }
  if (extent.values > kMaxJsonValues) {
    return fmt::format("JSON of more than {} values", kMaxJsonValues);
  }
  const FaultFinder finder = find_fault(text);
  if (!finder.found() && extent.members > kMaxJsonMembers) {
    return fmt::format("JSON with an object of more than {} members", kMaxJsonMembers);
  }
  if (!finder.number()) {
    const std::string why = otherwise.empty() ? "" : json_syntax_fault(text);
    if (why.empty()) return std::string(otherwise);
    const bool named = is_not_finite(text, finder.byte()) && !finder.last_key().empty();
    return fmt::format("{} ({}{})", otherwise, why,
                       named ? ", under " + json_key_shown(finder.last_key()) : "");
  }
  if (finder.last_key().empty()) return "JSON with a number that is too large (above 1.8e308)";
  return fmt::format("JSON with a number that is too large (above 1.8e308) under {}",
                     json_key_shown(finder.last_key()));
}

}  // namespace medgen::base
