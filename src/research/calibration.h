// What a probability of a model is worth: whether next tokens that it is c sure of come about as
// often as c says. Knows nothing of texts.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "research/bootstrap.h"

namespace medgen::research {

// The model's likeliest token at one place; the first of equals.
struct Guess {
  double confidence = 0;  // its probability
  bool right = false;     // it is the one that came
};

inline constexpr int kCalibrationBins = 15;  // as in Guo et al. 2017

// Sums over the guesses of one document whose confidence lies in a bin.
struct CalibrationSums {
  double tokens = 0, confidence = 0, right = 0;
  double variance = 0;  // of confidence * (1 - confidence)
};

// Bin m of M holds confidences above m / M and up to (m + 1) / M; the first holds 0 too.
struct DocumentCalibration {
  std::array<CalibrationSums, kCalibrationBins> bins;

  void add(const Guess& guess);
};

struct CalibrationBin {
  double low = 0, high = 0;  // of confidences
  std::uint64_t tokens = 0;
  double confidence = 0;             // mean; of an empty bin 0, as its accuracy
  double accuracy = 0;               // share that is right
  std::optional<Interval> interval;  // of the accuracy
};

struct Calibration {
  std::uint64_t tokens = 0, documents = 0;

  // Expected calibration error, over bins m of n_m of the N tokens:
  //   ECE = sum of n_m / N * |accuracy_m - confidence_m|
  // (Naeini et al. 2015; Guo et al. 2017, equation 3, of the likeliest class). Of a model whose
  // probabilities are exact it is not 0 but what chance leaves, `ece_by_chance`: the sum over bins
  // of sqrt(2 / pi * sum of c (1 - c)) / N, as the guesses' errors given all tokens before are
  // uncorrelated and of mean 0 then.
  double ece = 0, ece_by_chance = 0;
  std::optional<Interval> ece_interval;

  // Mean confidence - mean accuracy: above 0 where the model is too sure.
  double confidence = 0, accuracy = 0, overconfidence = 0;
  std::optional<Interval> overconfidence_interval;

  std::vector<CalibrationBin> bins;
};

// Intervals are at 95 %; nothing for fewer than two documents. Of the ECE and the overconfidence
// they come from `resamples` drawings of documents with replacement (Efron 1979): percentiles of
// the latter; of the ECE the basic interval, 2 ECE - the quantiles and at least 0 (Davison and
// Hinkley 1997, 5.2.1), as a sum of absolute values grows with each drawing. Those of accuracies
// are clustered_wilson_interval()s, which hold where none or all are right.
Calibration calibration_of(std::span<const DocumentCalibration> documents, int resamples = 1000,
                           std::uint64_t seed = 0);

}  // namespace medgen::research
