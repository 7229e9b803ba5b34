// SentencePiece: round trips, bytes of tokens, and files that are not models. The models
// are trained on the fly.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "text/sentencepiece_tokenizer.h"
#include "text/unigram.h"
#include "unit/text/support.h"

namespace medgen::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using text_test::error_of;
using text_test::small_sentencepiece_model;
using Ids = std::vector<TokenId>;

// Field 3 of the normalizer_spec, which is field 3 of the model: see
// text/sentencepiece/tokenizer.cpp.
std::string with_dummy_prefix(const std::string& model, bool on) {
  return model + std::string("\x1A\x02\x18", 3) + (on ? '\x01' : '\0');
}

// The kinds of model that a text must survive: {type, dummy prefix}.
class SentencePieceTest : public ::testing::TestWithParam<std::pair<const char*, bool>> {
 protected:
  SentencePieceTest()
      : tokenizer_(make_sentencepiece_tokenizer(
            with_dummy_prefix(small_sentencepiece_model(GetParam().first), GetParam().second),
            "test")) {}

  TokenId id_of(const std::string& piece) const {
    for (TokenId id = 0; id < tokenizer_->vocab_size(); ++id) {
      if (tokenizer_->piece(id) == piece) return id;
    }
    return -1;
  }

  std::unique_ptr<Tokenizer> tokenizer_;
};

INSTANTIATE_TEST_SUITE_P(Models, SentencePieceTest,
                         ::testing::Values(std::pair{"unigram", true}, std::pair{"unigram", false},
                                           std::pair{"bpe", true}, std::pair{"bpe", false}));

TEST_P(SentencePieceTest, EveryAwkwardTextComesBack) {
  const std::vector<std::string> texts = {"",
                                          " ",
                                          "  ",
                                          "   a",
                                          "a   ",
                                          "I have a fever and a cough.",
                                          "\n",
                                          "\n\n a\n ",
                                          "\t",
                                          "a\tb",
                                          "\r\n",
                                          "▁",
                                          "▁▁",
                                          " ▁ ",
                                          "▁a",
                                          "a▁",
                                          "a ▁b",
                                          "▁ a",
                                          " ▁a",
                                          std::string(1, '\0'),
                                          std::string("a\0b\0", 4),
                                          "😀",
                                          "👩‍⚕️ 🤒",
                                          "発熱と咳",
                                          "\u00A0\u3000\u2028",
                                          "<0x0A>",
                                          "<s>",
                                          "</s>",
                                          "<unk>",
                                          " <s> ",
                                          "\uFFFD",
                                          "\u200B",
                                          "\xF4\x8F\xBF\xBF",
                                          "e\u0301",
                                          "½ ①",
                                          "ＦＵＬＬ",
                                          "İstanbul"};
  for (const auto& text : texts) {
    EXPECT_EQ(tokenizer_->decode(tokenizer_->encode(text)), text) << nlohmann::json(text);
  }
}

TEST_P(SentencePieceTest, RandomTextComesBack) {
  std::mt19937 random(5);
  for (int round = 0; round < 2000; ++round) {
    const std::string text = text_test::random_text(random, 1 + round % 30);
    ASSERT_EQ(tokenizer_->decode(tokenizer_->encode(text)), text) << nlohmann::json(text);
  }
}

TEST_P(SentencePieceTest, TokenBytesAddUpToTheTextAndTheDummyPrefix) {
  const bool prefix = GetParam().second;
  for (const std::string text : {"I have a fever", " a", "\n", "😀", "xyz ▁"}) {
    std::string joined;
    const std::string expected = prefix ? std::string(" ").append(text) : text;
    for (const TokenId id : tokenizer_->encode(text)) joined += tokenizer_->token_bytes(id);
    EXPECT_EQ(joined, expected);
  }
}

TEST_P(SentencePieceTest, TokensHaveTheBytesTheyAddToAText) {
  EXPECT_EQ(tokenizer_->token_bytes(id_of("▁the")), " the");
  EXPECT_EQ(tokenizer_->token_bytes(id_of("<0x0A>")), "\n");
  EXPECT_EQ(tokenizer_->token_bytes(id_of("<0xE2>")), "\xE2");
  EXPECT_EQ(tokenizer_->token_bytes(id_of("<s>")), "");
  EXPECT_EQ(tokenizer_->token_bytes(id_of("</s>")), "");
}

