// See the header.
#include "research/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/random.h"
#include "research/shares.h"

namespace medgen::research {
namespace {

constexpr std::uint32_t kDocumentStream = 0x40000008U;  // of random numbers
constexpr double kCalibrationConfidence = 0.95;

using BinSums = std::array<CalibrationSums, kCalibrationBins>;

void add_times(BinSums& sums, const DocumentCalibration& document, double times) {
  for (std::size_t m = 0; m < sums.size(); ++m) {
    sums[m].tokens += times * document.bins[m].tokens;
    sums[m].confidence += times * document.bins[m].confidence;
    sums[m].right += times * document.bins[m].right;
    sums[m].variance += times * document.bins[m].variance;
  }
}

struct CalibrationMeasures {
  double ece = 0, ece_by_chance = 0, confidence = 0, accuracy = 0, tokens = 0;
};

CalibrationMeasures measures_of(const BinSums& sums) {
  CalibrationMeasures made;
  for (const CalibrationSums& bin : sums) {
    made.tokens += bin.tokens;
    made.confidence += bin.confidence;
    made.accuracy += bin.right;
    made.ece += std::fabs(bin.right - bin.confidence);
    made.ece_by_chance += std::sqrt(2 / std::numbers::pi * bin.variance);
  }
  for (double* value : {&made.ece, &made.ece_by_chance, &made.confidence, &made.accuracy}) {
    *value /= made.tokens;
  }
  return made;
}

// What the drawn documents gave, a value for each drawing.
struct CalibrationDraws {
  std::vector<double> ece, overconfidence;
};

CalibrationDraws draw_documents(std::span<const DocumentCalibration> documents, int resamples,
                                std::uint64_t seed) {
  CalibrationDraws draws;
  std::vector<double> times(documents.size());
  for (int r = 0; r < resamples; ++r) {
    std::fill(times.begin(), times.end(), 0.0);
    const base::RandomKey key{seed, static_cast<std::uint64_t>(r), kDocumentStream};
    for (std::uint32_t i = 0; i < documents.size(); ++i) {
      times[static_cast<std::size_t>(base::uniform(key, i) *
                                     static_cast<double>(documents.size()))] += 1;
    }
    BinSums sums{};
    for (std::size_t i = 0; i < documents.size(); ++i) {
      if (times[i] > 0) add_times(sums, documents[i], times[i]);
    }
    const CalibrationMeasures made = measures_of(sums);
    draws.ece.push_back(made.ece);
    draws.overconfidence.push_back(made.confidence - made.accuracy);
  }
  return draws;
}

// Of the share that is right in bin m, by the documents that have tokens there.
Interval accuracy_interval(std::span<const DocumentCalibration> documents, std::size_t m) {
  PromptSums sums;
  for (const DocumentCalibration& document : documents) {
    if (document.bins[m].tokens == 0) continue;
    sums.top.push_back(document.bins[m].right);
    sums.bottom.push_back(document.bins[m].tokens);
  }
  return clustered_wilson_interval(sums, kCalibrationConfidence);
}

}  // namespace

void DocumentCalibration::add(const Guess& guess) {
  const int bin = static_cast<int>(std::ceil(guess.confidence * kCalibrationBins)) - 1;
  CalibrationSums& sums = bins[static_cast<std::size_t>(std::clamp(bin, 0, kCalibrationBins - 1))];
  sums.tokens += 1;
  sums.confidence += guess.confidence;
  sums.right += guess.right ? 1 : 0;
  sums.variance += guess.confidence * (1 - guess.confidence);
}

Calibration calibration_of(std::span<const DocumentCalibration> documents, int resamples,
                           std::uint64_t seed) {
  BinSums sums{};
  for (const DocumentCalibration& document : documents) add_times(sums, document, 1);
  const CalibrationMeasures made = measures_of(sums);
  Calibration result;
  result.tokens = static_cast<std::uint64_t>(made.tokens);
  result.documents = documents.size();
  result.ece = made.ece;
  result.ece_by_chance = made.ece_by_chance;
  result.confidence = made.confidence;
  result.accuracy = made.accuracy;
  result.overconfidence = made.confidence - made.accuracy;
  CalibrationDraws draws;
  if (documents.size() > 1) draws = draw_documents(documents, resamples, seed);
  if (const auto of = percentile_interval(std::move(draws.ece), kCalibrationConfidence)) {
    result.ece_interval =
        Interval{std::max(0.0, 2 * made.ece - of->high), std::max(0.0, 2 * made.ece - of->low)};
  }
  result.overconfidence_interval =
      percentile_interval(std::move(draws.overconfidence), kCalibrationConfidence);
  for (std::size_t m = 0; m < sums.size(); ++m) {
    CalibrationBin& bin = result.bins.emplace_back();
    bin.low = static_cast<double>(m) / kCalibrationBins;
    bin.high = static_cast<double>(m + 1) / kCalibrationBins;
    bin.tokens = static_cast<std::uint64_t>(sums[m].tokens);
    if (bin.tokens == 0) continue;
    bin.confidence = sums[m].confidence / sums[m].tokens;
    bin.accuracy = sums[m].right / sums[m].tokens;
    if (documents.size() > 1) bin.interval = accuracy_interval(documents, m);
  }
  return result;
}

}  // namespace medgen::research
