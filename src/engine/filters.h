// The filters: each removes tokens from those that may be drawn, and does nothing else. Formulas
// and sources are in docs/SAMPLING.md.
#pragma once

#include "engine/candidates.h"

namespace medgen::engine::filters {

void temperature(Candidates& candidates, double temperature);
void dynamic_temperature(Candidates& candidates, double temperature, double range, double exponent);
void top_k(Candidates& candidates, std::size_t k);
void top_p(Candidates& candidates, double p);
void min_p(Candidates& candidates, double p);
void typical_p(Candidates& candidates, double p);
void epsilon_cutoff(Candidates& candidates, double epsilon);
void eta_cutoff(Candidates& candidates, double eta);
void top_h(Candidates& candidates, double h);
inline constexpr std::size_t kTopHTokens = 100;
void top_n_sigma(Candidates& candidates, double n);
void xtc(Candidates& candidates, double threshold);
void mirostat(Candidates& candidates, double mu);

}  // namespace medgen::engine::filters
