// Finds spellings such as "<|endoftext|>" in text: see special_tokens.h.
#include "text/special_tokens.h"

#include <algorithm>

namespace medgen::text {

SpecialTokens::SpecialTokens(std::vector<SpecialToken> tokens) : tokens_(std::move(tokens)) {
  std::ranges::stable_sort(tokens_, [](const SpecialToken& a, const SpecialToken& b) {
    return a.text.size() > b.text.size();
  });
  for (const SpecialToken& token : tokens_) {
    is_first_byte_[static_cast<unsigned char>(token.text.front())] = true;
  }
}

const SpecialToken* SpecialTokens::match(std::string_view text) const {
  if (!is_first_byte_[static_cast<unsigned char>(text.front())]) return nullptr;
  for (const SpecialToken& token : tokens_) {
    if (text.starts_with(token.text)) return &token;
  }
  return nullptr;
}

std::vector<SpecialTokens::Part> SpecialTokens::split(std::string_view text) const {
  std::vector<Part> parts;
  std::size_t plain_from = 0;
  const auto end_plain = [&](std::size_t at) {
    if (at > plain_from) parts.push_back({text.substr(plain_from, at - plain_from), std::nullopt});
  };
  for (std::size_t at = 0; at < text.size() && !tokens_.empty();) {
    const SpecialToken* token = match(text.substr(at));
    if (token == nullptr) {
      ++at;
      continue;
    }
    end_plain(at);
    parts.push_back({text.substr(at, token->text.size()), token->id});
    at += token->text.size();
    plain_from = at;
  }
  end_plain(text.size());
  return parts;
}

}  // namespace medgen::text
