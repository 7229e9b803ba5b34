// The filters: each removes tokens from those that may be drawn, and does nothing else. Formulas
// and sources are in docs/SAMPLING.md.
#pragma once

#include "engine/candidates.h"

namespace medgen::engine::filters {

void temperature(Candidates& candidates, double temperature);
void dynamic_temperature(Candidates& candidates, double temperature, double range, double exponent);
// `least`: how many tokens stay whatever the setting, the first in the filter's own ranking.
void top_k(Candidates& candidates, std::size_t k, std::size_t least = 1);
void top_p(Candidates& candidates, double p, std::size_t least = 1);
void min_p(Candidates& candidates, double p, std::size_t least = 1);
void typical_p(Candidates& candidates, double p, std::size_t least = 1);
void epsilon_cutoff(Candidates& candidates, double epsilon, std::size_t least = 1);
void eta_cutoff(Candidates& candidates, double eta, std::size_t least = 1);
void top_h(Candidates& candidates, double h);
inline constexpr std::size_t kTopHTokens = 100;
void top_n_sigma(Candidates& candidates, double n);
void xtc(Candidates& candidates, double threshold);
void mirostat(Candidates& candidates, double mu);

}  // namespace medgen::engine::filters
