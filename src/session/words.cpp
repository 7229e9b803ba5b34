// See the header.
#include "session/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <span>

#include "base/refuse.h"
#include "engine/slots.h"
#include "session/wipe.h"
#include "text/utf8.h"

namespace medgen::session {
namespace {

constexpr std::string_view kPunctuation = ".,;:!?\"'()[]";
constexpr std::size_t kRowsOfAStep = 64;
constexpr int kTokensOfAWord = 8;

std::string folded(std::string_view word) {
  std::string made(word);
  while (!made.empty() && kPunctuation.find(made.back()) != std::string_view::npos) made.pop_back();
  made.erase(0, std::min(made.find_first_not_of(kPunctuation), made.size()));
  for (char& c : made) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return made;
}

// log(sum(exp(logits)))
double log_sum(std::span<const float> logits) {
  const double most = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - most);
  return most + std::log(sum);
}

// Runs `tokens` from `from` on, and calls visit(i, logits) with what comes after token i, for i
// from `wanted` on.
template <class Visit>
void run_tokens(Backend& backend, int slot, const std::vector<TokenId>& tokens, std::size_t from,
                std::size_t wanted, Visit visit) {
  const auto width = static_cast<std::size_t>(backend.info().vocab_size);
  for (std::size_t begin = from; begin < tokens.size(); begin += kRowsOfAStep) {
    const std::size_t end = std::min(begin + kRowsOfAStep, tokens.size());
    std::vector<Row> rows;
    for (std::size_t i = begin; i < end; ++i) {
      rows.push_back({slot, tokens[i], static_cast<int>(i), i >= wanted});
    }
    const std::span<const float> logits = backend.step(rows);
    const std::size_t first = std::max(begin, wanted);
    for (std::size_t i = first; i < end; ++i) visit(i, logits.subspan((i - first) * width, width));
    wipe(rows);
  }
}

// The tokens' bytes, one after the other: where each begins.
std::vector<std::size_t> starts_of(const Tokenizer& tokenizer, const std::vector<TokenId>& tokens) {
  std::vector<std::size_t> starts;
  std::size_t at = 0;
  for (const TokenId token : tokens) {
    starts.push_back(at);
    at += tokenizer.token_bytes(token).size();
  }
  return starts;
}

// The token that holds byte `at`.
std::size_t token_at(const std::vector<std::size_t>& starts, std::size_t at) {
  const auto after = std::upper_bound(starts.begin(), starts.end(), at);
  return static_cast<std::size_t>(std::max<std::ptrdiff_t>(after - starts.begin() - 1, 0));
}

struct Candidate {
  TokenId token = 0;
  double probability = 0;
};

std::vector<Candidate> likeliest(std::span<const float> logits, std::size_t count) {
  std::vector<TokenId> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  count = std::min(count, ids.size());
  const auto logit = [&](TokenId id) { return logits[static_cast<std::size_t>(id)]; };
  std::partial_sort(
      ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count), ids.end(),
      [&](TokenId a, TokenId b) { return logit(a) > logit(b) || (logit(a) == logit(b) && a < b); });
  const double total = log_sum(logits);
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < count; ++i) {
    candidates.push_back({ids[i], std::exp(static_cast<double>(logit(ids[i])) - total)});
  }
  return candidates;
}

// Where the first word of `text` ends; npos while it may go on.
std::size_t word_end(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  return begin == std::string_view::npos ? begin : text.find_first_of(kBlanks, begin);
}

// From the slot that holds `context` on.
std::string spelled_out(Backend& backend, const Tokenizer& tokenizer, int base, std::size_t context,
                        TokenId token) {
  engine::Slots slots(backend);
  const int slot = slots.acquire();
  backend.share_cache(base, slot, static_cast<int>(context));
  std::string text = tokenizer.token_bytes(token);
  auto position = static_cast<int>(context);
  for (int i = 0; i < kTokensOfAWord && word_end(text) == std::string::npos; ++i, ++position) {
    if (position >= backend.info().n_positions) break;
    const Row row{slot, token, position, true};
    token = likeliest(backend.step({&row, 1}), 1).front().token;
    if (token == tokenizer.eos_id()) break;
    text += tokenizer.token_bytes(token);
  }
  text.resize(std::min(word_end(text), text.size()));
  return text::replace_invalid_utf8(text);
}

}  // namespace

