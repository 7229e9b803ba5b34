// Tokenizers of other people's checkpoints, as a user sees them: what `convert` takes along, and
// what `tokenize` and `inspect` show of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/models.h"
#include "cli/process.h"

namespace medgen::cli_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

// A tokenizer folder of 277 ids, with files beside it. The tiny model has 300.
class TokenizerCliTest : public ::testing::Test {
 protected:
  TokenizerCliTest() {
    fs::remove_all(folder());
    fs::copy(checkpoint_tokenizer(), folder());
  }
  static fs::path folder() { return scratch() / "tokenizer-set"; }
  static void beside(const std::string& name, const std::string& text) {
    write(folder() / name, text);
  }
  static Json ids(std::vector<std::string> more) {
    std::vector<std::string> words = {"tokenize", "--json", "--tokenizer", folder().string()};
    words.insert(words.end(), more.begin(), more.end());
    const RunResult result = run(words);
    EXPECT_EQ(result.status, 0) << result.err;
    return Json::parse(result.out)["ids"];
  }
};

TEST_F(TokenizerCliTest, TokenizeListsAddedTokensAndAddsWhatGoesAroundAPrompt) {
  beside("added_tokens.json", R"({"metoprolol": 277, "<|user|>": 278})");
  beside("special_tokens_map.json", R"({"additional_special_tokens": ["<|user|>"]})");
  beside("tokenizer_config.json", R"({"add_bos_token": true})");
  const RunResult list = run({"tokenize", "--added", "--tokenizer", folder().string()});
  EXPECT_EQ(list.out, "276\tspecial\t<|endoftext|>\n277\t-\tmetoprolol\n278\tspecial\t<|user|>\n");
  EXPECT_EQ(Json::parse(run({"tokenize", "--added", "--json", "--tokenizer", folder().string()})
                            .out)["added"][1]["text"],
            "metoprolol");
  EXPECT_EQ(ids({"metoprolol"}), Json({277}));
  EXPECT_EQ(ids({"--as-prompt", "--specials", "<|user|>metoprolol"}), Json({276, 278, 277}));
  EXPECT_GT(ids({"<|user|>"}).size(), 1U);
  // The same when a file of the folder is named.
  const RunResult named = run({"tokenize", "--json", "--as-prompt", "--tokenizer",
                               (folder() / "vocab.json").string(), "metoprolol"});
  EXPECT_EQ(Json::parse(named.out)["ids"], Json({276, 277})) << named.err;
}

TEST_F(TokenizerCliTest, OptionsThatReadNoTextAreNotGivenWithThoseThatDo) {
  EXPECT_EQ(run({"tokenize", "--added", "text"}).status, 2);
  EXPECT_EQ(run({"tokenize", "--added", "--specials"}).status, 2);
  EXPECT_EQ(run({"tokenize", "--jsonl", "--decode", "--as-prompt"}).status, 2);
}

TEST_F(TokenizerCliTest, ConvertTakesEveryFileAlong) {
  beside("added_tokens.json", R"({"metoprolol": 277, "[PAD]": 300})");
  beside("special_tokens_map.json", R"({"pad_token": "[PAD]"})");
  const std::string out = (scratch() / "with-added").string();
  const RunResult converted = run(
      {"convert", checkpoint("gelu_new_odd_head").string(), out, "--tokenizer", folder().string()});
  ASSERT_EQ(converted.status, 0) << converted.err;
  const Json shown = Json::parse(run({"inspect", out, "--json"}).out)["tokenizer"];
  EXPECT_EQ(shown["size"], 300);
  EXPECT_EQ(shown["added"].size(), 2U);
  EXPECT_EQ(shown["added"][1]["text"], "metoprolol");
  EXPECT_THAT(run({"inspect", out}).out, HasSubstr("277 \"metoprolol\""));
  EXPECT_EQ(Json::parse(run({"tokenize", "--json", "--tokenizer", out, "metoprolol"}).out)["ids"],
            Json({277}));
  // The model has no row for it.
  const RunResult beyond = run({"tokenize", "--specials", "--tokenizer", out, "[PAD]"});
  EXPECT_EQ(beyond.status, 2);
  EXPECT_THAT(beyond.err, HasSubstr("300"));
}

TEST_F(TokenizerCliTest, ATokenizerThatIsNotUnderstoodLeavesNoFolder) {
  beside("tokenizer_config.json", R"({"add_bos_token": "true"})");
  const fs::path out = scratch() / "not-understood";
  const RunResult refused = run({"convert", checkpoint("gelu_new_odd_head").string(), out.string(),
                                 "--tokenizer", folder().string()});
  EXPECT_EQ(refused.status, 3);
  EXPECT_THAT(refused.err, HasSubstr((folder() / "tokenizer_config.json").string()));
  EXPECT_THAT(refused.err, HasSubstr("add_bos_token"));
  EXPECT_FALSE(fs::exists(out));
}

}  // namespace
}  // namespace medgen::cli_tests
