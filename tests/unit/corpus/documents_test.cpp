// Reading corpora: plain and compressed JSON Lines.
#include "corpus/documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <filesystem>

#include "corpus/tokenizer_text.h"
#include "medgen/error.h"
#include "temporary_folder.h"

namespace medgen {
namespace {

using ::testing::HasSubstr;

std::string compress(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

class DocumentsTest : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& bytes) {
    return folder_.write(name, bytes);
  }

  std::vector<Document> read(const std::filesystem::path& path) {
    std::vector<Document> documents;
    skipped_ = read_documents(path, [&](Document&& d) { documents.push_back(std::move(d)); });
    return documents;
  }

  TemporaryFolder folder_;
  std::uint64_t skipped_ = 0;
};

TEST_F(DocumentsTest, ReadsTextAndQuestionsInOrder) {
  const auto documents =
      read(write("train-nhs.jsonl", R"({"source": "NHS", "text": "A cold.\nIt passes."}
{"question": "What is a cold?", "answer": "An infection."})"));
  ASSERT_EQ(documents.size(), 2U);
  EXPECT_EQ(documents[0].text, "A cold.\nIt passes.");
  EXPECT_EQ(documents[0].source, "NHS");
  EXPECT_EQ(documents[0].group, "train-nhs");
  EXPECT_EQ(documents[1].text, "Question: What is a cold?\nAnswer: An infection.");
  EXPECT_EQ(skipped_, 0U);
}

TEST_F(DocumentsTest, CompressedFilesReadTheSame) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += R"({"text": "line )" + std::to_string(i) + "\"}\n";
  const auto plain = read(write("a.jsonl", text));
  const auto compressed = read(write("a.jsonl.zst", compress(text)));
  ASSERT_EQ(plain.size(), 5000U);
  ASSERT_EQ(compressed.size(), 5000U);
  EXPECT_EQ(compressed[4999].text, "line 4999");
  EXPECT_EQ(compressed[4999].group, "a");
}

TEST_F(DocumentsTest, CountsLinesItPassesOver) {
  const auto documents = read(
      write("a.jsonl", "{\"text\": \"kept\"}\nnot json\n{\"title\": 1}\n\n{\"text\": \"\xff\"}\n"));
  ASSERT_EQ(documents.size(), 1U);
  EXPECT_EQ(skipped_, 3U);
}

TEST_F(DocumentsTest, TruncatedCompressionIsAnError) {
  const std::string whole = compress(R"({"text": "a line that ends early"})");
  const auto path = write("a.jsonl.zst", whole.substr(0, whole.size() - 4));
  try {
    read(path);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("ends early"));
    EXPECT_THAT(error.what(), HasSubstr("a.jsonl.zst"));
  }
}

TEST_F(DocumentsTest, MissingFilesAndFoldersAreErrors) {
  EXPECT_THROW(read(folder_.path() / "none.jsonl"), Error);
  EXPECT_THROW(read(folder_.path()), Error);
}

TEST(SourceWeightTest, MatchesTheSourceOrTheFile) {
  const Document document{.source = "NHS website", .group = "train-nhs", .text = ""};
  EXPECT_EQ(weight_of(document, {}), 1.0);
  EXPECT_EQ(weight_of(document, {{"train-nhs", 3}}), 3.0);
  EXPECT_EQ(weight_of(document, {{"other", 2}, {"NHS website", 0.5}}), 0.5);
}

TEST_F(DocumentsTest, TokenizerTextIsASampleInProportionToTheWeights) {
  std::string text;
  for (int i = 0; i < 4000; ++i) {
    text += "{\"source\": \"" + std::string(i % 2 == 0 ? "often" : "seldom") +
            R"(", "text": "ten bytes.\nten bytes."})" + "\n";
  }
  const auto path = write("a.jsonl", text);
  const auto sample = [&](const std::vector<SourceWeight>& weights, std::uint64_t seed) {
    std::vector<std::string> lines;
    sample_lines({path}, weights, 20000, seed, [&](std::string&& l) { lines.push_back(l); });
    return lines;
  };
  const auto even = sample({}, 1);
  EXPECT_NEAR(static_cast<double>(even.size()), 1905,
              150);  // 20,000 of 84,000 bytes of 8,000 lines
  EXPECT_EQ(even.size(), sample({}, 1).size());
  EXPECT_NE(even.size(), sample({}, 2).size());
  EXPECT_EQ(sample({{"often", 0}, {"seldom", 0}}, 1).size(), 0U);
}

}  // namespace
}  // namespace medgen