std::size_t find_word(std::string_view text, std::string_view asked) {
  const std::vector<why::Span> words = words_of(text);
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(asked.data(), asked.data() + asked.size(), number);
  const bool is_number = error == std::errc() && end == asked.data() + asked.size();
  if (is_number && number >= 1 && number <= words.size()) return number - 1;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (folded(text.substr(words[i].begin, words[i].end - words[i].begin)) == folded(asked))
      return i;
  }
  base::refuse(fmt::format(
      "the continuation does not hold that word: give one of its words, or a place from 1 to {}",
      words.size()));
}

std::vector<double> word_probabilities(Backend& backend, const Tokenizer& tokenizer,
                                       const std::vector<TokenId>& prompt,
                                       const Completion& completion) {
  std::vector<TokenId> tokens = prompt;
  tokens.insert(tokens.end(), completion.tokens.begin(), completion.tokens.end());
  std::vector<double> logprobs;
  if (!completion.tokens.empty()) {
    engine::Slots slots(backend);
    const int slot = slots.acquire();
    tokens.pop_back();  // nothing is asked about what comes after the last one
    run_tokens(backend, slot, tokens, 0, prompt.size() - 1,
               [&](std::size_t i, std::span<const float> logits) {
                 const TokenId next = completion.tokens[i + 1 - prompt.size()];
                 logprobs.push_back(static_cast<double>(logits[static_cast<std::size_t>(next)]) -
                                    log_sum(logits));
               });
  }
  wipe(tokens);
  const std::vector<std::size_t> starts = starts_of(tokenizer, completion.tokens);
  std::vector<double> probabilities;
  for (const why::Span& word : words_of(completion.text)) {
    double sum = 0;
    for (std::size_t i = token_at(starts, word.begin); i < starts.size() && starts[i] < word.end;
         ++i) {
      sum += logprobs[i];
    }
    probabilities.push_back(std::exp(sum));
  }
  return probabilities;
}

Place place_before(const Tokenizer& tokenizer, const Completion& completion,
                   const why::Span& word) {
  if (completion.tokens.empty()) return {};
  const std::vector<std::size_t> starts = starts_of(tokenizer, completion.tokens);
  const std::size_t token = token_at(starts, word.begin);
  return {
      {completion.tokens.begin(), completion.tokens.begin() + static_cast<std::ptrdiff_t>(token)},
      completion.text.substr(0, std::min(starts[token], completion.text.size()))};
}

std::vector<Alternative> alternatives(Backend& backend, const Tokenizer& tokenizer,
                                      const std::vector<TokenId>& context, int count) {
  engine::Slots slots(backend);
  const int base = slots.acquire();
  std::vector<Candidate> candidates;
  run_tokens(backend, base, context, 0, context.size() - 1,
             [&](std::size_t, std::span<const float> logits) {
               // Some of them spell the same word, or none.
               candidates = likeliest(logits, static_cast<std::size_t>(count) * 2);
             });
  std::vector<Alternative> found;
  for (const Candidate& candidate : candidates) {
    if (static_cast<int>(found.size()) == count) break;
    if (candidate.token == tokenizer.eos_id()) continue;
    std::string text = spelled_out(backend, tokenizer, base, context.size(), candidate.token);
    const bool known = std::any_of(found.begin(), found.end(),
                                   [&](const Alternative& one) { return one.text == text; });
    if (known || text.find_first_not_of(kBlanks) == std::string::npos) continue;
    found.push_back({std::move(text), candidate.probability});
  }
  return found;
}

}  // namespace medgen::session
