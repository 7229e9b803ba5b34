// See the header.
#include "research/sweep_reference.h"

#include <algorithm>

#include "research/evaluation.h"

namespace medgen::research {
namespace {

// Together they score tokens[first] and all after it, each once.
std::vector<ScoredSequence> windows_of(const std::vector<TokenId>& tokens, std::size_t first,
                                       std::size_t context) {
  std::vector<ScoredSequence> windows;
  std::size_t begin = first > context ? first - context : 0;
  for (std::size_t next = first; next < tokens.size();) {
    const std::size_t end = std::min(tokens.size(), begin + context + 1);
    ScoredSequence window;
    window.tokens.assign(tokens.begin() + static_cast<std::ptrdiff_t>(begin),
                         tokens.begin() + static_cast<std::ptrdiff_t>(end));
    window.first_scored = next - begin;
    windows.push_back(std::move(window));
    next = end;
    begin = next - (context + 1) / 2;
  }
  return windows;
}

// Whether the ids are how this tokenizer spells the text. A stop string may have been cut from it.
bool spells(const Tokenizer& tokenizer, std::vector<TokenId> ids, std::string_view text) {
  if (!ids.empty() && tokenizer.eos_id() == ids.back()) ids.pop_back();
  const auto known = [&](TokenId id) { return id >= 0 && id < tokenizer.vocab_size(); };
  if (ids.empty() || !std::all_of(ids.begin(), ids.end(), known)) return false;
  const std::string whole = tokenizer.decode(ids);
  // Some tokenizers drop the blank that begins a text.
  const auto bare = [](std::string_view some) {
    if (some.starts_with(' ')) some.remove_prefix(1);
    return some;
  };
  return bare(whole).starts_with(bare(text));
}

}  // namespace

JoinedTokens tokens_as_read(const Sample& sample, const Tokenizer& tokenizer) {
  const bool spelled = spells(tokenizer, sample.tokens, sample.text);
  const bool is_text = sample.prompt_ids.empty() && !sample.specials;
  if (is_text && !spelled) return join_tokens(tokenizer, sample.prompt, sample.text);
  JoinedTokens joined{.tokens = sample.prompt_ids};
  if (joined.tokens.empty()) {
    joined.tokens =
        tokenizer.encode(sample.prompt, sample.specials ? Specials::kParse : Specials::kAsText);
  }
  joined.first = joined.tokens.size();
  const std::vector<TokenId> text = spelled ? sample.tokens : tokenizer.encode(sample.text);
  joined.tokens.insert(joined.tokens.end(), text.begin(), text.end());
  return joined;
}

void score_texts(Backend& backend, const Tokenizer& tokenizer, std::optional<TokenId> start,
                 std::vector<Sample>& samples) {
  const auto context = static_cast<std::size_t>(backend.info().n_positions);
  std::vector<ScoredSequence> windows;
  std::vector<std::size_t> owners;  // of windows
  for (std::size_t i = 0; i < samples.size(); ++i) {
    JoinedTokens joined = tokens_as_read(samples[i], tokenizer);
    if (start && samples[i].prompt_ids.empty()) {
      joined.tokens.insert(joined.tokens.begin(), *start);
      ++joined.first;
    }
    // Nothing precedes the first token, so it has no probability.
    if (joined.first == 0 && !joined.tokens.empty()) ++joined.first;
    samples[i].tokens.assign(joined.tokens.begin() + static_cast<std::ptrdiff_t>(joined.first),
                             joined.tokens.end());
    samples[i].num_tokens = static_cast<int>(samples[i].tokens.size());
    samples[i].crosses_border = joined.crosses_border;
    if (samples[i].num_tokens > 0) samples[i].logprob = 0;
    for (ScoredSequence& window : windows_of(joined.tokens, joined.first, context)) {
      windows.push_back(std::move(window));
      owners.push_back(i);
    }
  }
  const auto scores = score(backend, windows);
  for (std::size_t w = 0; w < scores.size(); ++w) {
    for (const double value : scores[w]) *samples[owners[w]].logprob += value;
  }
}

}  // namespace medgen::research
