// How many sequences to compute together when the user does not say.
#pragma once

#include "medgen/model_config.h"

namespace medgen::jobs {

// As many as a quarter of the free memory fits keys and values for, at full context; at least 1,
// at most useful_slots().
int automatic_slots(const ModelConfig& config);

}  // namespace medgen::jobs
