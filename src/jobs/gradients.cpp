// See the header.
#include "jobs/gradients.h"

#include "bundle/gpt2_parameters.h"
#include "medgen/error.h"
#include "wiring/torch_module.h"

namespace medgen::jobs {

void load_gradients() { wiring::torch_room(); }

torchscript::GradientInfluence gradient_influence(const ModelFiles& model,
                                                  const torchscript::GradientAsked& asked) {
  if (!model.not_gpt2.empty()) {
    throw Error(ErrorCode::kModel,
                "gradients are of a GPT-2 whose parameters are read, and this model is none: " +
                    model.not_gpt2 + "; occlusion needs none");
  }
  if (model.verify) model.verify();
  const auto parameters = bundle::Gpt2Parameters::open(model.model_pt, model.config);
  return wiring::torch_room().gradient_influence(parameters.config(), parameters.reader(), asked);
}

}  // namespace medgen::jobs
