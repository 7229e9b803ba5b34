// See the header.
#include "why/agree_entropy.h"

#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <utility>

#include "why/spans.h"

namespace medgen::why {

PathEntropies::PathEntropies(std::span<const AgreeText> texts) {
  std::vector<std::vector<std::string_view>> words;
  std::vector<int> all;
  for (const AgreeText& text : texts) {
    all.push_back(static_cast<int>(words.size()));
    words.push_back(agree_words(text));
  }
  std::vector<std::vector<int>> groups;  // texts with equal words so far, none of them ended
  groups.push_back(std::move(all));
  for (std::size_t at = 0; !groups.empty(); ++at) {
    std::vector<Group> place;
    std::vector<std::vector<int>> next_groups;
    for (const std::vector<int>& group : groups) {
      std::map<std::string_view, std::vector<int>> by_next;  // "": the text ends
      std::size_t known = 0;
      for (const int member : group) {
        const auto i = static_cast<std::size_t>(member);
        if (at >= words[i].size() && texts[i].cut) continue;
        by_next[at < words[i].size() ? words[i][at] : std::string_view()].push_back(member);
        ++known;
      }
      if (known < 2) continue;
      Group parts;
      for (auto& [word, members] : by_next) {
        if (!word.empty() && members.size() > 1) next_groups.push_back(members);
        parts.push_back(std::move(members));
      }
      place.push_back(std::move(parts));
    }
    if (place.empty()) break;
    places_.push_back(std::move(place));
    groups = std::move(next_groups);
  }
}

int PathEntropies::together(std::size_t place) const {
  std::size_t texts = 0;
  for (const Group& group : places_[place]) {
    for (const std::vector<int>& members : group) texts += members.size();
  }
  return static_cast<int>(texts);
}

std::vector<double> PathEntropies::bits(std::span<const double> weights) const {
  std::vector<double> entropies;
  for (const std::vector<Group>& place : places_) {
    double sum = 0, total = 0;
    for (const Group& group : place) {
      double all = 0, logs = 0;  // the group's weight, and sum of w log2 w
      for (const std::vector<int>& members : group) {
        double weight = 0;
        for (const int member : members) weight += weights[static_cast<std::size_t>(member)];
        all += weight;
        if (weight > 0) logs += weight * std::log2(weight);
      }
      if (all > 0) sum += all * std::log2(all) - logs;  // all * H_g
      total += all;
    }
    entropies.push_back(total > 0 ? std::max(0.0, sum / total)
                                  : std::numeric_limits<double>::quiet_NaN());
  }
  return entropies;
}

std::vector<double> model_entropies(const Tokenizer& tokenizer, const Completion& completion) {
  const std::vector<Span> words = words_of(completion.text);
  std::vector<std::string> bytes;
  for (const TokenId token : completion.tokens) bytes.push_back(tokenizer.token_bytes(token));
  const std::vector<int> owners = owners_of_tokens(completion.text, bytes, words);
  std::vector<double> bits(words.size(), 0);
  for (std::size_t i = 0; i < owners.size() && i < completion.logprobs.size(); ++i) {
    if (owners[i] < 0) continue;
    bits[static_cast<std::size_t>(owners[i])] += completion.logprobs[i].entropy / std::numbers::ln2;
  }
  return bits;
}

}  // namespace medgen::why
