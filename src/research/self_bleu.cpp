// See the header.
#include "research/self_bleu.h"

#include <array>
#include <cmath>
#include <iterator>

namespace medgen::research {
namespace {

constexpr double kSmoothing = 0.1;  // nltk's epsilon
constexpr std::size_t kBleuOrders = 4;

using Matches = std::array<std::uint64_t, kBleuOrders>;  // n-grams of a text that others have
using Lengths = std::map<std::size_t, std::size_t>;      // how many texts have each length

// The length nearest to `length` among the other texts, the shorter of two. `lengths` counts the
// text itself too.
std::size_t closest_length(const Lengths& lengths, std::size_t length) {
  const auto own = lengths.find(length);
  if (own->second > 1) return length;
  const auto above = std::next(own);
  if (own == lengths.begin()) return above->first;
  const auto below = std::prev(own);
  if (above == lengths.end()) return below->first;
  return above->first - length < length - below->first ? above->first : below->first;
}

double bleu(const NgramOrders& orders, std::size_t text, const Matches& matched,
            std::size_t closest) {
  if (matched[0] == 0) return 0;
  double log_sum = 0;
  for (std::size_t n = 0; n < kBleuOrders; ++n) {
    const double all = static_cast<double>(std::max<std::size_t>(1, orders[n].texts[text].size()));
    log_sum += std::log((matched[n] == 0 ? kSmoothing : static_cast<double>(matched[n])) / all);
  }
  const std::size_t length = orders.front().texts[text].size();
  const double brevity =
      length > closest ? 0 : 1 - static_cast<double>(closest) / static_cast<double>(length);
  return std::exp(log_sum / static_cast<double>(kBleuOrders) + brevity);
}

// Which texts have each n-gram of one order, and how often: those that have it most often first.
class Postings {
 public:
  struct Entry {
    std::uint32_t text = 0, times = 0;
  };

  explicit Postings(const Ngrams& ngrams) : begins_(ngrams.counts.size() + 1) {
    for (const auto& text : ngrams.texts) {
      for_each_count(text, [&](std::uint32_t ngram, std::uint32_t) { ++begins_[ngram + 1]; });
    }
    for (std::size_t i = 1; i < begins_.size(); ++i) begins_[i] += begins_[i - 1];
    entries_.resize(begins_.back());
    std::vector<std::size_t> next(begins_.begin(), begins_.end() - 1);
    for (std::uint32_t t = 0; t < ngrams.texts.size(); ++t) {
      for_each_count(ngrams.texts[t], [&](std::uint32_t ngram, std::uint32_t times) {
        entries_[next[ngram]++] = {t, times};
      });
    }
    for (std::size_t i = 0; i + 1 < begins_.size(); ++i) {
      std::stable_sort(entries_.begin() + static_cast<std::ptrdiff_t>(begins_[i]),
                       entries_.begin() + static_cast<std::ptrdiff_t>(begins_[i + 1]),
                       [](const Entry& a, const Entry& b) { return a.times > b.times; });
    }
  }

  std::span<const Entry> operator[](std::uint32_t ngram) const {
    return std::span(entries_).subspan(begins_[ngram], begins_[ngram + 1] - begins_[ngram]);
  }

 private:
  std::vector<std::size_t> begins_;
  std::vector<Entry> entries_;
};

// Of one text: its matches, and how many of them only one other group gives.
struct OwedMatches {
  Matches matched{};
  std::map<std::size_t, Matches> owed;  // by group
};

// The sums of scores behind self_bleu_without().
class WithoutGroups {
 public:
  WithoutGroups(const NgramOrders& orders, std::span<const std::vector<std::size_t>> groups)
      : orders_(orders), groups_(groups), group_of_(orders.front().texts.size()) {
    for (std::size_t n = 0; n < kBleuOrders; ++n) postings_.emplace_back(orders[n]);
    for (std::size_t g = 0; g < groups.size(); ++g) {
      for (const std::size_t text : groups[g]) {
        group_of_[text] = g;
        ++lengths_[length(text)];
        ++length_groups_[length(text)][g];
      }
    }
  }

  std::vector<std::optional<double>> means(std::span<const std::size_t> scored) {
    std::vector<double> sums(groups_.size()), counts(groups_.size());
    double all = 0;
    for (const std::size_t text : scored) {
      const std::size_t own = group_of_[text];
      OwedMatches matches = matches_of(text);
      const std::size_t closest = closest_length(lengths_, length(text));
      const double score = bleu(orders_, text, matches.matched, closest);
      all += score;
      sums[own] -= score;
      counts[own] -= 1;
      const std::optional<std::size_t> length_giver = only_group_with(closest, text);
      if (length_giver) matches.owed.try_emplace(*length_giver);
      for (const auto& [group, owed] : matches.owed) {
        Matches rest = matches.matched;
        for (std::size_t n = 0; n < kBleuOrders; ++n) rest[n] -= owed[n];
        sums[group] += bleu(orders_, text, rest,
                            group == length_giver ? closest_without(group, text) : closest) -
                       score;
      }
    }
    std::vector<std::optional<double>> result(groups_.size());
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const double left = static_cast<double>(scored.size()) + counts[g];
      if (group_of_.size() < groups_[g].size() + 2 || left < 1) continue;
      result[g] = (all + sums[g]) / left;
    }
    return result;
  }

