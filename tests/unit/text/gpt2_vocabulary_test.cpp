// Vocabulary files that are not what they should be, and the variants of tokenizer.json that are
// fine.
#include "text/gpt2_vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "text/gpt2_bpe.h"
#include "unit/text/support.h"

namespace medgen::text {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using text_test::content_of;
using text_test::count_differences;
using text_test::error_of;
using text_test::gpt2_fixture;
using text_test::reference_texts;

json good_json() { return json::parse(content_of(gpt2_fixture() / "json" / "tokenizer.json")); }

class Gpt2VocabularyTest : public ::testing::Test {
 protected:
  // Loads the folder and expects an Error(kModel) that says all of `parts`.
  void expect_error(const std::vector<std::string>& parts) {
    const auto error = error_of([&] { load_tokenizer(folder_.path()); });
    ASSERT_TRUE(error) << "no error; expected " << parts.front();
    EXPECT_EQ(error->code(), ErrorCode::kModel);
    for (const auto& part : parts) EXPECT_THAT(error->what(), HasSubstr(part));
  }
  void with_merges(const std::string& merges) {
    folder_.write("vocab.json", content_of(gpt2_fixture() / "vocab.json"));
    folder_.write("merges.txt", merges);
  }
  void with_vocab(const std::string& vocab) {
    folder_.write("vocab.json", vocab);
    folder_.write("merges.txt", "#version: 0.2\n");
  }
  void with_json(const std::function<void(json&)>& change) {
    json root = good_json();
    change(root);
    folder_.write("tokenizer.json", root.dump());
  }
  std::unique_ptr<Tokenizer> load() { return load_tokenizer(folder_.path()); }

  TemporaryFolder folder_;
};

TEST_F(Gpt2VocabularyTest, BadMergesNameFileAndLine) {
  with_merges("#version: 0.2\nĠ t\nabc\n");
  expect_error({"merges.txt", "line 3", "'abc'"});
  with_merges("Ġ t\nĠ  a\n");
  expect_error({"merges.txt", "line 2"});
  with_merges("Ġ t x\n");
  expect_error({"merges.txt", "line 1"});
  with_merges("\n\nĠ no-such-token\n");
  expect_error({"merges.txt", "line 3", "'no-such-token'", "not in the vocabulary"});
  with_merges("Ġ \xF0\xFF\x01\n");
  expect_error({"merges.txt", "line 1"});
}

TEST_F(Gpt2VocabularyTest, WindowsLineEndsAndAMissingVersionLineAreFine) {
  std::string merges = content_of(gpt2_fixture() / "merges.txt");
  merges.erase(0, merges.find('\n') + 1);
  for (std::size_t at = 0; (at = merges.find('\n', at)) != merges.npos; at += 2)
    merges.insert(at, 1, '\r');
  with_merges(merges);
  EXPECT_EQ(count_differences(*load(), reference_texts()), 0);
}

TEST_F(Gpt2VocabularyTest, BadVocabulariesSayWhatIsWrong) {
  with_vocab("{\"a\": 0,");
  expect_error({"vocab.json", "not valid JSON", "column 9"});
  with_vocab("[1, 2]");
  expect_error({"vocab.json", "no vocabulary"});
  with_vocab("{}");
  expect_error({"vocab.json", "no vocabulary"});
  with_vocab("{\"a\": \"b\"}");
  expect_error({"vocab.json", "'a'", "whole numbers"});
  with_vocab("{\"a\": -1}");
  expect_error({"vocab.json", "-1"});
  with_vocab("{\"a\": 1.5}");
  expect_error({"vocab.json", "1.5"});
  with_vocab("{\"a\": 4000000000}");
  expect_error({"vocab.json", "4000000000"});
  with_vocab("{\"a\": 3, \"b\": 3}");
  expect_error({"vocab.json", "same id 3"});
  with_vocab("{\"\": 3}");
  expect_error({"vocab.json", "empty"});
  with_vocab("\xFF\xFE{}");
  expect_error({"vocab.json", "not valid JSON"});
  with_vocab(std::string(100000, '['));
  expect_error({"vocab.json", "no vocabulary"});
  with_vocab("3");
  expect_error({"vocab.json", "no vocabulary"});
  with_vocab("{\"a\": 0, \"a\": 1}");
  expect_error({"vocab.json", "'a'", "twice"});
  for (const char* value : {"{\"b\": 1}", "[1]", "null", "true"}) {
    with_vocab(std::string("{\"a\": ") + value + "}");
    expect_error({"vocab.json", "'a'", "whole numbers"});
  }
}

TEST_F(Gpt2VocabularyTest, AVocabularyWithoutEndOfTextHasNoBosOrEos) {
  json vocab = json::parse(content_of(gpt2_fixture() / "vocab.json"));
  vocab.erase("<|endoftext|>");
  with_vocab(vocab.dump());
  EXPECT_EQ(load()->eos_id(), std::nullopt);
  EXPECT_EQ(load()->bos_id(), std::nullopt);
}

TEST_F(Gpt2VocabularyTest, MergesMayBeStringsOrPairs) {
  with_json([](json& root) {
    ASSERT_TRUE(root["model"]["merges"][0].is_array());
    for (json& merge : root["model"]["merges"]) {
      merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
    }
  });
  EXPECT_EQ(count_differences(*load(), reference_texts()), 0);
}

TEST_F(Gpt2VocabularyTest, AddPrefixSpaceIsHonoured) {
  with_json([](json& root) { root["pre_tokenizer"]["add_prefix_space"] = true; });
  const auto tokenizer = load();
  // As Hugging Face's `tokenizers` gives them.
  EXPECT_THAT(tokenizer->encode("I feel that I have a fever and cough."),
              ElementsAre(314, 1254, 326, 314, 423, 257, 17372, 290, 22094, 13));
  EXPECT_THAT(tokenizer->encode(" a"), ElementsAre(257));
  EXPECT_THAT(tokenizer->encode("\na"), ElementsAre(220, 198, 64));
  EXPECT_TRUE(tokenizer->encode("").empty());
}

TEST_F(Gpt2VocabularyTest, AddedTokensThatAreNotSpecialAreFoundInEveryText) {
  with_json([](json& root) {
    root["added_tokens"].push_back({{"id", 50300}, {"content", "<dose>"}, {"special", false}});
    root["added_tokens"].push_back({{"id", 50301}, {"content", "<dose>s"}, {"special", true}});
  });
  const auto tokenizer = load();
  EXPECT_EQ(tokenizer->vocab_size(), 50302);
  EXPECT_THAT(tokenizer->encode("a<dose>s"), ElementsAre(64, 50300, 82));
  EXPECT_THAT(tokenizer->encode("a<dose>s", Specials::kParse), ElementsAre(64, 50301));
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{50300, 82}), "<dose>s");
}

