// Which file of a checkpoint's folder its defaults come from.
#include "jobs/model_defaults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "medgen/error.h"
#include "temporary_folder.h"
#include "unit/byte_tokenizer.h"

namespace medgen::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = engine::SettingsJson;

class GenerationConfigOfTest : public ::testing::Test {
 protected:
  void write(const char* name, const std::string& text) { base::write_file(folder_ / name, text); }
  TemporaryFolder folder_;
};

TEST_F(GenerationConfigOfTest, IsGenerationConfigAsItStands) {
  write("config.json", R"({"n_embd": 4})");
  write("generation_config.json", "{ \"top_k\":  7 }");
  const GenerationConfig found = generation_config_of(folder_.path());
  EXPECT_EQ(found.text, "{ \"top_k\":  7 }");
  EXPECT_THAT(found.notes, IsEmpty());
}

TEST_F(GenerationConfigOfTest, IsWhatConfigHoldsWhereThereIsNoOther) {
  write("config.json", R"({"n_embd": 4, "repetition_penalty": 1.3, "max_length": 20,
                           "eos_token_id": [1, 2]})");
  EXPECT_EQ(Json::parse(generation_config_of(folder_.path()).text),
            Json::parse(R"({"repetition_penalty": 1.3, "eos_token_id": [1, 2]})"));
  write("config.json", R"({"n_embd": 4, "eos_token_id": 1})");
  EXPECT_EQ(generation_config_of(folder_.path()).text, "");
}

TEST_F(GenerationConfigOfTest, NamesWhatTheTwoFilesSayOtherwise) {
  write("config.json", R"({"repetition_penalty": 1.3, "top_k": 7})");
  write("generation_config.json", R"({"top_k": 7})");
  const GenerationConfig found = generation_config_of(folder_.path());
  EXPECT_EQ(found.text, R"({"top_k": 7})");
  EXPECT_THAT(found.notes, ElementsAre(HasSubstr("config.json sets repetition_penalty")));
}

TEST_F(GenerationConfigOfTest, RefusesAValueByItsFile) {
  write("config.json", R"({"repetition_penalty": -1.3})");
  try {
    generation_config_of(folder_.path());
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kModel);
    EXPECT_THAT(error.what(), HasSubstr("config.json: repetition_penalty is -1.3"));
  }
}

TEST_F(GenerationConfigOfTest, TheEndOfATextIsTheConfigsWhereTheFileDoesNotSay) {
  const ByteTokenizer tokenizer;
  ModelConfig config;
  config.eos_token_id = 10;
  EXPECT_EQ(model_defaults(folder_.path(), config, tokenizer).settings,
            Json::parse(R"({"eos_token_id": [10]})"));
  write("generation_config.json", R"({"eos_token_id": [10, 256]})");
  EXPECT_EQ(model_defaults(folder_.path(), config, tokenizer).settings,
            Json::parse(R"({"eos_token_id": [10, 256]})"));
  config.eos_token_id = 256;
  write("generation_config.json", "{}");
  EXPECT_THAT(model_defaults(folder_.path(), config, tokenizer).settings, IsEmpty());
}

}  // namespace
}  // namespace medgen::jobs