TEST_P(SentencePieceTest, DecodeTakesTheDummyPrefixAndNoOtherSpace) {
  const TokenId the = id_of("▁the");
  const std::string first = GetParam().second ? "the" : " the";
  EXPECT_EQ(tokenizer_->decode(Ids{the, the}), first + " the");
  EXPECT_EQ(tokenizer_->decode(Ids{id_of("<s>"), the, id_of("</s>")}), first);
  EXPECT_EQ(tokenizer_->decode(Ids{id_of("<0x20>"), the}), "  the");
  EXPECT_EQ(tokenizer_->decode(Ids{id_of("<0xE2>"), the}), "\uFFFD the");
}

TEST_P(SentencePieceTest, SpellsTheSpaceSymbolInBytes) {
  const Ids ids = tokenizer_->encode("▁");
  EXPECT_THAT(ids, ElementsAre(id_of("<0xE2>"), id_of("<0x96>"), id_of("<0x81>")));
}

TEST_P(SentencePieceTest, ControlsAreTextUnlessAskedFor) {
  const TokenId end = id_of("</s>");
  EXPECT_THAT(tokenizer_->encode("fever</s>"), testing::Not(testing::Contains(end)));
  const Ids ids = tokenizer_->encode("fever</s>fever</s>", Specials::kParse);
  EXPECT_EQ(ids.back(), end);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), end), 2);
  EXPECT_EQ(tokenizer_->decode(ids), "feverfever");
  EXPECT_EQ(tokenizer_->decode(tokenizer_->encode("<s> a", Specials::kParse)), " a");
}

TEST_P(SentencePieceTest, DescribesItself) {
  EXPECT_EQ(tokenizer_->kind(), "sentencepiece");
  EXPECT_EQ(tokenizer_->vocab_size(), 512);
  EXPECT_EQ(tokenizer_->bos_id(), id_of("<s>"));
  EXPECT_EQ(tokenizer_->eos_id(), id_of("</s>"));
}

TEST_P(SentencePieceTest, RefusesBadIdsAndBadUtf8) {
  for (const TokenId id : {-1, 512}) {
    EXPECT_EQ(error_of([&] { tokenizer_->decode(Ids{id}); })->code(), ErrorCode::kUsage);
    EXPECT_EQ(error_of([&] { tokenizer_->piece(id); })->code(), ErrorCode::kUsage);
    EXPECT_EQ(error_of([&] { tokenizer_->token_bytes(id); })->code(), ErrorCode::kUsage);
  }
  const auto error = error_of([&] { tokenizer_->encode("ab\xC0"); });
  ASSERT_TRUE(error);
  EXPECT_THAT(error->what(), HasSubstr("byte offset 2"));
}

TEST_P(SentencePieceTest, EndlessWordsComeBack) {
  std::string letters;
  for (int i = 0; i < 100000; ++i) letters += static_cast<char>('a' + (i * 7919 + i / 13) % 26);
  for (const std::string& text : {letters, std::string(100000, ' '), std::string(100000, '\0')}) {
    EXPECT_TRUE(tokenizer_->decode(tokenizer_->encode(text)) == text) << text.size();
  }
}

// Long texts do not go through the library, whose ids for short ones are the reference here.
TEST_P(SentencePieceTest, WithoutTheLibraryAUnigramModelGivesTheLibrarysIds) {
  const bool prefix = GetParam().second;
  const std::string model = with_dummy_prefix(small_sentencepiece_model(GetParam().first), prefix);
  const auto unigram = Unigram::read(model);
  if (std::string_view(GetParam().first) == "bpe") {
    EXPECT_EQ(unigram, nullptr);
    return;
  }
  ASSERT_NE(unigram, nullptr);
  std::mt19937 random(11);
  int prefixes_seen = 0;
  for (int round = 0; round < 2500; ++round) {
    std::string text = text_test::random_text(random, 1 + (round % 50 == 0 ? 3000 : round % 40));
    for (std::size_t at = 0; (at = text.find("▁", at)) != text.npos;) text.replace(at, 3, " fever");
    ASSERT_LT(text.size(), std::size_t{1} << 14U) << "is no reference";
    const Ids ids = tokenizer_->encode(text);
    ASSERT_EQ(unigram->encode(text, prefix), ids) << nlohmann::json(text);
    if (unigram->encode(text, !prefix) != ids) ++prefixes_seen;
  }
  EXPECT_GT(prefixes_seen, 1000) << "companion: the comparison sees a space";
}

