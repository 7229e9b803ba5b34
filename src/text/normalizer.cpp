// See the header. Unicode's tables are utf8proc's; what is not is the order of combining marks, for
// which it takes time by the square of how many stand in a row.
#include "text/normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "medgen/error.h"
#include "text/characters.h"
#include "text/utf8.h"

namespace medgen::text {
namespace {

using CodePoints = std::vector<utf8proc_int32_t>;

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

int combining_class(utf8proc_int32_t code) {
  return static_cast<int>(utf8proc_get_property(code)->combining_class);
}

CodePoints decomposed(std::string_view text, bool compatible) {
  const int options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0);
  CodePoints result;
  result.reserve(text.size());
  std::array<utf8proc_int32_t, 64> parts{};  // of one character; Unicode's longest takes 18
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint character = code_point_at(text, at);
    at += character.size;
    int boundary = 0;
    const auto count =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(character.code), parts.data(),
                                parts.size(), static_cast<utf8proc_option_t>(options), &boundary);
    if (count < 0) throw Error(ErrorCode::kRuntime, utf8proc_errmsg(count));
    result.insert(result.end(), parts.begin(), parts.begin() + count);
  }
  return result;
}

void put_marks_in_order(CodePoints& codes) {
  const auto is_mark = [](utf8proc_int32_t code) { return combining_class(code) != 0; };
  for (auto at = codes.begin(); at != codes.end();) {
    const auto first = std::find_if(at, codes.end(), is_mark);
    const auto last = std::find_if_not(first, codes.end(), is_mark);
    std::ranges::stable_sort(first, last, {}, combining_class);
    at = last;
  }
}

std::string unicode_form(std::string_view text, bool compatible, bool composed) {
  if (is_ascii(text)) return std::string(text);
  CodePoints codes = decomposed(text, compatible);
  put_marks_in_order(codes);
  if (composed) {
    const auto count = utf8proc_normalize_utf32(
        codes.data(), static_cast<utf8proc_ssize_t>(codes.size()),
        static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    if (count < 0) throw Error(ErrorCode::kRuntime, utf8proc_errmsg(count));
    codes.resize(static_cast<std::size_t>(count));
  }
  std::string result;
  result.reserve(text.size());
  for (const utf8proc_int32_t code : codes) append_utf8(result, static_cast<char32_t>(code));
  return result;
}

std::string lowercase(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint character = code_point_at(text, at);
    at += character.size;
    if (character.code == 0x130) {  // the only one that becomes two: an i, and its dot
      result += "i\u0307";
      continue;
    }
    append_utf8(result, static_cast<char32_t>(
                            utf8proc_tolower(static_cast<utf8proc_int32_t>(character.code))));
  }
  return result;
}

std::string_view without_spaces_before(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && is_white_space(code_point_at(text, at).code))
    at += code_point_at(text, at).size;
  return text.substr(at);
}

std::string_view without_spaces_after(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0 && is_white_space(code_point_before(text, end).code))
    end -= code_point_before(text, end).size;
  return text.substr(0, end);
}

}  // namespace

std::string normalized(std::string_view text, const std::vector<NormalizerStep>& steps) {
  std::string result(text);
  for (const NormalizerStep step : steps) {
    switch (step) {
      case NormalizerStep::kNfc:
        result = unicode_form(result, false, true);
        break;
      case NormalizerStep::kNfd:
        result = unicode_form(result, false, false);
        break;
      case NormalizerStep::kNfkc:
        result = unicode_form(result, true, true);
        break;
      case NormalizerStep::kNfkd:
        result = unicode_form(result, true, false);
        break;
      case NormalizerStep::kLowercase:
        result = lowercase(result);
        break;
      case NormalizerStep::kStripLeft:
        result = std::string(without_spaces_before(result));
        break;
      case NormalizerStep::kStripRight:
        result = std::string(without_spaces_after(result));
        break;
    }
  }
  return result;
}

}  // namespace medgen::text