TEST_F(Gpt2VocabularyTest, IgnoreMergesTakesAWholeWordFromTheVocabulary) {
  const auto without_merges = [](json& root) { root["model"]["merges"] = json::array(); };
  with_json(without_merges);
  EXPECT_EQ(load()->encode(" fever").size(), 6U);
  with_json([&](json& root) {
    without_merges(root);
    root["model"]["ignore_merges"] = true;
  });
  EXPECT_THAT(load()->encode(" fever"), ElementsAre(17372));
}

TEST_F(Gpt2VocabularyTest, OtherKindsOfTokenizerJsonAreRefusedByName) {
  with_json([](json& root) { root["normalizer"] = {{"type", "Nmt"}}; });
  expect_error({"tokenizer.json", "normalizer", "'Nmt'"});
  with_json([](json& root) { root["pre_tokenizer"] = {{"type", "Whitespace"}}; });
  expect_error({"pre-tokenizer", "'Whitespace'"});
  with_json([](json& root) { root["pre_tokenizer"] = nullptr; });
  expect_error({"pre-tokenizer", "'null'"});
  with_json([](json& root) { root["pre_tokenizer"]["use_regex"] = 0; });
  expect_error({"use_regex"});
  with_json([](json& root) { root["model"]["type"] = "WordPiece"; });
  expect_error({"'WordPiece'", "'BPE'"});
  with_json([](json& root) { root["model"]["end_of_word_suffix"] = "</w>"; });
  expect_error({"end_of_word_suffix"});
  with_json([](json& root) { root["model"]["dropout"] = 0.1; });
  expect_error({"dropout"});
}

TEST_F(Gpt2VocabularyTest, BrokenTokenizerJsonSaysWhatIsWrong) {
  folder_.write("tokenizer.json", "{\"model\": ");
  expect_error({"tokenizer.json", "not valid JSON"});
  folder_.write("tokenizer.json", "[]");
  expect_error({"no \"model\""});
  folder_.write("tokenizer.json", "{\"a\": 1}");
  expect_error({"no \"model\""});
  with_json([](json& root) { root["model"] = 7; });
  expect_error({"model of type"});
  with_json([](json& root) { root["model"].erase("vocab"); });
  expect_error({"no vocabulary"});
  with_json([](json& root) { root["model"].erase("merges"); });
  expect_error({"model.merges"});
  with_json([](json& root) { root["model"]["merges"][7] = json::array({"a"}); });
  expect_error({"model.merges[7]"});
  with_json([](json& root) { root["added_tokens"][0]["lstrip"] = 1; });
  expect_error({"lstrip", "<|endoftext|>"});
  with_json([](json& root) { root["added_tokens"][0]["id"] = 5; });
  expect_error({"50256"});
  with_json([](json& root) { root["added_tokens"] = 5; });
  expect_error({"added_tokens"});
  with_json([](json& root) { root["added_tokens"][0].erase("content"); });
  expect_error({"added_tokens"});
}

TEST_F(Gpt2VocabularyTest, DamagedFilesNeverDoWorseThanAnError) {
  const std::string whole = content_of(gpt2_fixture() / "json" / "tokenizer.json");
  std::mt19937 random(4);
  int refused = 0;
  for (int round = 0; round < 60; ++round) {
    std::string damaged = whole;
    for (int i = 0; i < 3; ++i) damaged[random() % damaged.size()] = static_cast<char>(random());
    if (round % 3 == 0) damaged.resize(random() % damaged.size());
    folder_.write("tokenizer.json", damaged);
    try {
      const auto tokenizer = load();
      tokenizer->decode(tokenizer->encode("I have a fever", Specials::kParse));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kModel);
      ++refused;
    }
  }
  EXPECT_GT(refused, 20);
}

}  // namespace
}  // namespace medgen::text
