// What is drawn where a text may not be said, against the exact probabilities of drawing again
// without the token that began the word.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "medgen/generate.h"
#include "statistics/chi_square.h"
#include "unit/engine/fake_backend.h"

namespace medgen {
namespace {

using testing::chi_square;
using testing::chi_square_limit;
using testing::History;

// Words that come first, and two ends of each. Token 5 ends a text.
const std::vector<std::string> kPieces = {" a", " b", " c", "x", "y", ""};
const double kFirst[] = {0.5, 0.3, 0.2};
const double kEndsInX[] = {0.75, 0.25, 0};

std::vector<float> logits_of(const History& history) {
  std::vector<float> logits(kPieces.size(), -INFINITY);
  const auto set = [&](std::size_t id, double p) {
    if (p > 0) logits[id] = static_cast<float>(std::log(p));
  };
  if (history.size() == 1) {
    for (std::size_t i = 0; i < 3; ++i) set(i, kFirst[i]);
  } else if (history.size() == 2) {
    const double x = kEndsInX[static_cast<std::size_t>(history.back())];
    set(3, x);
    set(4, 1 - x);
  } else {
    set(5, 1);
  }
  return logits;
}

// How often the words ax, ay, bx, by, cy are said.
std::vector<std::uint64_t> counts(const std::vector<std::string>& never_say, std::uint64_t seed) {
  struct Counter : GenerationObserver {
    void on_text(std::uint64_t, int, std::string_view) override {}
    void on_finish(std::uint64_t, const Completion& c) override {
      const std::vector<std::string> words = {" ax", " ay", " bx", " by", " cy"};
      for (std::size_t i = 0; i < words.size(); ++i) found[i] += c.text == words[i] ? 1 : 0;
    }
    std::vector<std::uint64_t> found = std::vector<std::uint64_t>(5, 0);
  } counter;
  std::vector<Request> requests(200);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    requests[i].id = i;
    requests[i].prompt = {5};
    requests[i].num_return_sequences = 200;
    requests[i].sampling.temperature = 1;
    requests[i].sampling.top_k = 0;
    requests[i].sampling.seed = seed;
    requests[i].sampling.never_say = never_say;
  }
  testing::FakeBackend backend(static_cast<int>(kPieces.size()), 8, 64, logits_of);
  generate(backend, testing::FakeTokenizer(kPieces, 5), requests, counter);
  return counter.found;
}

// The probabilities of the words, where drawing stops after a forbidden one and begins again
// without its first token.
std::vector<double> exact(const std::vector<bool>& forbidden) {
  std::vector<double> p(5, 0.0);
  const std::function<void(double, std::vector<bool>)> draw = [&](double mass,
                                                                  const std::vector<bool>& gone) {
    double left = 0;
    for (std::size_t i = 0; i < 3; ++i) left += gone[i] ? 0 : kFirst[i];
    for (std::size_t i = 0; i < 3; ++i) {
      if (gone[i]) continue;
      for (const bool x : {true, false}) {
        const double here = mass * kFirst[i] / left * (x ? kEndsInX[i] : 1 - kEndsInX[i]);
        if (here == 0) continue;
        const std::size_t word = i == 2 ? 4 : 2 * i + (x ? 0 : 1);
        if (!forbidden[word]) {
          p[word] += here;
          continue;
        }
        std::vector<bool> less = gone;
        less[i] = true;
        draw(here, less);
      }
    }
  };
  draw(1, {false, false, false});
  return p;
}

TEST(NeverSayStatisticsTest, WordsAreDrawnAsOftenAsTheyShould) {
  const std::vector<bool> both = {true, false, true, false, false};
  const auto one = chi_square(counts({"ax"}, 1), exact({true, false, false, false, false}));
  EXPECT_LT(one.statistic, chi_square_limit(one.degrees));
  const auto two = chi_square(counts({"ax", "BX"}, 2), exact(both));
  EXPECT_LT(two.statistic, chi_square_limit(two.degrees));
  const auto none = chi_square(counts({}, 3), exact({false, false, false, false, false}));
  EXPECT_LT(none.statistic, chi_square_limit(none.degrees));
}

TEST(NeverSayStatisticsTest, AnotherWayToDrawAgainWouldBeNoticed) {
  // As if the first token could be drawn again: the model's own words, forbidden ones left out.
  std::vector<double> again = exact({false, false, false, false, false});
  again[0] = 0;
  double left = 0;
  for (const double p : again) left += p;
  for (double& p : again) p /= left;
  const auto result = chi_square(counts({"ax"}, 1), again);
  EXPECT_GT(result.statistic, chi_square_limit(result.degrees));
}

}  // namespace
}  // namespace medgen
