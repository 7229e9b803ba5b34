// Looks for stop strings in text that arrives in pieces: see stop_strings.h.
#include "text/stop_strings.h"

#include <algorithm>

#include "medgen/error.h"
#include "text/utf8.h"

namespace medgen::text {

StopMatcher::StopMatcher(const std::vector<std::string>& stop_strings, bool include)
    : include_(include) {
  for (const std::string& text : stop_strings) {
    if (text.empty()) {
      throw Error(ErrorCode::kUsage,
                  "a stop string is empty; give at least one character, or leave it out");
    }
    require_utf8(text, "a stop string");
    Pattern pattern{text, std::vector<std::size_t>(text.size(), 0)};
    for (std::size_t i = 1; i < text.size(); ++i) {
      std::size_t length = pattern.fallback[i - 1];
      while (length > 0 && text[length] != text[i]) length = pattern.fallback[length - 1];
      pattern.fallback[i] = length + (text[length] == text[i] ? 1 : 0);
    }
    patterns_.push_back(std::move(pattern));
  }
}

bool StopMatcher::Pattern::feed(char byte) {
  while (length > 0 && text[length] != byte) length = fallback[length - 1];
  if (text[length] == byte) ++length;
  return length == text.size();
}

std::string StopMatcher::push(std::string_view piece) {
  if (matched_) return {};
  for (const char byte : piece) {
    held_ += byte;
    std::size_t match = 0;
    for (Pattern& pattern : patterns_) {
      if (pattern.feed(byte)) match = std::max(match, pattern.text.size());
    }
    if (match > 0) {
      matched_ = true;
      if (!include_) held_.resize(held_.size() - match);
      return std::move(held_);
    }
  }
  // The longest prefix of a stop string that the text ends with. It starts where a character
  // starts, as stop strings do.
  std::size_t keep = 0;
  for (const Pattern& pattern : patterns_) keep = std::max(keep, pattern.length);
  std::string safe = held_.substr(0, held_.size() - keep);
  held_.erase(0, safe.size());
  return safe;
}

std::string StopMatcher::flush() {
  if (matched_) return {};
  for (Pattern& pattern : patterns_) pattern.length = 0;
  std::string rest;
  rest.swap(held_);
  return rest;
}

}  // namespace medgen::text