 private:
  std::size_t length(std::size_t text) const { return orders_.front().texts[text].size(); }

  OwedMatches matches_of(std::size_t text) const {
    OwedMatches result;
    for (std::size_t n = 0; n < kBleuOrders; ++n) {
      for_each_count(orders_[n].texts[text], [&](std::uint32_t ngram, std::uint32_t times) {
        std::optional<std::size_t> giver;
        std::uint32_t most = 0, without = 0;  // that giver
        for (const Postings::Entry& entry : postings_[n][ngram]) {
          if (entry.text == text) continue;
          const std::size_t group = group_of_[entry.text];
          if (giver == group) continue;
          if (giver) {
            without = std::min(times, entry.times);
            break;
          }
          most = std::min(times, entry.times);
          if (group == group_of_[text]) break;
          giver = group;
        }
        result.matched[n] += most;
        if (giver && most > without) result.owed[*giver][n] += most - without;
      });
    }
    return result;
  }

  // The one group, not the text's own, to which all other texts of this length belong.
  std::optional<std::size_t> only_group_with(std::size_t wanted, std::size_t text) const {
    std::optional<std::size_t> only;
    for (const auto& [group, texts] : length_groups_.at(wanted)) {
      const bool is_own = group == group_of_[text];
      if (is_own && wanted == length(text) && texts == 1) continue;  // the text itself
      if (is_own || only) return std::nullopt;
      only = group;
    }
    return only;
  }

  std::size_t closest_without(std::size_t group, std::size_t text) const {
    Lengths rest = lengths_;
    for (const std::size_t member : groups_[group]) {
      if (--rest[length(member)] == 0) rest.erase(length(member));
    }
    // With fewer than two texts the group counts for nothing.
    return rest.size() == 1 && rest.begin()->second == 1 ? 0 : closest_length(rest, length(text));
  }

  const NgramOrders& orders_;
  std::span<const std::vector<std::size_t>> groups_;
  std::vector<std::size_t> group_of_;
  std::vector<Postings> postings_;
  Lengths lengths_;
  std::map<std::size_t, std::map<std::size_t, std::size_t>> length_groups_;
};

}  // namespace

SelfBleu::SelfBleu(const NgramOrders& orders) : orders_(orders) {
  for (const Ngrams& order : orders_) most_.emplace_back(order.counts.size());
}

std::vector<double> SelfBleu::scores(std::span<const std::size_t> among,
                                     std::span<const std::size_t> scored) {
  Lengths lengths;
  for (const std::size_t text : among) ++lengths[orders_.front().texts[text].size()];
  for (std::size_t n = 0; n < orders_.size(); ++n) {
    for (const std::size_t text : among) {
      for_each_count(orders_[n].texts[text], [&](std::uint32_t ngram, std::uint32_t times) {
        Most& most = most_[n][ngram];
        if (times > most.first) {
          most = {text, times, most.first};
        } else {
          most.second = std::max(most.second, times);
        }
      });
    }
  }
  std::vector<double> all;
  for (const std::size_t text : scored) all.push_back(score(text, lengths));
  for (std::size_t n = 0; n < orders_.size(); ++n) {  // ready for the next call
    for (const std::size_t text : among) {
      for (const std::uint32_t ngram : orders_[n].texts[text]) most_[n][ngram] = {};
    }
  }
  return all;
}

double SelfBleu::score(std::size_t text, const Lengths& lengths) const {
  Matches matched{};
  for (std::size_t n = 0; n < kBleuOrders; ++n) {
    for_each_count(orders_[n].texts[text], [&](std::uint32_t ngram, std::uint32_t times) {
      const Most& most = most_[n][ngram];
      matched[n] += std::min(times, most.text == text ? most.second : most.first);
    });
  }
  return bleu(orders_, text, matched, closest_length(lengths, orders_.front().texts[text].size()));
}

std::vector<std::optional<double>> self_bleu_without(
    const NgramOrders& orders, std::span<const std::vector<std::size_t>> groups,
    std::span<const std::size_t> scored) {
  return WithoutGroups(orders, groups).means(scored);
}

}  // namespace medgen::research
