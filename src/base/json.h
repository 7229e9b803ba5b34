// JSON from outside, bounded before it is read. Every reader comes through here: the library
// parses without recursion, but copies, compares and prints its values with a call for each level.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace medgen::base {

// Nothing that medgen reads is nested ten deep.
constexpr int kMaxJsonDepth = 64;
// A value takes up to 100 bytes. A tokenizer.json of 256,000 tokens with merges has 1.8 million.
constexpr std::size_t kMaxJsonValues = std::size_t{1} << 21U;
// Of one object that keeps its order. nlohmann's looks through all members for each that is added,
// so that more take time with their square.
constexpr int kMaxJsonMembers = 8192;

// The deepest nesting of brackets outside strings; arbitrary for text that is not JSON.
int json_depth(std::string_view text);
// The members of the object that has the most, if it has more than one; arbitrary likewise.
std::size_t json_members(std::string_view text);
bool json_is_bounded(std::string_view text);
// The same for objects that keep their order.
bool ordered_json_is_bounded(std::string_view text);

template <typename Json>
bool is_bounded_for(std::string_view text) {
  return std::is_same_v<Json, nlohmann::ordered_json> ? ordered_json_is_bounded(text)
                                                      : json_is_bounded(text);
}

// Discarded if `text` is not JSON or beyond the limits. Of two members with one key the last
// counts.
template <typename Json>
Json parse_json(std::string_view text) {
  if (!is_bounded_for<Json>(text)) return Json(Json::value_t::discarded);
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

// The same with the library's callback, which sees values as they are read.
template <typename Json, typename Watch>
Json parse_json(std::string_view text, Watch&& watch) {
  if (!is_bounded_for<Json>(text)) return Json(Json::value_t::discarded);
  return Json::parse(text, std::forward<Watch>(watch), /*allow_exceptions=*/false);
}

// Hands the parts of `text` to a reader that bounds what it keeps; depth costs nothing here.
template <typename Json, typename Reader>
bool read_json(std::string_view text, Reader& reader) {
  return Json::sax_parse(text, &reader);
}

// What a discarded text is, to follow "it is": the limit that it exceeds or the member whose number
// is too large; if it is not JSON at all `otherwise`, with the place and the cause: "not JSON
// (column 7: a comma before a closing bracket)". An empty `otherwise` stays empty. Quotes nothing
// else of it.
std::string json_fault(std::string_view text, std::string_view otherwise);
// The values of an object's members as they are spelled, in their order, without blanks around or
// between their parts. `object` must be JSON.
std::vector<std::string> json_member_texts(std::string_view object);

// A key in a message, in quotes: short, and without what could end them or a line.
std::string json_key_shown(const std::string& key);
// Why and where a text is not JSON: "line 3, column 7: a comma before a closing bracket", without
// the line for a text of one. Empty for JSON.
std::string json_syntax_fault(std::string_view text);
// Where an object has a key for the second time, in the same words; empty if none has.
std::string json_repeated_key(std::string_view text);

}  // namespace medgen::base
