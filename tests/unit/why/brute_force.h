// A made-up model of which everything can be counted out, and attributions counted out by their
// definitions: nothing here uses the code that is tested.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "unit/engine/fake_backend.h"
#include "why/attribution.h"

namespace medgen::why {

inline constexpr int kWordsKnown = 26;

inline testing::FakeTokenizer word_tokenizer() {
  std::vector<std::string> pieces;
  for (int i = 0; i < kWordsKnown; ++i) pieces.push_back(std::string(" ") + char('a' + i));
  pieces[0] = "-a";  // goes on with a word
  return testing::FakeTokenizer(std::move(pieces));
}

inline double brute_logprob(const testing::History& history, TokenId token) {
  const std::vector<float> logits = testing::hashed_logits(kWordsKnown)(history);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  return static_cast<double>(logits[static_cast<std::size_t>(token)]) - std::log(sum);
}

// Of each token of `made` after `context`.
inline std::vector<double> brute_logprobs(testing::History context, const testing::History& made) {
  std::vector<double> values;
  for (const TokenId token : made) {
    values.push_back(brute_logprob(context, token));
    context.push_back(token);
  }
  return values;
}

// The prompt of which only the spans in `in` are left.
inline testing::History brute_prompt(const Question& question, const std::vector<bool>& in) {
  testing::History left;
  for (std::size_t i = 0; i < question.prompt.ids.size(); ++i) {
    const int owner = question.prompt.owners[i];
    const bool stays = owner < 0 || in[static_cast<std::size_t>(owner)];
    if (stays) left.push_back(question.prompt.ids[i]);
    if (!stays && question.neutral) left.push_back(*question.neutral);
  }
  if (left.empty()) left.push_back(question.start.value());
  return left;
}

// By the definition that averages over all orders of the players.
inline std::vector<double> brute_shapley(
    std::size_t players, const std::function<double(const std::vector<bool>& in)>& worth) {
  std::vector<std::size_t> order(players);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<double> values(players);
  double orders = 0;
  do {
    std::vector<bool> in(players);
    double before = worth(in);
    for (const std::size_t player : order) {
      in[player] = true;
      const double after = worth(in);
      values[player] += after - before;
      before = after;
    }
    ++orders;
  } while (std::next_permutation(order.begin(), order.end()));
  for (double& value : values) value /= orders;
  return values;
}

}  // namespace medgen::why
