// How what the user typed, what the model suggests and the defaults become one set of parameters.
// Knows nothing of parsing.
#include "cli/options/generate_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "medgen/error.h"

namespace medgen::cli {
namespace {

TEST(GenerateOptionsTest, DefaultsAreThoseOfParams) {
  const DecodingSettings settings = resolve(GenerateArguments{}, {});
  EXPECT_EQ(settings.sampling.temperature, SamplingParams{}.temperature);
  EXPECT_EQ(settings.sampling.top_k, SamplingParams{}.top_k);
  EXPECT_EQ(settings.stopping.max_length, StoppingParams{}.max_length);
  EXPECT_EQ(settings.num_return_sequences, kDefaultNumReturnSequences);
}

TEST(GenerateOptionsTest, ModelSetsDefaultsAndTheUserWins) {
  engine::ModelDefaults model;
  model.settings = {{"temperature", 0.9}, {"top_k", 10}, {"num_return_sequences", 5}};
  GenerateArguments arguments;
  arguments.decoding.given["top_k"] = 0;
  const DecodingSettings settings = resolve(arguments, model);
  EXPECT_EQ(settings.sampling.temperature, 0.9);
  EXPECT_EQ(settings.sampling.top_k, 0);
  EXPECT_EQ(settings.num_return_sequences, 5);
}

TEST(GenerateOptionsTest, MaxLengthOfTheUserWinsOverMaxNewTokensOfTheModel) {
  engine::ModelDefaults model;
  model.settings = {{"max_new_tokens", 20}};
  EXPECT_EQ(resolve(GenerateArguments{}, model).stopping.max_new_tokens, 20);
  GenerateArguments arguments;
  arguments.decoding.given["max_length"] = 100;
  EXPECT_FALSE(resolve(arguments, model).stopping.max_new_tokens);
}

TEST(GenerateOptionsTest, GreedyMeansOneUnlessAskedForMore) {
  GenerateArguments arguments;
  arguments.decoding.greedy = true;
  EXPECT_EQ(resolve(arguments, {}).sampling.temperature, 0);
  EXPECT_EQ(resolve(arguments, {}).num_return_sequences, 1);
  arguments.decoding.given["num_return_sequences"] = 2;
  EXPECT_THROW(resolve(arguments, {}), Error);
}

TEST(GenerateOptionsTest, ModelThatDoesNotSampleIsGreedyUntilATemperatureIsGiven) {
  engine::ModelDefaults model;
  model.settings = {{"do_sample", false}, {"num_return_sequences", 3}};
  EXPECT_EQ(resolve(GenerateArguments{}, model).sampling.temperature, 0);
  EXPECT_EQ(resolve(GenerateArguments{}, model).num_return_sequences, 1);
  GenerateArguments arguments;
  arguments.decoding.given["temperature"] = 0.5;
  EXPECT_EQ(resolve(arguments, model).sampling.temperature, 0.5);
  EXPECT_EQ(resolve(arguments, model).num_return_sequences, 3);
}

TEST(GenerateOptionsTest, RefusesNumbersOfSequencesOutOfRange) {
  for (const int n : {0, -1, kMaxNumReturnSequences + 1, 1'000'000'000}) {
    GenerateArguments arguments;
    arguments.decoding.given["num_return_sequences"] = n;
    try {
      resolve(arguments, {});
      ADD_FAILURE() << n << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      EXPECT_THAT(error.what(), ::testing::HasSubstr(std::to_string(n)));
    }
  }
}

TEST(GenerateOptionsTest, RefusesThreadsOutOfRange) {
  GenerateArguments arguments;
  arguments.backend.threads = -1;
  EXPECT_THROW(resolve(arguments, {}), Error);
  arguments.backend.threads = 1;
  EXPECT_NO_THROW(resolve(arguments, {}));
}

TEST(GenerateOptionsTest, NoColorIsColorNever) {
  GenerateArguments arguments;
  EXPECT_EQ(color_choice(arguments), ColorChoice::kAuto);
  arguments.no_color = true;
  EXPECT_EQ(color_choice(arguments), ColorChoice::kNever);
}

}  // namespace
}  // namespace medgen::cli
