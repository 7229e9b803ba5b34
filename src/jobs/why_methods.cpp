// See the header.
#include "jobs/why_methods.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "jobs/gradients.h"
#include "jobs/lens.h"
#include "medgen/error.h"

namespace medgen::jobs {
namespace {

using torchscript::GradientMethod;

// The places of what was made.
template <class Place>
std::vector<Place> made_places(std::size_t ids, std::size_t first_made) {
  std::vector<Place> places(ids - first_made);
  std::iota(places.begin(), places.end(), static_cast<Place>(first_made));
  return places;
}

why::TokenMethod gradient_method(GradientMethod method, const ModelFiles& model,
                                 const DerivativeOptions& options) {
  return [method, &model, options](const std::vector<TokenId>& ids, std::size_t first_made) {
    const torchscript::GradientInfluence found =
        gradient_influence(model, {.ids = ids,
                                   .targets = made_places<std::size_t>(ids.size(), first_made),
                                   .method = method,
                                   .steps = options.steps,
                                   .baseline = options.baseline,
                                   .threads = options.threads});
    why::TokenInfluence influence{ids.size() - first_made, ids.size(), found.influence};
    for (const double gap : found.gaps) {
      influence.gap = std::max(influence.gap.value_or(0), std::abs(gap));
    }
    return influence;
  };
}

why::TokenMethod rollout_method(const ModelFiles& model, Backend& backend) {
  auto* native = dynamic_cast<native::NativeBackend*>(&backend);
  if (native == nullptr) {
    throw SettingError("`method`", {"method", "rollout", "a model that the native engine runs",
                                    "rollout needs the attention of " + model.name +
                                        ", which the native engine alone shows: leave `backend` "
                                        "and `device` out, or take another method"});
  }
  return [native](const std::vector<TokenId>& ids, std::size_t first_made) {
    const std::vector<double> found =
        attention_rollout(*native, ids, made_places<int>(ids.size(), first_made));
    return why::TokenInfluence{
        ids.size() - first_made, ids.size(), {found.begin(), found.end()}, std::nullopt};
  };
}

}  // namespace

std::vector<std::string> why_method_names() {
  return {"occlusion", "shapley", "gradient", "integrated-gradients", "rollout"};
}

why::Method why_method(const std::string& name) {
  using Kind = why::Method::Kind;
  if (name == "occlusion") return {Kind::kOcclusion, name};
  if (name == "shapley") return {Kind::kShapley, name};
  why::Method method{Kind::kTokens, name};
  if (name == "rollout") {
    method.unit = "share of attention";
    method.note = "Attention says where a model reads, not why it says what it says.";
  }
  return method;
}

void bind_method(why::Method& method, const ModelFiles& model, Backend& backend,
                 const DerivativeOptions& options) {
  if (method.kind != why::Method::Kind::kTokens) return;
  if (method.name == "rollout") {
    method.tokens = rollout_method(model, backend);
    return;
  }
  load_gradients();
  method.tokens = gradient_method(method.name == "gradient" ? GradientMethod::kGradientTimesInput
                                                            : GradientMethod::kIntegratedGradients,
                                  model, options);
}

}  // namespace medgen::jobs
