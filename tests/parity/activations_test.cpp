// Every activation in the exported module, against the formulas of GPT-2 in double. The native
// engine's and the training step's are compared with the same formulas and with this module
// elsewhere: tests/unit/native, train_gradients_test.cpp.
#include <gtest/gtest.h>

#include <cmath>

#include "bundle/activation.h"
#include "needs_torch.h"
#include "unit/native/tiny_model.h"
#include "wiring/torch_module.h"

namespace medgen {
namespace {

using native::TinyModel;

std::vector<int> some_tokens(const TinyModel& model) {
  std::vector<int> tokens;
  for (int i = 0; i < 30; ++i) tokens.push_back((i * 31 + 5) % model.config.vocab_size);
  return tokens;
}

double largest_error(Backend& backend, const TinyModel& model) {
  const std::vector<int> tokens = some_tokens(model);
  const std::vector<double> exact = model.exact(tokens);
  const int slot = backend.acquire_slot();
  std::vector<Row> rows;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    rows.push_back({slot, tokens[i], static_cast<int>(i), true});
  }
  const auto logits = backend.step(rows);
  double worst = logits.size() == exact.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < exact.size() && i < logits.size(); ++i) {
    const double error = std::fabs(static_cast<double>(logits[i]) - exact[i]);
    worst = error <= worst ? worst : error;  // a NaN counts as larger
  }
  backend.release_slot(slot);
  return worst;
}

class ActivationParityTest : public ::testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(All, ActivationParityTest,
                         ::testing::ValuesIn(bundle::known_activations()),
                         [](const auto& test) { return test.param; });

TEST_P(ActivationParityTest, TheExportedModuleComputesTheFormula) {
  MEDGEN_NEEDS_TORCH();
  TinyModel model = TinyModel::with_activation(GetParam());
  const auto backend = wiring::torch_room().open_backend(
      model.config, model.reader(), {.max_slots = 1, .threads = 1, .device = "cpu"});
  EXPECT_LT(largest_error(*backend, model), 1e-4);
  // Companion: a different activation would be detected.
  for (const char* name : {"gelu", "gelu_10", "relu", "relu6"}) {
    if (bundle::activation_formula(name) == bundle::activation_formula(GetParam())) continue;
    model.config.activation_function = name;
    EXPECT_GT(largest_error(*backend, model), 3e-4) << name;
  }
}

}  // namespace
}  // namespace medgen
