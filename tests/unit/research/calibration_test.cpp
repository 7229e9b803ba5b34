// Calibration of a model whose probabilities are exact by construction, of the same one with
// doubled logits, and by the definition.
#include "research/calibration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "report/calibration_chart.h"
#include "research/evaluation.h"
#include "unit/byte_tokenizer.h"
#include "unit/engine/fake_backend.h"

namespace medgen::research {
namespace {

using testing::FakeBackend;
using ::testing::HasSubstr;
using testing::History;
using testing::LogitsOf;
using ::testing::SizeIs;

constexpr int kLetters = 26;

// How sure the model is of the next letter of the alphabet, after letter k.
double sureness(int k) { return 0.1 + 0.85 * k / (kLetters - 1); }

int letter_after(const History& history) {
  const TokenId last = history.back();
  return last >= 'a' && last <= 'z' ? last - 'a' : 0;
}

double probability(int after, int letter) {
  const double sure = sureness(after);
  return letter == (after + 1) % kLetters ? sure : (1 - sure) / (kLetters - 1);
}

LogitsOf alphabet_model(double scale) {
  return [scale](const History& history) {
    std::vector<float> logits(257, -200);
    for (int i = 0; i < kLetters; ++i) {
      logits[static_cast<std::size_t>('a' + i)] =
          static_cast<float>(scale * std::log(probability(letter_after(history), i)));
    }
    return logits;
  };
}

// Drawn from alphabet_model(1).
std::vector<corpus::Document> drawn_documents(int count, int length) {
  std::vector<corpus::Document> documents;
  for (int d = 0; d < count; ++d) {
    std::string text;
    int at = 0;
    for (int i = 0; i < length; ++i) {
      double coin =
          base::uniform({.seed = 3, .request = static_cast<std::uint64_t>(d), .sample = 0},
                        static_cast<std::uint32_t>(i));
      int next = 0;
      while (next + 1 < kLetters && coin >= probability(at, next)) coin -= probability(at, next++);
      text += static_cast<char>('a' + next);
      at = next;
    }
    documents.push_back({.source = "drawn", .group = "g", .text = text});
  }
  return documents;
}

Calibration measure(double scale, const std::vector<corpus::Document>& documents) {
  FakeBackend backend(257, 32, 8, alphabet_model(scale));
  const ByteTokenizer tokenizer;
  TextEvaluationOptions options;
  options.prefix = 256;
  options.calibration = true;
  TextEvaluator evaluator(backend, tokenizer, options);
  for (const corpus::Document& document : documents) evaluator.add(document);
  const TextEvaluation evaluation = evaluator.finish();
  EXPECT_THAT(evaluation.calibration, SizeIs(documents.size()));
  return calibration_of(evaluation.calibration);
}

// The sum over bins of |right - confidences| / N, guess by guess, where every probability is that
// of alphabet_model(scale).
double error_by_hand(double scale, const std::vector<corpus::Document>& documents) {
  std::vector<double> off(kCalibrationBins, 0);
  double tokens = 0;
  for (const corpus::Document& document : documents) {
    History history = {256};
    for (const char c : document.text) {
      const std::vector<float> logits = alphabet_model(scale)(history);
      double sum = 0;
      for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
      const auto best = std::max_element(logits.begin(), logits.end());
      const double confidence = std::exp(static_cast<double>(*best)) / sum;
      for (int m = 0; m < kCalibrationBins; ++m) {
        if (confidence * kCalibrationBins <= m || confidence * kCalibrationBins > m + 1) continue;
        off[static_cast<std::size_t>(m)] += (best - logits.begin() == c ? 1 : 0) - confidence;
      }
      tokens += 1;
      history.push_back(static_cast<unsigned char>(c));
    }
  }
  double error = 0;
  for (const double bin : off) error += std::fabs(bin);
  return error / tokens;
}

TEST(CalibrationTest, OfAModelWithExactProbabilitiesIsWhatChanceLeaves) {
  const Calibration made = measure(1, drawn_documents(60, 90));
  EXPECT_EQ(made.tokens, 5400U);
  ASSERT_TRUE(made.overconfidence_interval && made.ece_interval);
  EXPECT_LE(made.overconfidence_interval->low, 0);
  EXPECT_GE(made.overconfidence_interval->high, 0);
  EXPECT_LT(made.ece, 2 * made.ece_by_chance);
  EXPECT_LT(made.ece_interval->low, made.ece_by_chance);
}

TEST(CalibrationTest, OfDoubledLogitsShowsThatTheModelIsTooSure) {
  const Calibration made = measure(2, drawn_documents(60, 90));
  ASSERT_TRUE(made.overconfidence_interval && made.ece_interval);
  EXPECT_GT(made.overconfidence_interval->low, 0.1);
  EXPECT_GT(made.ece_interval->low, 5 * made.ece_by_chance);
}

TEST(CalibrationTest, IsTheSumOfItsDefinition) {
  const std::vector<corpus::Document> documents = drawn_documents(5, 50);
  for (const double scale : {0.5, 1.0, 2.0}) {
    EXPECT_NEAR(measure(scale, documents).ece, error_by_hand(scale, documents), 1e-6) << scale;
  }
}

TEST(CalibrationTest, AnEdgeBelongsToTheBinBelow) {
  DocumentCalibration document;
  for (const double confidence : {0.0, 1.0 / kCalibrationBins, 0.07, 1.0}) {
    document.add({confidence, true});
  }
  EXPECT_EQ(document.bins[0].tokens, 2);
  EXPECT_EQ(document.bins[1].tokens, 1);
  EXPECT_EQ(document.bins[kCalibrationBins - 1].tokens, 1);
}

TEST(CalibrationTest, OneDocumentHasNoIntervals) {
  const Calibration made = measure(1, drawn_documents(1, 40));
  EXPECT_FALSE(made.ece_interval || made.overconfidence_interval);
  EXPECT_GT(made.ece, 0);
}

TEST(CalibrationTest, TheCurveHoldsAPointForEachBinWithTokensAndTheDiagonal) {
  const Calibration made = measure(1, drawn_documents(20, 60));
  const std::string svg = report::calibration_svg(made, "A <title>");
  EXPECT_THAT(svg, HasSubstr("A &lt;title&gt;"));
  std::size_t points = 0;
  for (std::size_t at = svg.find("<circle"); at != std::string::npos;
       at = svg.find("<circle", at + 1)) {
    ++points;
  }
  const auto filled = std::count_if(made.bins.begin(), made.bins.end(),
                                    [](const CalibrationBin& bin) { return bin.tokens > 0; });
  EXPECT_EQ(points, static_cast<std::size_t>(filled));
  EXPECT_THAT(svg, HasSubstr("exact probabilities"));
}

}  // namespace
}  // namespace medgen::research
