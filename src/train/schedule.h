// How the learning rate changes over a run. Nothing of libtorch here.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace medgen::train {

// A rise over the warm-up, then either constant and falling linearly to zero, or half a cosine
// (Loshchilov and Hutter 2017, "SGDR", equation 5, one period).
struct Schedule {
  bool cosine = false;
  double tokens = 0;  // length of the run
  double warmup_tokens = 0;
  double constant_fraction = 0;  // of the run, warm-up included; not for cosine
  double tokens_per_step = 1;

  // Tokens after which the rate is no longer constant.
  double fall_begins() const {
    return cosine ? warmup_tokens : std::max(constant_fraction * tokens, warmup_tokens);
  }

  // The rate of a step (0-based) as a fraction of its maximum, evaluated at the step's middle.
  double factor(std::int64_t step) const {
    const double at = middle(step);
    const double rise = std::min(1.0, at / std::max(warmup_tokens, tokens_per_step));
    const double span = std::max(tokens - fall_begins(), tokens_per_step);
    const double left = std::clamp((tokens - at) / span, 0.0, 1.0);
    constexpr double kPi = 3.14159265358979323846;
    return std::min(rise, cosine ? 0.5 * (1 - std::cos(kPi * left)) : left);
  }

  bool falls_at(std::int64_t step) const { return middle(step) > fall_begins(); }

 private:
  double middle(std::int64_t step) const {
    return (static_cast<double>(step) + 0.5) * tokens_per_step;
  }
};

}  // namespace medgen::train
