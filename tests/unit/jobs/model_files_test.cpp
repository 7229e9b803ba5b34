// What a model is fed.
#include "jobs/model_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "medgen/error.h"
#include "unit/byte_tokenizer.h"

namespace medgen::jobs {
namespace {

using ::testing::ElementsAre;

TEST(PromptTokensTest, ModelsMayWantATokenInFrontOfThePrompt) {
  ModelFiles model;
  model.tokenizer = std::make_shared<ByteTokenizer>();
  EXPECT_THAT(prompt_tokens(model, "ab"), ElementsAre('a', 'b'));
  EXPECT_THAT(prompt_tokens(model, ""), ElementsAre(256));
  model.prompt_prefix = 7;
  EXPECT_THAT(prompt_tokens(model, "ab"), ElementsAre(7, 'a', 'b'));
  EXPECT_THAT(prompt_tokens(model, ""), ElementsAre(7));
}

TEST(PromptTokensTest, LongPromptKeepsItsEndAndRoomForTheContinuation) {
  StoppingParams stopping;
  stopping.max_length = 150;
  EXPECT_EQ(kept_prompt_tokens(149, 256, stopping), 149);
  EXPECT_EQ(kept_prompt_tokens(150, 256, stopping), 75);
  EXPECT_EQ(kept_prompt_tokens(1000, 100, stopping), 50);
  EXPECT_EQ(kept_prompt_tokens(2, 1, stopping), 1);
  stopping.max_new_tokens = 20;
  EXPECT_EQ(kept_prompt_tokens(256, 256, stopping), 256);
  EXPECT_EQ(kept_prompt_tokens(257, 256, stopping), 236);
  stopping.max_new_tokens = 5000;
  EXPECT_EQ(kept_prompt_tokens(257, 256, stopping), 128);
}

}  // namespace
}  // namespace medgen::jobs
