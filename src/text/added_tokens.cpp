// See the header.
#include "text/added_tokens.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/refuse.h"
#include "medgen/error.h"
#include "text/characters.h"

namespace medgen::text {
namespace {

constexpr std::size_t kMaxSpellingBytes = std::size_t{4} << 20U;  // a byte costs some 20

bool word_before(std::string_view text, std::size_t at) {
  return at > 0 && is_word_character(code_point_before(text, at).code);
}

bool word_after(std::string_view text, std::size_t at) {
  return at < text.size() && is_word_character(code_point_at(text, at).code);
}

std::size_t before_spaces(std::string_view text, std::size_t at, std::size_t from) {
  while (at > from) {
    const CodePoint character = code_point_before(text, at);
    if (!is_white_space(character.code)) break;
    at -= character.size;
  }
  return std::max(at, from);
}

std::size_t after_spaces(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const CodePoint character = code_point_at(text, at);
    if (!is_white_space(character.code)) break;
    at += character.size;
  }
  return at;
}

}  // namespace

AddedTokens::AddedTokens(const std::vector<AddedTokenRule>& rules, const Normalize& normalize,
                         const std::string& source) {
  std::vector<AddedTokenRule> ordinary;
  std::ranges::copy_if(rules, std::back_inserter(ordinary),
                       [](const AddedTokenRule& rule) { return !rule.special; });
  ordinary_ = passes_of(ordinary, normalize, source);
  all_ = passes_of(rules, normalize, source);
}

AddedTokens::Passes AddedTokens::passes_of(const std::vector<AddedTokenRule>& rules,
                                           const Normalize& normalize, const std::string& source) {
  Passes passes;
  std::vector<std::string> as_is, normalized;
  std::size_t bytes = 0;
  for (const AddedTokenRule& rule : rules) {
    std::string spelling = rule.normalized && normalize ? normalize(rule.text) : rule.text;
    bytes += spelling.size();
    if (bytes > kMaxSpellingBytes) {
      throw Error(ErrorCode::kModel,
                  source + ": the added tokens are longer than 4 MiB together; add fewer");
    }
    if (spelling.empty()) continue;  // nothing is left of it, so it is never found
    (rule.normalized ? normalized : as_is).push_back(std::move(spelling));
    (rule.normalized ? passes.normalized : passes.as_is).rules.push_back(rule);
  }
  passes.as_is.finder = TokenFinder(as_is);
  passes.normalized.finder = TokenFinder(normalized);
  return passes;
}

void AddedTokens::Pass::split(std::string_view text, const std::function<void(TokenId)>& on_token,
                              const std::function<void(std::string_view)>& on_text) const {
  std::size_t done = 0;
  std::size_t spaces_end = 0;  // of the white space that was looked at last
  for (const TokenFinder::Match& match : finder.find(text)) {
    const AddedTokenRule& rule = rules[match.spelling];
    if (rule.single_word && (word_before(text, match.start) || word_after(text, match.end)))
      continue;
    std::size_t end = match.end;
    if (rule.rstrip) {
      if (end >= spaces_end) spaces_end = after_spaces(text, end);
      end = spaces_end;
    }
    // As in the reference, a token within the white space that the one before took counts once
    // more, unless it takes white space before itself and nothing is left of it.
    std::size_t start = match.start;
    if (rule.lstrip) start = before_spaces(text, start, done);
    if (start >= end) continue;
    if (start > done) on_text(text.substr(done, start - done));
    on_token(rule.id);
    done = end;
  }
  if (done < text.size()) on_text(text.substr(done));
}

void AddedTokens::split(std::string_view text, Specials specials, const Normalize& normalize,
                        const std::function<void(TokenId)>& on_token,
                        const std::function<void(std::string_view)>& on_text) const {
  const Passes& passes = specials == Specials::kParse ? all_ : ordinary_;
  passes.as_is.split(text, on_token, [&](std::string_view part) {
    if (!normalize) return passes.normalized.split(part, on_token, on_text);
    const std::string changed = normalize(part);
    passes.normalized.split(changed, on_token, on_text);
  });
}

bool may_be_of_model(int own_ids, int model_ids) {
  constexpr int kMostBeyond = 100;
  return own_ids - model_ids <= kMostBeyond;
}

void require_ids_of_model(std::span<const TokenId> ids, int vocab_size) {
  const auto beyond =
      std::find_if(ids.begin(), ids.end(), [&](TokenId id) { return id >= vocab_size; });
  if (beyond == ids.end()) return;
  base::refuse(
      fmt::format("the text holds a token with the id {}, which the model does not know: its ids "
                  "end before {}; leave it out, or give the model's own tokenizer",
                  *beyond, vocab_size));
}

}  // namespace medgen::text
