#include "why/marked_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/refuse.h"

namespace medgen::why {
namespace {

std::set<TokenId> special_ids(const Tokenizer& tokenizer) {
  std::set<TokenId> ids;
  for (const AddedToken& token : tokenizer.added_tokens()) {
    if (token.special) ids.insert(token.id);
  }
  for (const auto id : {tokenizer.bos_id(), tokenizer.eos_id(), tokenizer.pad_id()}) {
    if (id) ids.insert(*id);
  }
  return ids;
}

bool only_blanks(std::string_view text) { return words_of(text).empty(); }

[[noreturn]] void refuse_bracket(std::size_t at, const char* why) {
  base::refuse(
      fmt::format("the bracket at byte {} of the text {}: write [a part] [of the text], "
                  "or name parts that hold brackets in a file with `spans`",
                  at, why));
}

// The first place of `part` that none of `taken` overlaps; npos where there is none.
std::size_t free_place_of(std::string_view part, std::string_view text,
                          const std::vector<Span>& taken) {
  std::size_t at = text.find(part);
  while (at != std::string_view::npos) {
    const auto other = std::find_if(taken.begin(), taken.end(), [&](const Span& span) {
      return at < span.end && span.begin < at + part.size();
    });
    if (other == taken.end()) return at;
    at = text.find(part, other->end);
  }
  return at;
}

}  // namespace

std::size_t MarkedText::tokens_of(std::size_t span) const {
  return static_cast<std::size_t>(std::count(owners.begin(), owners.end(), static_cast<int>(span)));
}

std::size_t MarkedText::first_token_of(std::size_t span) const {
  return static_cast<std::size_t>(std::find(owners.begin(), owners.end(), static_cast<int>(span)) -
                                  owners.begin());
}

MarkedText spelled(const Tokenizer& tokenizer, std::vector<TokenId> ids) {
  const std::set<TokenId> specials = special_ids(tokenizer);
  MarkedText text;
  text.ids = std::move(ids);
  for (const TokenId id : text.ids) {
    const bool special = specials.contains(id);
    text.special.push_back(special);
    text.bytes.push_back(special ? std::string() : tokenizer.token_bytes(id));
    text.text += text.bytes.back();
  }
  text.owners.assign(text.ids.size(), -1);
  return text;
}

void mark(MarkedText& text, std::vector<Span> spans) {
  text.spans = std::move(spans);
  text.owners = owners_of_tokens(text.text, text.bytes, text.spans);
  for (std::size_t i = 0; i < text.ids.size(); ++i) {
    if (text.special[i]) text.owners[i] = -1;
  }
}

void mark_made_words(MarkedText& text) {
  mark(text, words_of(text.text));
  if (text.ids.empty() || !text.special.back()) return;
  text.owners.back() = static_cast<int>(text.spans.size());
  text.spans.push_back({text.text.size(), text.text.size()});
}

BracketedText read_brackets(std::string_view text) {
  BracketedText read;
  std::size_t opened = std::string_view::npos;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool open = opened != std::string_view::npos;
    if (text[at] == '[') {
      if (open) refuse_bracket(at, "stands within another pair");
      opened = at;
      read.spans.push_back({read.text.size(), 0});
    } else if (text[at] == ']') {
      if (!open) refuse_bracket(at, "closes none");
      Span& span = read.spans.back();
      span.end = read.text.size();
      if (only_blanks(std::string_view(read.text).substr(span.begin))) {
        refuse_bracket(opened, "has no words in it");
      }
      opened = std::string_view::npos;
    } else {
      read.text += text[at];
    }
  }
  if (opened != std::string_view::npos) refuse_bracket(opened, "is not closed");
  if (read.spans.empty()) {
    base::refuse(
        "the text has no parts in brackets: write [a part] [of the text], or name parts in a file "
        "with `spans`");
  }
  return read;
}

std::vector<Span> quoted_spans(std::string_view text, std::string_view lines,
                               const std::string& name) {
  std::vector<Span> spans;
  std::size_t number = 0;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (only_blanks(line)) continue;
    if (spans.size() == kMostQuotedSpans) {
      base::refuse(fmt::format("{} names more than {} parts: give fewer", name, kMostQuotedSpans));
    }
    const std::size_t at = free_place_of(line, text, spans);
    if (at == std::string_view::npos) {
      base::refuse(
          fmt::format("line {} of {} does not stand in the text, or overlaps a line before "
                      "it: each line quotes one part of the text, letter by letter",
                      number, name));
    }
    spans.push_back({at, at + line.size()});
  }
  if (spans.empty()) base::refuse(name + " names no part of the text: give one on each line");
  std::sort(spans.begin(), spans.end(),
            [](const Span& a, const Span& b) { return a.begin < b.begin; });
  return spans;
}

std::vector<Span> spans_of_spelled(const MarkedText& spelled, std::string_view text,
                                   std::vector<Span> spans) {
  const std::string_view all = spelled.text;
  const std::size_t lead = all.size() - std::min(text.size(), all.size());
  if (!all.ends_with(text) || !only_blanks(all.substr(0, lead))) {
    base::refuse(
        "this model's tokenizer changes the text, so given parts of it cannot be found again: "
        "ask `by` word or sentence");
  }
  for (Span& span : spans) {
    span.begin += lead;
    span.end += lead;
  }
  const std::vector<int> owners = owners_of_tokens(all, spelled.bytes, spans);
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (std::find(owners.begin(), owners.end(), static_cast<int>(i)) != owners.end()) continue;
    base::refuse(
        fmt::format("part {} holds no token's beginning, so it cannot be taken out by "
                    "itself: let it begin where a word begins",
                    i + 1));
  }
  return spans;
}

}  // namespace medgen::why
