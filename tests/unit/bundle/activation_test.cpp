// The table from an activation's name to its formula.
#include "bundle/activation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "places.h"
#include "unit/bundle/support.h"
#include "unit/exact_activation.h"

namespace medgen::bundle {
namespace {

using bundle_test::error_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

double difference(const std::string& a, const std::string& b) {
  double worst = 0;
  for (double x = -12; x <= 12; x += 0.01) {
    worst = std::max(worst, std::fabs(exact_activation(a, x) - exact_activation(b, x)));
  }
  return worst;
}

TEST(ActivationTest, NamesShareAFormulaIfTheyAreTheSameFunction) {
  for (const std::string& a : known_activations()) {
    for (const std::string& b : known_activations()) {
      const bool same = activation_formula(a) == activation_formula(b);
      EXPECT_EQ(same, difference(a, b) < 1e-6) << a << " " << b;
    }
  }
}

// The fixture holds all of ACT2FN; scripts/make_activation_fixtures.py writes it.
TEST(ActivationTest, TheNamesAndFormulasAreThoseOfTransformers) {
  const auto fixture = nlohmann::json::parse(
      base::read_file(std::filesystem::path(MEDGEN_FIXTURES) / "activations.json", 1U << 20U));
  const auto x = fixture["x"].get<std::vector<double>>();
  std::vector<std::string> names;
  for (const auto& [name, values] : fixture["values"].items()) {
    names.push_back(name);
    const auto y = values.get<std::vector<double>>();
    ASSERT_EQ(y.size(), x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(exact_activation(name, x[i]), y[i], 1e-8) << name << " of " << x[i];
    }
  }
  EXPECT_EQ(names, known_activations());
}

TEST(ActivationTest, WhatHasLearnedParametersIsRefusedByName) {
  for (const std::string name : {"prelu", "xielu"}) {  // "learned" in the fixture
    EXPECT_THAT(error_of([&] { activation_formula(name); }),
                AllOf(HasSubstr("\"" + name + "\""), HasSubstr("learned"), HasSubstr("gelu_new")));
  }
  EXPECT_THAT(error_of([] { activation_formula("softsign"); }),
              AllOf(HasSubstr("\"softsign\""), HasSubstr("gelu_new"), Not(HasSubstr("learned"))));
  EXPECT_LT(error_of([] { activation_formula(std::string(10'000, 'x')); }).size(), 1000U);
}

}  // namespace
}  // namespace medgen::bundle
