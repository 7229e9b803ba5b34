// Which methods `why` knows by name, and those that look into a model.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "jobs/model_files.h"
#include "why/account.h"

namespace medgen::jobs {

std::vector<std::string> why_method_names();
// One of these names. A method that looks into a model cannot run until bind_method().
why::Method why_method(const std::string& name);

struct DerivativeOptions {
  int steps = 50;                        // of integrated gradients: 1 to 1000 points
  std::optional<TokenId> baseline = {};  // of integrated gradients; without it zero
  int threads = 0;                       // see BackendOptions
};

// Gives a method that looks into a model that model, opened as `backend`. Both must outlive it.
// Loads what it needs, so it comes before finish_loading(). Throws SettingError where rollout is
// asked of a model that the native engine does not run, besides what load_gradients() throws.
void bind_method(why::Method& method, const ModelFiles& model, Backend& backend,
                 const DerivativeOptions& options);

}  // namespace medgen::jobs
