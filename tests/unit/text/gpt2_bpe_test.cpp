// GPT-2's tokenizer against the ids of Hugging Face's `tokenizers`; tests/fixtures/gpt2 is made by
// scripts/make_tokenizer_fixture.py.
#include "text/gpt2_bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "text/byte_alphabet.h"
#include "unit/text/support.h"

namespace medgen::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using text_test::count_differences;
using text_test::error_of;
using text_test::gpt2_fixture;
using text_test::reference_texts;
using Ids = std::vector<TokenId>;

constexpr TokenId kEndOfText = 50256;

class Gpt2BpeTest : public ::testing::Test {
 protected:
  static const Tokenizer& tokenizer() {
    static const auto loaded = load_tokenizer(gpt2_fixture());
    return *loaded;
  }
};

TEST_F(Gpt2BpeTest, GivesThePublishedIdsOfTheFirstSentence) {
  EXPECT_THAT(tokenizer().encode("I feel that I have a fever and cough."),
              ElementsAre(40, 1254, 326, 314, 423, 257, 17372, 290, 22094, 13));
}

TEST_F(Gpt2BpeTest, AgreesWithTheReferenceOnAThousandTexts) {
  const auto texts = reference_texts();
  ASSERT_EQ(texts.size(), 1000U);
  for (const auto& [text, ids] : texts) {
    ASSERT_EQ(tokenizer().encode(text), ids) << nlohmann::json(text);
    ASSERT_EQ(tokenizer().decode(ids), text) << nlohmann::json(text);
  }
}

TEST_F(Gpt2BpeTest, FullVocabularyAgreesWithTheReferenceToo) {
  const char* folder = std::getenv("MEDGEN_GPT2_TOKENIZER");
  if (folder == nullptr) GTEST_SKIP() << "MEDGEN_GPT2_TOKENIZER names no folder";
  EXPECT_EQ(count_differences(*load_tokenizer(folder), reference_texts()), 0);
}

TEST_F(Gpt2BpeTest, TokenizerJsonGivesTheSameIds) {
  EXPECT_EQ(count_differences(*load_tokenizer(gpt2_fixture() / "json"), reference_texts()), 0);
}

TEST_F(Gpt2BpeTest, ComparisonNoticesAPerturbedId) {
  auto texts = reference_texts();
  texts[500].ids.back() ^= 1;
  EXPECT_EQ(count_differences(tokenizer(), texts), 1);
}

TEST_F(Gpt2BpeTest, ComparisonNoticesAMergeOutOfOrder) {
  Gpt2Vocabulary vocabulary =
      read_vocab_and_merges(gpt2_fixture() / "vocab.json", gpt2_fixture() / "merges.txt");
  std::rotate(vocabulary.merges.begin(), vocabulary.merges.begin() + 1,
              vocabulary.merges.end());  // "Ġ t" goes last
  EXPECT_GT(count_differences(Gpt2Bpe(vocabulary, "test"), reference_texts()), 0);
}

TEST_F(Gpt2BpeTest, SpecialsAreTextUnlessAskedFor) {
  const std::string text = "a<|endoftext|> b<|endoftext|><|endoftext|>";
  EXPECT_THAT(tokenizer().encode(text), testing::Not(testing::Contains(kEndOfText)));
  const Ids parsed = tokenizer().encode(text, Specials::kParse);
  EXPECT_THAT(parsed, ElementsAre(64, kEndOfText, 275, kEndOfText, kEndOfText));
  EXPECT_EQ(tokenizer().decode(parsed), text);
  EXPECT_THAT(tokenizer().encode("<|endoftext|", Specials::kParse),
              testing::Not(testing::Contains(kEndOfText)));
}

