// The files of a tokenizer together: tokenizer.json, vocab.json with merges.txt, tokenizer.model,
// and what lies beside them. Each token of the small vocabulary here is a byte, whose id is its
// value, so that what is expected can be read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "text/byte_alphabet.h"
#include "text/tokenizer_settings.h"
#include "unit/text/support.h"

namespace medgen::text {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using text_test::error_of;
using text_test::small_sentencepiece_model;
using Ids = std::vector<TokenId>;

json bytes_vocabulary() {
  json vocabulary = json::object();
  for (std::size_t byte = 0; byte < 256; ++byte) vocabulary[byte_spellings()[byte]] = byte;
  vocabulary[kEndOfText] = 256;
  return vocabulary;
}

json added(const std::string& text, int id, bool special = false) {
  return {{"id", id},        {"content", text},        {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", !special}, {"special", special}};
}

json small_json() {
  return {{"version", "1.0"},
          {"truncation", {{"max_length", 1}}},
          {"padding", {{"pad_id", 8}}},
          {"added_tokens", json::array({added(kEndOfText, 256, true)})},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
          {"post_processor", nullptr},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model", {{"type", "BPE"}, {"vocab", bytes_vocabulary()}, {"merges", json::array()}}}};
}

class TokenizerSetTest : public ::testing::Test {
 protected:
  void with_json(const std::function<void(json&)>& change) {
    json root = small_json();
    change(root);
    folder_.write("tokenizer.json", root.dump());
  }
  void with_files() {
    folder_.write("vocab.json", bytes_vocabulary().dump());
    folder_.write("merges.txt", "#version: 0.2\n");
  }
  void beside(const std::string& name, const json& content) { folder_.write(name, content.dump()); }
  std::unique_ptr<Tokenizer> load() { return load_tokenizer(folder_.path()); }
  Ids encode(std::string_view text) { return load()->encode(text, Specials::kParse); }

  // Expects an Error(kModel) that says all of `parts`.
  void expect_refusal(const std::vector<std::string>& parts) {
    const auto error = error_of([&] { load(); });
    ASSERT_TRUE(error) << "no error; expected " << parts.front();
    EXPECT_EQ(error->code(), ErrorCode::kModel);
    for (const auto& part : parts) EXPECT_THAT(error->what(), HasSubstr(part));
  }

  TemporaryFolder folder_;
};

TEST_F(TokenizerSetTest, NormalizersAreApplied) {
  with_json([](json& root) {
    root["normalizer"] = {{"type", "Sequence"},
                          {"normalizers", {{{"type", "NFC"}}, {{"type", "Lowercase"}}}}};
  });
  EXPECT_THAT(encode("E\u0301"), ElementsAre(0xC3, 0xA9));
  with_json([](json& root) {
    root["normalizer"] = {{"type", "Strip"}, {"strip_left", true}, {"strip_right", false}};
  });
  EXPECT_THAT(encode(" a "), ElementsAre('a', ' '));
  with_json([](json& root) {
    root["normalizer"] = {{"type", "Sequence"}, {"normalizers", json::array()}};
  });
  EXPECT_THAT(encode("A"), ElementsAre('A'));
}

TEST_F(TokenizerSetTest, PreTokenizersThatMeanGpt2s) {
  const std::string pattern =
      R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
  const auto merged = [](json& root) {  // of a letter and a space, in either order
    root["model"]["vocab"]["a\u0120"] = 257;
    root["model"]["vocab"]["\u0120a"] = 258;
    root["model"]["merges"] = json::array({"a \u0120", "\u0120 a"});
  };
  const json level = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  json without_regex = level;
  without_regex["use_regex"] = false;
  const json split = {{"type", "Split"},
                      {"pattern", {{"Regex", pattern}}},
                      {"behavior", "Isolated"},
                      {"invert", false}};
  for (const json& parts : {json::array({level}), json::array({split, without_regex})}) {
    with_json([&](json& root) {
      merged(root);
      root["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", parts}};
    });
    EXPECT_THAT(encode("a a"), ElementsAre('a', 258));
  }
  with_json([&](json& root) {
    merged(root);
    root["pre_tokenizer"] = without_regex;
  });
  EXPECT_THAT(encode("a a"), ElementsAre(257, 'a'));
}

TEST_F(TokenizerSetTest, BytesWithoutATokenAreDroppedOrUnknown) {
  const auto without = [](json& root) {
    root["model"]["vocab"].erase("b");
    root["model"]["vocab"].erase("c");
    root["model"]["vocab"]["ad"] = 257;
    root["model"]["merges"] = json::array({"a d"});
  };
  with_json(without);
  EXPECT_THAT(encode("abcd"), ElementsAre(257));
  EXPECT_EQ(load()->vocab_size(), 258);
  with_json([&](json& root) {
    without(root);
    root["model"]["unk_token"] = kEndOfText;
  });
  EXPECT_THAT(encode("abcd"), ElementsAre('a', 256, 256, 'd'));
  with_json([&](json& root) {
    without(root);
    root["model"]["unk_token"] = kEndOfText;
    root["model"]["fuse_unk"] = true;
  });
  EXPECT_THAT(encode("abcd"), ElementsAre('a', 256, 'd'));
  with_json([&](json& root) { root["model"]["unk_token"] = "<no>"; });
  expect_refusal({"unk_token", "<no>"});
}

// An added token may be spelled as a byte of the alphabet is, and is not that byte all the same.
TEST_F(TokenizerSetTest, AnAddedTokenSpellsNoByte) {
  with_json([](json& root) {
    root["model"]["vocab"].erase("\u00b5");
    root["added_tokens"].push_back(added("\u00b5", 257));
  });
  EXPECT_THAT(encode("\u00b5"), ElementsAre(257));
  EXPECT_THAT(encode("\u0175"), ElementsAre(0xC5));
  EXPECT_EQ(load()->decode(Ids{257}), "\u00b5");
}

TEST_F(TokenizerSetTest, APostProcessorSaysWhatGoesAroundAText) {
  const auto token = [](const char* id) {
    return json{{"SpecialToken", {{"id", id}, {"type_id", 0}}}};
  };
  const json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const json tokens = {
      {kEndOfText, {{"id", kEndOfText}, {"ids", {256}}, {"tokens", {kEndOfText}}}}};
  const auto post = [&](const json& single) {
    return json{{"type", "TemplateProcessing"},
                {"single", single},
                {"pair", single},
                {"special_tokens", tokens}};
  };
  with_json([&](json& root) {
    root["post_processor"] = post({token(kEndOfText), text, token(kEndOfText)});
  });
  EXPECT_THAT(load()->text_frame().before, ElementsAre(256));
  EXPECT_THAT(load()->text_frame().after, ElementsAre(256));
  EXPECT_THAT(encode("a"), ElementsAre('a'));
  with_json([&](json& root) {
    root["post_processor"] = {
        {"type", "Sequence"},
        {"processors", {{{"type", "ByteLevel"}}, post({token(kEndOfText), text})}}};
  });
  EXPECT_THAT(load()->text_frame().before, ElementsAre(256));
  EXPECT_THAT(load()->text_frame().after, IsEmpty());
  with_json([&](json& root) {
    root["post_processor"] = {
        {"type", "RobertaProcessing"}, {"cls", {"<s>", 1}}, {"sep", {"</s>", 2}}};
  });
  EXPECT_THAT(load()->text_frame().before, ElementsAre(1));
  EXPECT_THAT(load()->text_frame().after, ElementsAre(2));
  with_json([&](json& root) { root["post_processor"] = post({token("<no>"), text}); });
  expect_refusal({"TemplateProcessing", "'<no>'"});
  with_json([&](json& root) { root["post_processor"] = post(json::array({token(kEndOfText)})); });
  expect_refusal({"TemplateProcessing", "leaves the text out"});
  with_json([&](json& root) {
    root["post_processor"] = post({token(kEndOfText), token(kEndOfText), text});
  });
  expect_refusal({"2 tokens before a text"});
}

TEST_F(TokenizerSetTest, WhatIsNotKnownIsRefusedByName) {
  const std::vector<std::pair<std::function<void(json&)>, std::string>> changes = {
      {[](json& root) {
         root["normalizer"] = {{"type", "BertNormalizer"}};
       },
       "'BertNormalizer'"},
      {[](json& root) {
         root["normalizer"] = {{"type", "NFC"}, {"form", 1}};
       },
       "'form'"},
      {[](json& root) {
         root["post_processor"] = {{"type", "Other"}};
       },
       "post-processor 'Other'"},
      {[](json& root) {
         root["decoder"] = {{"type", "WordPiece"}};
       },
       "decoder 'WordPiece'"},
      {[](json& root) { root["other"] = 1; }, "'other'"},
      {[](json& root) { root["model"]["other"] = 1; }, "'other'"},
      {[](json& root) { root["model"]["ignore_merges"] = "no"; }, "ignore_merges"},
      {[](json& root) { root["added_tokens"][0]["other"] = true; }, "'other'"},
      {[](json& root) { root["added_tokens"][0]["lstrip"] = "yes"; }, "lstrip"},
      {[](json& root) { root["added_tokens"].push_back(root["added_tokens"][0]); }, "twice"},
      {[](json& root) { root["added_tokens"].push_back(added("<x>", 999999)); }, "far beyond"},
      {[](json& root) { root["added_tokens"].push_back(added("<x>", 65)); }, "the id of 'A'"},
      {[](json& root) { root["pre_tokenizer"]["other"] = true; }, "'other'"},
      {[](json& root) {
         root["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", json::array()}};
       },
       "no pre-tokenizer 'ByteLevel'"},
      {[](json& root) {
         root["pre_tokenizer"] = {
             {"type", "Sequence"},
             {"pretokenizers", {{{"type", "Punctuation"}}, {{"type", "ByteLevel"}}}}};
       },
       "'Punctuation'"},
      {[](json& root) {
         root["pre_tokenizer"] = {
             {"type", "Sequence"},
             {"pretokenizers",
              {{{"type", "Split"}, {"pattern", {{"Regex", "x"}}}}, {{"type", "ByteLevel"}}}}};
       },
       "a pattern of its own"},
      {[](json& root) {
         root["pre_tokenizer"] = {
             {"type", "Sequence"},
             {"pretokenizers", {{{"type", "ByteLevel"}}, {{"type", "Digits"}}}}};
       },
       "'ByteLevel' before others"},
  };
  for (const auto& [change, part] : changes) {
    with_json(change);
    expect_refusal({"tokenizer.json", part});
  }
  with_json([](json&) {});  // companion: none of it is wrong
  EXPECT_NO_THROW(load());
}

TEST_F(TokenizerSetTest, TokenizerJsonComesBeforeVocabAndMerges) {
  with_files();
  EXPECT_THAT(encode("<x>"), ElementsAre('<', 'x', '>'));
  with_json([](json& root) { root["added_tokens"].push_back(added("<x>", 257)); });
  EXPECT_THAT(encode("<x>"), ElementsAre(257));
}

TEST_F(TokenizerSetTest, AddedTokensDecoderCountsMoreThanTheOtherFiles) {
  with_files();
  beside("added_tokens.json", {{"<old>", 257}});
  beside("special_tokens_map.json", {{"pad_token", "<old>"}});
  EXPECT_THAT(encode("<old>"), ElementsAre(257));
  EXPECT_EQ(load()->pad_id(), 257);
  beside("tokenizer_config.json",
         {{"tokenizer_class", "GPT2Tokenizer"},
          {"added_tokens_decoder", {{"257", {{"content", "<new>"}, {"special", false}}}}}});
  EXPECT_THAT(encode("<old>"), ElementsAre('<', 'o', 'l', 'd', '>'));
  EXPECT_THAT(encode("<new><|endoftext|>"), ElementsAre(257, 256));
  EXPECT_EQ(load()->pad_id(), std::nullopt);
}

TEST_F(TokenizerSetTest, TokensHaveTheRolesThatTheFilesGiveThem) {
  with_files();
  EXPECT_EQ(load()->bos_id(), 256);
  beside("tokenizer_config.json", {{"tokenizer_class", "GPT2Tokenizer"},
                                   {"bos_token", "<s>"},
                                   {"pad_token", nullptr},
                                   {"additional_special_tokens", {"<|user|>"}}});
  const auto tokenizer = load();
  EXPECT_EQ(tokenizer->bos_id(), 257);
  EXPECT_EQ(tokenizer->eos_id(), 256);
  EXPECT_EQ(tokenizer->unk_id(), 256);
  EXPECT_EQ(tokenizer->pad_id(), std::nullopt);
  const std::vector<AddedToken> tokens = tokenizer->added_tokens();
  ASSERT_EQ(tokens.size(), 3U);
  EXPECT_EQ(tokens[1].text, "<s>");
  EXPECT_EQ(tokens[2].text, "<|user|>");
  EXPECT_TRUE(tokens[2].special);
  EXPECT_THAT(tokenizer->encode("<|user|>", Specials::kParse), ElementsAre(258));
  EXPECT_EQ(tokenizer->encode("<|user|>").size(), 8U);
}

TEST_F(TokenizerSetTest, PrefixSpaceBosAndEosOfTokenizerConfig) {
  with_files();
  beside("tokenizer_config.json",
         {{"add_prefix_space", true}, {"add_bos_token", true}, {"add_eos_token", true}});
  EXPECT_THAT(encode("a"), ElementsAre(' ', 'a'));
  EXPECT_THAT(load()->text_frame().before, ElementsAre(256));
  EXPECT_THAT(load()->text_frame().after, ElementsAre(256));
  // A file that is named is read with those beside it.
  const auto named = load_tokenizer(folder_.path() / "vocab.json");
  EXPECT_THAT(named->text_frame().before, ElementsAre(256));
  EXPECT_THAT(named->encode("a"), ElementsAre(' ', 'a'));
  // Of a tokenizer.json that transformers wrote, the post-processor alone counts.
  with_json([](json& root) { root["pre_tokenizer"]["add_prefix_space"] = true; });
  beside("tokenizer_config.json", {{"tokenizer_class", "GPT2Tokenizer"}, {"add_bos_token", true}});
  EXPECT_THAT(load()->text_frame().before, IsEmpty());
  EXPECT_THAT(encode("a"), ElementsAre('a'));
}

TEST_F(TokenizerSetTest, SettingsThatAreNotUnderstoodAreRefusedByName) {
  with_files();
  const std::vector<std::pair<json, std::string>> settings = {
      {{{"add_bos_token", "true"}}, "add_bos_token"},
      {{{"add_prefix_space", 1}}, "add_prefix_space"},
      {{{"bos_token", 7}}, "bos_token"},
      {{{"tokenizer_class", "BertTokenizer"}}, "'BertTokenizer'"},
      {{{"do_lower_case", true}}, "'do_lower_case'"},
      {{{"added_tokens_decoder", {{"x", {{"content", "<x>"}}}}}}, "'x'"},
      {{{"added_tokens_decoder", {{"300000", {{"content", "<x>"}}}}}}, "far beyond"},
      {{{"added_tokens_decoder", {{"65", {{"content", "<x>"}}}}}}, "the id of 'A'"},
      {{{"added_tokens_decoder", {{"300", {{"content", kEndOfText}}}}}}, "gives it 256"},
      {{{"added_tokens_decoder", json::array()}}, "added_tokens_decoder"},
      {json::array(), "not a JSON object"}};
  for (const auto& [content, part] : settings) {
    beside("tokenizer_config.json", content);
    expect_refusal({"tokenizer_config.json", part});
  }
  beside("tokenizer_config.json",
         {{"model_max_length", 1024}, {"do_lower_case", false}, {"extra_ids", 0}});
  EXPECT_NO_THROW(load());
}

TEST_F(TokenizerSetTest, AddedTokensBeyondTheModelAreRefusedOnlyWhereATextHoldsThem) {
  with_files();
  beside("added_tokens.json", {{"<x>", 257}});
  const auto tokenizer = load_tokenizer(folder_.path(), 257);
  EXPECT_EQ(tokenizer->vocab_size(), 257);
  EXPECT_THAT(tokenizer->encode("a"), ElementsAre('a'));
  const auto error = error_of([&] { tokenizer->encode("a<x>"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kUsage);
  EXPECT_THAT(error->what(), HasSubstr("257"));
  EXPECT_EQ(load_tokenizer(folder_.path(), 258)->encode("a<x>").size(), 2U);
  // The vocabulary itself must fit.
  EXPECT_EQ(load_tokenizer(folder_.path(), 100)->vocab_size(), 258);
}

TEST_F(TokenizerSetTest, SentencePieceModelsHaveAddedTokensToo) {
  folder_.write("spiece.model", small_sentencepiece_model());
  const int size = load()->vocab_size();
  const Ids fever = load()->encode("fever");
  beside("added_tokens.json", {{"<|user|>", size}, {"<|bot|>", size + 1}});
  beside("special_tokens_map.json", {{"additional_special_tokens", {"<|bot|>"}}});
  const auto tokenizer = load();
  EXPECT_EQ(tokenizer->vocab_size(), size + 2);
  Ids expected = {size};
  expected.insert(expected.end(), fever.begin(), fever.end());
  expected.push_back(size + 1);
  EXPECT_EQ(tokenizer->encode("<|user|>fever<|bot|>", Specials::kParse), expected);
  EXPECT_EQ(tokenizer->decode(expected), "<|user|>fever<|bot|>");
  EXPECT_EQ(tokenizer->piece(size), "<|user|>");
  EXPECT_NE(tokenizer->encode("<|bot|>").front(), size + 1);
  beside("tokenizer_config.json", {{"tokenizer_class", "LlamaTokenizer"}});
  EXPECT_THAT(load()->text_frame().before, ElementsAre(*tokenizer->bos_id()));
  beside("tokenizer_config.json", {{"tokenizer_class", "XLNetTokenizer"}});
  expect_refusal({"'XLNetTokenizer'"});
}

TEST_F(TokenizerSetTest, WithAClassTheTextBetweenAddedTokensIsEncodedAsTransformersDoes) {
  folder_.write("spiece.model", small_sentencepiece_model());
  const int size = load()->vocab_size();
  beside("added_tokens.json", {{"<x>", size}});
  const Ids first = encode("fever");
  const Ids rest = [&] {
    const Ids both = encode("<x>fever<x>fever");
    return Ids(both.begin() + static_cast<std::ptrdiff_t>(first.size()) + 2, both.end());
  }();
  ASSERT_NE(first, rest);
  const auto joined = [](std::initializer_list<Ids> parts) {
    Ids all;
    for (const Ids& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
  };
  const Ids x = {size};
  beside("tokenizer_config.json", {{"tokenizer_class", "LlamaTokenizer"}});
  EXPECT_EQ(encode("fever<x>fever"), joined({first, x, first}));
  EXPECT_EQ(settings_that_change_ids(folder_.path()).find("\"legacy\":true") != std::string::npos,
            true);
  beside("tokenizer_config.json", {{"tokenizer_class", "LlamaTokenizer"}, {"legacy", false}});
  EXPECT_EQ(encode("fever<x>fever"), joined({first, x, rest}));
  EXPECT_EQ(load()->encode("<s>fever", Specials::kParse), joined({{*load()->bos_id()}, rest}));
  beside("tokenizer_config.json",
         {{"tokenizer_class", "T5Tokenizer"}, {"legacy", false}, {"add_prefix_space", false}});
  EXPECT_EQ(encode("fever"), rest);
  beside("tokenizer_config.json", {{"tokenizer_class", "T5Tokenizer"}, {"legacy", "no"}});
  expect_refusal({"legacy"});
}

TEST_F(TokenizerSetTest, KeysThatAreSaidToChangeNothingChangeNothing) {
  with_files();
  const Ids ids = encode(" a fever");
  for (const char* key : keys_without_effect()) {
    beside("tokenizer_config.json", {{key, "anything"}});
    EXPECT_EQ(encode(" a fever"), ids) << key;
    EXPECT_TRUE(load()->text_frame().before.empty()) << key;
  }
  beside("tokenizer_config.json", {{"another_key", "anything"}});  // the companion
  expect_refusal({"'another_key'"});
}

TEST_F(TokenizerSetTest, SettingsThatMeanTheSameHaveTheSameIds) {
  EXPECT_EQ(settings_that_change_ids(folder_.path()), "");
  beside("tokenizer_config.json", {{"add_bos_token", true}, {"model_max_length", 1024}});
  EXPECT_EQ(settings_that_change_ids(folder_.path()), "");
  beside("tokenizer_config.json", {{"add_prefix_space", true}});
  EXPECT_NE(settings_that_change_ids(folder_.path()), "");
}

}  // namespace
}  // namespace medgen::text