TEST_P(SentencePieceTest, ALongTextHasTheIdsOfItsParts) {
  std::string part;
  for (int i = 0; part.size() < 10000; ++i) part += "I have a fever and " + std::to_string(i);
  std::string text;
  Ids expected;
  // Nothing crosses a line break, which is a symbol of its own.
  for (int i = 0; i < 4; ++i) {
    text += "\n" + part;
    Ids ids = tokenizer_->encode("\n" + part);
    if (i > 0 && GetParam().second) ids.erase(ids.begin());  // the dummy prefix
    expected.insert(expected.end(), ids.begin(), ids.end());
  }
  EXPECT_EQ(tokenizer_->encode(text), expected);
}

TEST(UnigramTest, AModelThatChangesItsTextsIsLeftToTheLibrary) {
  const std::string model = small_sentencepiece_model();
  ASSERT_NE(Unigram::read(model), nullptr);
  const std::string rules = model + std::string("\x1A\x03\x12\x01x", 5);
  const std::string removes_spaces = model + std::string("\x1A\x02\x20\x01", 4);
  const std::string keeps_space_symbol = model + std::string("\x1A\x02\x28\x00", 4);
  const std::string suffix = model + std::string("\x12\x03\xC0\x01\x01", 5);
  for (const std::string& other : {rules, removes_spaces, keeps_space_symbol, suffix})
    EXPECT_EQ(Unigram::read(other), nullptr);
}

TEST_P(SentencePieceTest, ThreadsShareOneTokenizer) {
  const std::string text = "I have had a headache ▁ 😀 since Monday.";
  const Ids expected = tokenizer_->encode(text);
  std::vector<int> differences(4, -1);
  std::vector<std::thread> threads;
  for (int& count : differences) {
    threads.emplace_back([&] {
      count = 0;
      for (int i = 0; i < 500; ++i) count += tokenizer_->encode(text) == expected ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(differences, ElementsAre(0, 0, 0, 0));
}

TEST(SentencePieceModelTest, WhatIsNoModelIsRefusedQuietly) {
  const std::string good = small_sentencepiece_model();
  for (const std::string& bad :
       {std::string(), std::string("garbage\xFF\xFF"), std::string(1000, '\0'),
        good.substr(0, good.size() / 2), good.substr(1)}) {
    testing::internal::CaptureStderr();
    const auto error = error_of([&] { make_sentencepiece_tokenizer(bad, "some.model"); });
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    ASSERT_TRUE(error) << bad.size();
    EXPECT_EQ(error->code(), ErrorCode::kModel);
    EXPECT_THAT(error->what(), HasSubstr("some.model"));
  }
}

TEST(SentencePieceModelTest, WithoutByteFallbackUnknownCharactersAreUnknown) {
  // Field 2 is the trainer_spec, its field 35 byte_fallback. The model's byte pieces (type 6) make
  // the library insist on it, so their types become "unused" (5).
  std::string model = small_sentencepiece_model() + std::string("\x12\x03\x98\x02\x00", 5);
  for (std::size_t at = 0; (at = model.find("<0x", at)) != model.npos; ++at) {
    const std::size_t type = model.find(std::string("\x18\x06", 2), at);
    ASSERT_LT(type, at + 20);
    model[type + 1] = '\x05';
  }
  const auto tokenizer = make_sentencepiece_tokenizer(model, "test");
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("I have")), "I have");
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("a▁b")), "a b");
  EXPECT_THAT(tokenizer->encode("發"), testing::Contains(0));
}

}  // namespace
}  // namespace medgen::text
