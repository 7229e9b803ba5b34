// Duplicates: found when they are, left when they are not, whatever the order.
#include "corpus/near_duplicates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <string>

#include "base/random.h"

namespace medgen::corpus {
namespace {

// A text of `words` random words.
std::vector<std::string> random_words(int words, std::uint64_t seed) {
  std::vector<std::string> text;
  for (int i = 0; i < words; ++i) {
    const double draw =
        base::uniform({.seed = seed, .request = 0, .sample = 0}, static_cast<std::uint32_t>(i));
    std::string word = std::to_string(static_cast<int>(draw * 5000));
    text.push_back(word.insert(0, 1, 'w'));
  }
  return text;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

KnownText known(const std::string& text, std::uint32_t preference = 0) {
  return {hash_text(text), preference, sign_text(text)};
}

// The true Jaccard similarity of the 5-word shingles.
double jaccard(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  const auto shingles = [](const std::vector<std::string>& words) {
    std::set<std::string> set;
    for (std::size_t i = 0; i + 5 <= words.size(); ++i) {
      set.insert(joined({words.begin() + static_cast<std::ptrdiff_t>(i),
                         words.begin() + static_cast<std::ptrdiff_t>(i + 5)}));
    }
    return set;
  };
  const auto x = shingles(a);
  const auto y = shingles(b);
  const auto both = static_cast<double>(
      std::count_if(x.begin(), x.end(), [&](const std::string& s) { return y.contains(s); }));
  return both / (static_cast<double>(x.size() + y.size()) - both);
}

TEST(NearDuplicatesTest, SimilarityIsNearTheTrueJaccard) {
  const auto first = random_words(400, 1);
  for (const int changed : {1, 5, 10, 20, 40}) {
    auto second = first;
    for (int i = 0; i < changed; ++i) second[static_cast<std::size_t>(i * 400 / changed)] = "other";
    const double truth = jaccard(first, second);
    EXPECT_NEAR(similarity(sign_text(joined(first)), sign_text(joined(second))), truth, 0.12)
        << changed;
  }
  EXPECT_LT(similarity(sign_text(joined(first)), sign_text(joined(random_words(400, 2)))), 0.05);
  EXPECT_EQ(similarity(sign_text("A, b c-d!"), sign_text("a b C d")), 1.0);  // words alone count
}

TEST(NearDuplicatesTest, DropsEqualAndNearTextsAndKeepsOthers) {
  const auto words = random_words(300, 3);
  auto near = words;
  near[150] = "other";
  auto far = words;
  for (std::size_t i = 0; i < far.size(); i += 12) far[i] = "other";  // Jaccard about 0.4
  const std::vector<KnownText> texts = {known(joined(words)), known(joined(words)),
                                        known(joined(near)), known(joined(far)),
                                        known(joined(random_words(300, 4)))};
  const auto verdicts = find_duplicates(texts, 0.8);
  const auto dropped = std::count_if(verdicts.begin(), verdicts.end(),
                                     [](const Verdict& v) { return v.fate != Fate::kKept; });
  EXPECT_EQ(dropped, 2);
  EXPECT_EQ(verdicts[3].fate, Fate::kKept);
  EXPECT_EQ(verdicts[4].fate, Fate::kKept);
  const auto exact_only = find_duplicates(texts, 2);
  EXPECT_EQ(exact_only[1].fate, Fate::kSame);
  EXPECT_EQ(exact_only[1].kept, 0U);
  EXPECT_EQ(exact_only[2].fate, Fate::kKept);
}

TEST(NearDuplicatesTest, OfEqualTextsTheLowestPreferenceIsKept) {
  const auto verdicts = find_duplicates(std::vector{known("same", 2), known("same", 1)}, 0.8);
  EXPECT_EQ(verdicts[0].fate, Fate::kSame);
  EXPECT_EQ(verdicts[0].kept, 1U);
  EXPECT_EQ(verdicts[1].fate, Fate::kKept);
}

TEST(NearDuplicatesTest, OrderDoesNotChangeWhatIsDropped) {
  std::vector<KnownText> texts;
  for (std::uint64_t family = 0; family < 40; ++family) {
    auto words = random_words(100, 10 + family);
    for (std::size_t member = 0; member < 5; ++member) {
      words[member * 20] = "other";
      texts.push_back(known(joined(words)));
    }
  }
  const auto kept_hashes = [](const std::vector<KnownText>& list) {
    const auto verdicts = find_duplicates(list, 0.8);
    std::set<TextHash> kept;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (verdicts[i].fate == Fate::kKept) kept.insert(list[i].hash);
    }
    return kept;
  };
  const auto expected = kept_hashes(texts);
  EXPECT_LT(expected.size(), 150U);
  EXPECT_GE(expected.size(), 40U);
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    std::vector<KnownText> shuffled;
    for (const std::uint32_t i :
         base::permutation(static_cast<std::uint32_t>(texts.size()), {.seed = seed})) {
      shuffled.push_back(texts[i]);
    }
    EXPECT_EQ(kept_hashes(shuffled), expected);
  }
}

// Texts that share two bands and are no duplicates.
std::vector<KnownText> texts_with_shared_bands(std::size_t count) {
  std::vector<KnownText> texts(count, known("boilerplate of a page"));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    texts[i].hash = hash_text(std::to_string(i));
    // Differs in what no band looks at, and in half of the rest: a candidate, not a duplicate.
    for (std::size_t k = 12; k < kSignatureSize; ++k) {
      texts[i].signature[k] = static_cast<std::uint8_t>(texts[i].hash.order >> (k % 57));
    }
  }
  return texts;
}

TEST(NearDuplicatesTest, TheWorkGrowsWithTheTextsAndNotWithTheirPairsWhenAllShareABand) {
  const auto work = [](std::size_t count) {
    std::uint64_t looked_at = 0;
    const auto verdicts = find_duplicates(texts_with_shared_bands(count), 0.8, &looked_at);
    EXPECT_EQ(verdicts.size(), count);
    for (const Verdict& verdict : verdicts) EXPECT_EQ(verdict.fate, Fate::kKept);
    return static_cast<double>(looked_at);
  };
  const double once = work(2'000);
  EXPECT_GT(once, 2'000) << "they are candidates";
  EXPECT_LT(work(4'000), 2.2 * once);
}

}  // namespace
}  // namespace medgen::corpus
