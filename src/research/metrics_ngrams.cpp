// N-gram counts, Zipf's coefficient, repetition.
#include "research/metrics_ngrams.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

namespace medgen::research {
namespace {

constexpr int kOrders = 4;
constexpr std::uint64_t kZipfRanks = 5000;

std::vector<std::uint32_t> joined(const Ngrams& ngrams, std::span<const std::size_t> texts) {
  std::vector<std::uint32_t> all;
  for (const std::size_t text : texts) {
    all.insert(all.end(), ngrams.texts[text].begin(), ngrams.texts[text].end());
  }
  return all;
}

// How often the last `phrase` tokens repeat in a row at the end; at least 1.
std::size_t times_at_end(std::span<const TokenId> tokens, std::size_t phrase) {
  const auto last = tokens.last(phrase);
  std::size_t times = 1;
  while ((times + 1) * phrase <= tokens.size() &&
         std::equal(last.begin(), last.end(), tokens.last((times + 1) * phrase).begin())) {
    ++times;
  }
  return times;
}

}  // namespace

NgramOrders count_ngrams(std::span<const std::vector<TokenId>> texts) {
  NgramOrders orders(kOrders);
  for (std::size_t n = 0; n < kOrders; ++n) {
    // An n-gram is the (n-1)-gram it begins with and one more token.
    std::unordered_map<std::uint64_t, std::uint32_t> numbers;
    orders[n].texts.resize(texts.size());
    for (std::size_t t = 0; t < texts.size(); ++t) {
      for (std::size_t end = n; end < texts[t].size(); ++end) {
        const std::uint64_t begin = n == 0 ? 0 : orders[n - 1].texts[t][end - n];
        const std::uint64_t key = begin << 32U | static_cast<std::uint32_t>(texts[t][end]);
        const auto next = static_cast<std::uint32_t>(numbers.size());
        const std::uint32_t number = numbers.try_emplace(key, next).first->second;
        if (number == next) orders[n].counts.push_back(0);
        ++orders[n].counts[number];
        orders[n].texts[t].push_back(number);
      }
    }
  }
  return orders;
}

NgramTotals ngram_totals(const Ngrams& ngrams) {
  NgramTotals totals;
  totals.distinct = ngrams.counts.size();
  for (const std::uint32_t count : ngrams.counts) {
    totals.total += count;
    if (count == 1) ++totals.once;
  }
  return totals;
}

NgramTotals ngram_totals(const Ngrams& ngrams, const NgramTotals& all,
                         std::span<const std::size_t> left_out) {
  NgramTotals totals = all;
  for_each_count(joined(ngrams, left_out), [&](std::uint32_t ngram, std::uint32_t times) {
    const std::uint32_t before = ngrams.counts[ngram];
    totals.total -= times;
    if (before == times) --totals.distinct;
    if (before == 1) --totals.once;
    if (before - times == 1) ++totals.once;
  });
  return totals;
}

FrequencyTable frequency_table(const Ngrams& unigrams) {
  FrequencyTable table;
  for (const std::uint32_t count : unigrams.counts) ++table[count];
  return table;
}

FrequencyTable frequency_table(const Ngrams& unigrams, FrequencyTable all,
                               std::span<const std::size_t> left_out) {
  for_each_count(joined(unigrams, left_out), [&](std::uint32_t token, std::uint32_t times) {
    const std::uint32_t before = unigrams.counts[token];
    const auto old = all.find(before);
    if (--old->second == 0) all.erase(old);
    if (before > times) ++all[before - times];
  });
  return all;
}

std::optional<double> zipf_coefficient(const FrequencyTable& frequencies) {
  // Sums of log rank and its square over the first ranks: tokens of one frequency share a y.
  static const auto sums = [] {
    std::array<std::array<double, 2>, kZipfRanks + 1> all{};
    for (std::size_t rank = 1; rank < all.size(); ++rank) {
      const double x = std::log(static_cast<double>(rank));
      all[rank] = {all[rank - 1][0] + x, all[rank - 1][1] + x * x};
    }
    return all;
  }();
  std::uint64_t n = 0;
  double xy = 0, y_sum = 0;
  for (const auto& [frequency, tokens] : frequencies) {
    const std::uint64_t taken = std::min(tokens, kZipfRanks - n);
    const double y = std::log(static_cast<double>(frequency));
    xy += (sums[n + taken][0] - sums[n][0]) * y;
    y_sum += static_cast<double>(taken) * y;
    n += taken;
  }
  if (n < 2) return std::nullopt;
  const auto& [x_sum, xx] = sums[n];
  const auto count = static_cast<double>(n);
  return -(xy - x_sum * y_sum / count) / (xx - x_sum * x_sum / count);
}

bool repeats_at_end(std::span<const TokenId> tokens) {
  for (std::size_t phrase = 2; 3 * phrase <= tokens.size(); ++phrase) {
    if (times_at_end(tokens, phrase) >= 3) return true;
  }
  return false;
}

bool repeats_at_end_in_code(std::span<const TokenId> tokens) {
  std::size_t best_times = 1, best_phrase = 1;
  for (std::size_t phrase = 1; phrase <= std::min<std::size_t>(90, tokens.size()); ++phrase) {
    const std::size_t times = times_at_end(tokens, phrase);
    if (times > best_times) {
      best_times = times;
      best_phrase = phrase;
    }
  }
  return best_times > 1 && (best_phrase >= 3 || best_times > 50);
}

}  // namespace medgen::research
