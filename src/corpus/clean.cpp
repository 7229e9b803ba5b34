// Cleaning, one pass for each kind of thing that does not belong in plain text.
#include "corpus/clean.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>

#include "medgen/error.h"
#include "text/utf8.h"

namespace medgen::corpus {
namespace {

using Names = std::initializer_list<std::string_view>;

constexpr std::size_t kLongestTag = 2000;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

char lower(char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

bool is_one_of(std::string_view name, Names names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool breaks_line(std::string_view name) {
  return is_one_of(name, {"p",     "br",     "div",    "li",   "ul",      "ol",      "tr",
                          "table", "h1",     "h2",     "h3",   "h4",      "h5",      "h6",
                          "hr",    "dl",     "dt",     "dd",   "section", "article", "blockquote",
                          "pre",   "header", "footer", "body", "html",    "head",    "title"});
}

bool is_inline(std::string_view name) {
  return is_one_of(
      name, {"a",    "abbr",   "b",     "big",   "center", "cite",      "code",   "em",    "font",
             "i",    "img",    "ins",   "del",   "kbd",    "label",     "link",   "mark",  "meta",
             "q",    "s",      "samp",  "small", "span",   "strike",    "strong", "sub",   "sup",
             "td",   "th",     "thead", "tbody", "tt",     "u",         "var",    "input", "button",
             "form", "iframe", "nav",   "main",  "figure", "figcaption"});
}

// Looks for what ends an element. What does not come any more is remembered, so that a text of
// nothing but beginnings is looked through once and not once for each of them.
class Ends {
 public:
  explicit Ends(std::string_view text) : text_(text) {}

  // Where `end`, which is in lower case, begins, from `at` on; npos if it does not come.
  // The case of the text's letters does not count.
  std::size_t find(const std::string& end, std::size_t at) {
    if (missing_.contains(end)) return text_.npos;
    const auto begin = text_.begin() + static_cast<std::ptrdiff_t>(at);
    const auto found = std::search(begin, text_.end(), end.begin(), end.end(),
                                   [](char a, char b) { return lower(a) == b; });
    looked_at_ += static_cast<std::uint64_t>(found - begin);
    if (found == text_.end()) missing_.insert(end);
    return found == text_.end() ? text_.npos : static_cast<std::size_t>(found - text_.begin());
  }

  // Where the '>' of a tag is, if it is not too long.
  std::size_t find_bracket(std::size_t begin, std::size_t at) {
    const std::size_t end = text_.substr(begin, kLongestTag).find('>', at - begin);
    looked_at_ += std::min(end, kLongestTag);
    return end == text_.npos ? end : begin + end;
  }

  std::uint64_t looked_at() const { return looked_at_; }

 private:
  std::string_view text_;
  std::set<std::string> missing_;
  std::uint64_t looked_at_ = 0;
};

struct Tag {
  std::size_t length = 0;  // from '<' to '>' or to the end of the element
  bool line_break = false;
};

// The HTML element, comment, or script with its content at `at`, if any.
std::optional<Tag> tag_at(std::string_view text, std::size_t at, Ends& ends) {
  const std::string_view rest = text.substr(at);
  if (rest.starts_with("<!--")) {
    const std::size_t end = ends.find("-->", at);
    if (end == rest.npos) return std::nullopt;
    return Tag{end - at + 3, false};
  }
  std::size_t i = rest.starts_with("</") ? 2 : 1;
  const std::size_t begin = i;
  while (i < rest.size() && i - begin < 12 && (is_letter(rest[i]) || is_digit(rest[i]))) ++i;
  const std::string name = lower(rest.substr(begin, i - begin));
  if (i == rest.size() || (rest[i] != '>' && rest[i] != '/' && rest[i] != ' ' && rest[i] != '\n')) {
    return std::nullopt;
  }
  const std::size_t bracket = ends.find_bracket(at, at + i);
  if (bracket == rest.npos) return std::nullopt;
  const std::size_t length = bracket + 1 - at;
  if (is_one_of(name, {"script", "style"})) {
    const std::string closing = "</" + name + ">";
    const std::size_t close = begin == 1 ? ends.find(closing, bracket) : rest.npos;
    return Tag{close == rest.npos ? length : close + closing.size() - at, true};
  }
  if (breaks_line(name)) return Tag{length, true};
  if (is_inline(name)) return Tag{length, false};
  return std::nullopt;
}

std::string without_tags(std::string_view text, CleanCounts& counts, std::uint64_t* looked_at) {
  std::string out;
  Ends ends(text);
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t next = std::min(text.find('<', i), text.size());
    out.append(text.substr(i, next - i));
    i = next;
    if (i == text.size()) break;
    if (const auto tag = tag_at(text, i, ends)) {
      if (tag->line_break) out += '\n';
      ++counts.html_tags;
      i += tag->length;
    } else {
      out += text[i++];
    }
  }
  if (looked_at != nullptr) *looked_at += ends.looked_at();
  return out;
}

struct Entity {
  std::string_view name;
  char32_t code_point;
};

// The named entities that English prose and medical units use.
constexpr std::array kEntities = {
    Entity{"amp", U'&'},     Entity{"lt", U'<'},      Entity{"gt", U'>'},
    Entity{"quot", U'"'},    Entity{"apos", U'\''},   Entity{"nbsp", U' '},
    Entity{"ndash", 0x2013}, Entity{"mdash", 0x2014}, Entity{"hellip", 0x2026},
    Entity{"lsquo", 0x2018}, Entity{"rsquo", 0x2019}, Entity{"ldquo", 0x201C},
    Entity{"rdquo", 0x201D}, Entity{"bull", 0x2022},  Entity{"middot", 0xB7},
    Entity{"deg", 0xB0},     Entity{"plusmn", 0xB1},  Entity{"micro", 0xB5},
    Entity{"times", 0xD7},   Entity{"divide", 0xF7},  Entity{"frac12", 0xBD},
    Entity{"frac14", 0xBC},  Entity{"frac34", 0xBE},  Entity{"le", 0x2264},
    Entity{"ge", 0x2265},    Entity{"ne", 0x2260},    Entity{"asymp", 0x2248},
    Entity{"copy", 0xA9},    Entity{"reg", 0xAE},     Entity{"trade", 0x2122},
    Entity{"alpha", 0x3B1},  Entity{"beta", 0x3B2},   Entity{"gamma", 0x3B3},
    Entity{"delta", 0x3B4},  Entity{"kappa", 0x3BA},  Entity{"mu", 0x3BC},
    Entity{"omega", 0x3C9},  Entity{"eacute", 0xE9},  Entity{"egrave", 0xE8},
    Entity{"agrave", 0xE0},  Entity{"aacute", 0xE1},  Entity{"iacute", 0xED},
    Entity{"oacute", 0xF3},  Entity{"ouml", 0xF6},    Entity{"uuml", 0xFC},
    Entity{"auml", 0xE4},    Entity{"ccedil", 0xE7},  Entity{"ntilde", 0xF1},
    Entity{"shy", 0xAD},     Entity{"zwnj", 0x200C},  Entity{"sup2", 0xB2},
    Entity{"sup3", 0xB3},    Entity{"euro", 0x20AC},  Entity{"pound", 0xA3},
};

std::optional<char32_t> entity_value(std::string_view name) {
  if (name.starts_with('#')) {
    const bool hex = name.size() > 1 && (name[1] == 'x' || name[1] == 'X');
    const std::string digits(name.substr(hex ? 2 : 1));
    const char* allowed = hex ? "0123456789abcdefABCDEF" : "0123456789";
    if (digits.empty() || digits.find_first_not_of(allowed) != std::string::npos) {
      return std::nullopt;
    }
    const unsigned long value = std::strtoul(digits.c_str(), nullptr, hex ? 16 : 10);
    if (value == 0 || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return 0xFFFD;
    return static_cast<char32_t>(value);
  }
  for (const Entity& entity : kEntities) {
    if (entity.name == name) return entity.code_point;
  }
  return std::nullopt;
}

std::string with_entities_replaced(std::string_view text, CleanCounts& counts) {
  constexpr std::size_t kLongestName = 10;
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t next = std::min(text.find('&', i), text.size());
    out.append(text.substr(i, next - i));
    i = next;
    if (i == text.size()) break;
    const std::size_t end = text.substr(i + 1, kLongestName + 1).find(';');
    const auto value = end == text.npos ? std::nullopt : entity_value(text.substr(i + 1, end));
    if (value) {
      text::append_utf8(out, *value);
      ++counts.html_entities;
      i += end + 2;
    } else {
      out += text[i++];
    }
  }
  return out;
}

bool is_control(utf8proc_int32_t c) {
  return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c <= 0x9F && c != 0x85) ||
         c == 0xFFFD;
}

bool is_zero_width(utf8proc_int32_t c) {
  return c == 0xAD || (c >= 0x200B && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2060 && c <= 0x2064) || (c >= 0x2066 && c <= 0x206F) || c == 0xFEFF;
}

bool is_space(utf8proc_int32_t c) {
  return c == '\t' || utf8proc_category(c) == UTF8PROC_CATEGORY_ZS;
}

bool is_line_break(utf8proc_int32_t c) { return c == 0x85 || c == 0x2028 || c == 0x2029; }

// Every character is dropped, kept, or made a plain space or line break. CRLF and CR become LF.
std::string with_plain_characters(std::string_view text, CleanCounts& counts) {
  std::string out;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (std::size_t i = 0; i < text.size();) {
    utf8proc_int32_t c = 0;
    const auto length =
        utf8proc_iterate(bytes + i, static_cast<utf8proc_ssize_t>(text.size() - i), &c);
    if (length <= 0) throw Error(ErrorCode::kUsage, "the text is not valid UTF-8");
    const std::string_view character = text.substr(i, static_cast<std::size_t>(length));
    i += character.size();
    if (c == '\r') {
      if (i == text.size() || text[i] != '\n') out += '\n';
    } else if (is_line_break(c)) {
      out += '\n';
    } else if (is_control(c)) {
      ++counts.control_characters;
    } else if (is_zero_width(c)) {
      ++counts.zero_width;
    } else if (is_space(c)) {
      out += ' ';
    } else {
      out.append(character);
    }
  }
  return out;
}

std::string composed(const std::string& text) {
  utf8proc_uint8_t* result = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &result,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(result, &std::free);
  if (size < 0) throw Error(ErrorCode::kRuntime, utf8proc_errmsg(size));
  return {reinterpret_cast<const char*>(result), static_cast<std::size_t>(size)};
}

// At most one space between words and one empty line between lines.
std::string with_plain_spacing(std::string_view text) {
  std::string out;
  int breaks = 0;
  bool space = false;
  for (const char c : text) {
    if (c == '\n') {
      ++breaks;
      space = false;
    } else if (c == ' ') {
      space = true;
    } else {
      if (!out.empty()) {
        out.append(static_cast<std::size_t>(std::min(breaks, 2)), '\n');
        if (breaks == 0 && space) out += ' ';
      }
      breaks = 0;
      space = false;
      out += c;
    }
  }
  return out;
}

}  // namespace

CleanCounts& CleanCounts::operator+=(const CleanCounts& other) {
  html_tags += other.html_tags;
  html_entities += other.html_entities;
  control_characters += other.control_characters;
  zero_width += other.zero_width;
  composed += other.composed;
  spacing += other.spacing;
  return *this;
}

std::string clean_text(std::string_view text, CleanCounts& counts, std::uint64_t* looked_at) {
  const std::string plain = with_plain_characters(
      with_entities_replaced(without_tags(text, counts, looked_at), counts), counts);
  const std::string unified = composed(plain);
  counts.composed += unified != plain ? 1 : 0;
  std::string out = with_plain_spacing(unified);
  counts.spacing += out != unified ? 1 : 0;
  return out;
}

}  // namespace medgen::corpus
