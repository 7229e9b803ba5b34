// What a model makes of texts, for MAUVE.
#pragma once

#include <vector>

#include "jobs/model_files.h"
#include "research/metrics.h"
#include "research/sample.h"

namespace medgen::jobs {

// Fills `features` of each: what the model's head would see of the last token, behind the final
// norm. If all texts have a prompt, each is read after its own, else none is. Reference texts
// longer than the longest of `samples` are cut to its tokens, and all to the model's context; a
// text without a token keeps no features. Throws SettingError where the native engine, which alone
// gives them, does not run the model.
research::MauveSource add_features(const ModelFiles& model, Backend& backend,
                                   std::vector<research::Sample>& samples,
                                   std::vector<research::Sample>& reference);

}  // namespace medgen::jobs
