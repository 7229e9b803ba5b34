// See the header.
#include "cli/documents/roff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <sstream>
#include <utility>

namespace medgen::cli {
namespace {

constexpr std::size_t kRoffWidth = 90;

// The code point at text[at], which is valid UTF-8; `at` moves to its last byte.
char32_t take_code_point(std::string_view text, std::size_t& at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  char32_t point = first & (0x3FU >> static_cast<unsigned>(more));
  for (int i = 0; i < more && at + 1 < text.size(); ++i) {
    point = (point << 6U) | (static_cast<unsigned char>(text[++at]) & 0x3FU);
  }
  return point;
}

bool begins_option(std::string_view text, std::size_t at) {
  const bool word = at == 0 || std::string_view(" (`,/").find(text[at - 1]) != text.npos;
  return word && text.substr(at).starts_with("--") && at + 2 < text.size() &&
         std::islower(static_cast<unsigned char>(text[at + 2])) != 0;
}

std::size_t end_of_option(std::string_view text, std::size_t at) {
  while (at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) != 0 ||
                              (text[at] == '-' && at + 1 < text.size() && text[at + 1] != ' '))) {
    ++at;
  }
  return at;
}

// Prose as roff, on one line.
std::string marked_up(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t close = text[at] == '`' ? text.find('`', at + 1) : text.npos;
    if (close != text.npos) {
      out += roff_bold(text.substr(at + 1, close - at - 1));
      at = close + 1;
    } else if (begins_option(text, at)) {
      const std::size_t end = end_of_option(text, at);
      out += roff_bold(text.substr(at, end - at));
      at = end;
    } else {
      const std::size_t next = std::min(text.find_first_of("`-", at + 1), text.size());
      out += roff_escaped(text.substr(at, next - at));
      at = next;
    }
  }
  return out;
}

// Options, variables and the like are not hyphenated.
std::string whole(const std::string& word) {
  const bool name = word.find("\\f") != word.npos || word.find('_') != word.npos;
  return name ? "\\%" + word : word;
}

bool ends_sentence(std::string_view word) {
  return word.ends_with('.') || word.ends_with('?') || word.ends_with(':');
}

}  // namespace

std::string roff_escaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '`':
        out += "\\(ga";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x80) {
          out += c;
        } else {
          out += fmt::format("\\[u{:04X}]", static_cast<unsigned>(take_code_point(text, i)));
        }
    }
  }
  return out;
}

std::string roff_bold(std::string_view text) { return "\\fB" + roff_escaped(text) + "\\fR"; }
std::string roff_italic(std::string_view text) { return "\\fI" + roff_escaped(text) + "\\fR"; }

RoffPage::RoffPage(std::string_view name, int section, std::string_view date,
                   std::string_view source) {
  std::string title(name);
  for (char& c : title) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  text_ = fmt::format(".TH {} {} \"{}\" \"{}\" \"medgen manual\"\n", roff_escaped(title), section,
                      date, source);
}

void RoffPage::section(std::string_view title) {
  text_ += fmt::format(".SH {}\n", title);
  after_title_ = true;
}
void RoffPage::subsection(std::string_view title) {
  text_ += fmt::format(".SS {}\n", roff_escaped(title));
  after_title_ = true;
}

void RoffPage::paragraph(std::string_view text) {
  if (!std::exchange(after_title_, false)) text_ += ".PP\n";
  prose(text);
}

void RoffPage::item(const std::string& tag, std::string_view text) {
  after_title_ = false;
  text_ += ".TP\n" + tag + "\n";
  prose(text);
}

void RoffPage::line(const std::string& roff) {
  after_title_ = false;
  text_ += roff + "\n";
}

void RoffPage::code(std::string_view lines) {
  after_title_ = false;
  text_ += ".PP\n.RS 4\n.nf\n";
  std::istringstream stream{std::string(lines)};
  for (std::string one; std::getline(stream, one);) {
    text_ += (one.starts_with('.') ? "\\&" : "") + roff_escaped(one) + "\n";
  }
  text_ += ".fi\n.RE\n";
}

// A sentence begins a line, so that it is set apart from the one before.
void RoffPage::prose(std::string_view text) {
  std::istringstream words(marked_up(text));
  std::string row;
  const auto end_row = [&] {
    if (!row.empty()) text_ += (row.starts_with('.') ? "\\&" : "") + row + "\n";
    row.clear();
  };
  for (std::string word; words >> word;) {
    word = whole(word);
    if (!row.empty() && row.size() + 1 + word.size() > kRoffWidth) end_row();
    row += (row.empty() ? "" : " ") + word;
    if (ends_sentence(word)) end_row();
  }
  end_row();
}

}  // namespace medgen::cli