TEST_F(Gpt2BpeTest, DescribesItself) {
  EXPECT_EQ(tokenizer().kind(), "gpt2-bpe");
  EXPECT_EQ(tokenizer().vocab_size(), 50257);
  EXPECT_EQ(tokenizer().bos_id(), kEndOfText);
  EXPECT_EQ(tokenizer().eos_id(), kEndOfText);
  EXPECT_EQ(tokenizer().piece(17372), "Ġfever");
  EXPECT_EQ(tokenizer().token_bytes(17372), " fever");
  EXPECT_EQ(tokenizer().token_bytes(198), "\n");
  EXPECT_EQ(tokenizer().token_bytes(kEndOfText), "<|endoftext|>");
}

TEST_F(Gpt2BpeTest, AnIdThatNoTokenHasIsEmptyAndOneOutsideIsAnError) {
  ASSERT_EQ(tokenizer().piece(50000), "");  // left out of the fixture
  EXPECT_EQ(tokenizer().decode(Ids{64, 50000, 64}), "aa");
  for (const TokenId id : {-1, 50257, std::numeric_limits<TokenId>::min()}) {
    const auto error = error_of([&] { tokenizer().decode(Ids{id}); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code(), ErrorCode::kUsage);
    EXPECT_THAT(error->what(), HasSubstr(std::to_string(id)));
  }
}

TEST_F(Gpt2BpeTest, InvalidUtf8IsAnErrorThatNamesTheOffset) {
  const auto error = error_of([&] { tokenizer().encode("fever\xC3("); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kUsage);
  EXPECT_THAT(error->what(), HasSubstr("byte offset 5"));
}

TEST_F(Gpt2BpeTest, BrokenBytesDecodeToReplacementCharacters) {
  EXPECT_EQ(tokenizer().decode(tokenizer().encode("é")), "é");
  EXPECT_EQ(tokenizer().decode(Ids{127, 64}), "\uFFFDa");  // 127 is byte 0xC3 alone
}

TEST_F(Gpt2BpeTest, RandomTextComesBack) {
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = text_test::random_text(random, 1 + round % 40);
    const Ids ids = tokenizer().encode(text);
    ASSERT_EQ(tokenizer().decode(ids), text);
    std::string joined;
    for (const TokenId id : ids) joined += tokenizer().token_bytes(id);
    ASSERT_EQ(joined, text);
    ASSERT_EQ(tokenizer().decode(tokenizer().encode(text, Specials::kParse)), text);
  }
}

TEST_F(Gpt2BpeTest, EndlessWordsAndSpacesComeBack) {
  std::string letters;
  for (int i = 0; i < 100000; ++i) letters += static_cast<char>('a' + (i * 7919 + i / 13) % 26);
  for (const std::string& text :
       {letters, std::string(1000000, ' ') + "x", std::string(200000, 'a'),
        std::string(200000, '\n'), std::string(200000, '!'), std::string(200000, '7'),
        std::string(300000, '\0')}) {
    EXPECT_EQ(tokenizer().decode(tokenizer().encode(text)) == text, true) << text.size();
  }
}

TEST_F(Gpt2BpeTest, ThreadsShareOneTokenizer) {
  const auto texts = reference_texts();
  std::vector<int> differences(4, -1);
  std::vector<std::thread> threads;
  for (int& result : differences) {
    threads.emplace_back([&] { result = count_differences(tokenizer(), texts); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(differences, ElementsAre(0, 0, 0, 0));
}

TEST(ByteAlphabetTest, SpellsEveryByteDifferentlyAndBack) {
  std::string all;
  std::string spelling;
  for (unsigned byte = 0; byte < 256; ++byte) {
    all += static_cast<char>(byte);
    spelling += byte_spellings()[byte];
  }
  EXPECT_EQ(bytes_of_piece(spelling), all);
  EXPECT_EQ(byte_spellings()[' '], "Ġ");
  EXPECT_EQ(byte_spellings()['\n'], "Ċ");
  EXPECT_EQ(byte_spellings()[0xAD], "\u0143");
  EXPECT_EQ(bytes_of_piece("Ġ漢"), "Ġ漢");  // outside the alphabet: itself
}

}  // namespace
}  // namespace medgen::text
