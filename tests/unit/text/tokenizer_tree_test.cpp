// A tokenizer.json read without a tree of its vocabulary and its merges.
#include "text/tokenizer_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "medgen/error.h"
#include "unit/text/support.h"

namespace medgen::text {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TokenizerTreeTest : public ::testing::Test {
 protected:
  TokenizerTree read(const std::string& content) {
    folder_.write("tokenizer.json", content);
    builder_.emplace(file_, content.size());
    return read_tokenizer_tree(file_, *builder_);
  }

  std::string refusal(const std::string& content) {
    try {
      read(content);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kModel);
      EXPECT_THAT(error.what(), HasSubstr(file_.string()));
      return error.what();
    }
    return "";
  }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "tokenizer.json";
  std::optional<VocabularyBuilder> builder_;
};

TEST_F(TokenizerTreeTest, KeepsEverythingButTheVocabularyAndTheMerges) {
  const TokenizerTree tree = read(
      R"({"vocab": {"x": [1, -2, 0.5, true, null, "t"]}, "merges": ["a"], "list": [[], {}, [{}]],
          "model": {"merges": ["a b", ["c", " d"]], "type": "BPE", "deep": {"vocab": {"z": 1},
          "merges": [1]}, "vocab": {"a": 0, "b": 1}, "unk_token": "a"}, "version": "1.0"})");
  EXPECT_EQ(tree.root, nlohmann::json::parse(
                           R"({"vocab": {"x": [1, -2, 0.5, true, null, "t"]}, "merges": ["a"],
          "list": [[], {}, [{}]], "model": {"merges": null, "type": "BPE", "deep": {"vocab":
          {"z": 1}, "merges": [1]}, "vocab": null, "unk_token": "a"}, "version": "1.0"})"));
  EXPECT_THAT(builder_->result.pieces, ElementsAre("a", "b"));
  std::vector<std::string> merges;
  tree.merges.for_each([&](std::size_t i, std::string_view left, std::string_view right) {
    merges.push_back(std::to_string(i) + std::string(left) + "|" + std::string(right));
  });
  EXPECT_THAT(merges, ElementsAre("0a|b", "1c| d"));
  EXPECT_TRUE(tree.has_merges);
}

TEST_F(TokenizerTreeTest, LeavesAVocabularyAndMergesOfAnotherKindInTheTree) {
  const TokenizerTree tree = read(R"({"model": {"vocab": [["a", -1.5]], "merges": {"a": 1}}})");
  EXPECT_EQ(tree.root.dump(), R"({"model":{"merges":{"a":1},"vocab":[["a",-1.5]]}})");
  EXPECT_TRUE(builder_->result.ids.empty());
  EXPECT_FALSE(tree.has_merges);
  EXPECT_EQ(read("3").root, 3);
  EXPECT_EQ(read(R"([{"vocab": {"a": 0}}])").root.dump(), R"([{"vocab":{"a":0}}])");
}

TEST_F(TokenizerTreeTest, RefusesWhatIsNoMergeByItsPlace) {
  for (const char* wrong : {"3", "null", "true", "{}", "[]", R"(["a"])", R"(["a", "b", "c"])",
                            R"([["a"], "b"])", R"(["a", 1])", R"("ab")", R"("a b c")", "0.5"}) {
    EXPECT_THAT(refusal(std::string(R"({"model": {"merges": ["a b", )") + wrong + "]}}"),
                HasSubstr("model.merges[1]: expected"))
        << wrong;
  }
}

TEST_F(TokenizerTreeTest, RefusesAWrongVocabularyAndWhatIsNoJson) {
  EXPECT_THAT(refusal(R"({"model": {"vocab": {"a": -1}}})"), AllOf(HasSubstr("'a'")));
  EXPECT_THAT(refusal(R"({"model": {"vocab": {"a": {}}}})"), HasSubstr("'a'"));
  EXPECT_THAT(refusal(R"({"model": {"vocab": {"a": 0, "a": 1}}})"), HasSubstr("twice"));
  EXPECT_THAT(refusal(R"({"model": {"vocab": {"a": 0}, "vocab": {}}})"), HasSubstr("twice"));
  EXPECT_THAT(refusal(R"({"model": {"merges": [], "merges": []}})"), HasSubstr("twice"));
  EXPECT_THAT(refusal(R"({"model": {"vocab": {"a": 0)"), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal(R"({"model": {"merges": ["a b")"), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal(""), HasSubstr("not valid JSON"));
}

}  // namespace
}  // namespace medgen::text
