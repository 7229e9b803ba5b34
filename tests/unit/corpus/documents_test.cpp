// Reading corpora: plain and compressed JSON Lines.
#include "corpus/documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <filesystem>

#include "corpus/tokenizer_text.h"
#include "medgen/error.h"
#include "temporary_folder.h"

namespace medgen::corpus {
namespace {

using ::testing::HasSubstr;

std::string compress(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

class DocumentsTest : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& bytes) {
    return folder_.write(name, bytes);
  }

  std::vector<Document> read(const std::filesystem::path& path, ReadOptions options = {}) {
    std::vector<Document> documents;
    bad_.clear();
    options.on_bad = [&](const BadRecord& bad) {
      bad_.push_back(std::to_string(bad.line) + ": " + bad.why);
    };
    skipped_ = read_documents(
        path, [&](Document&& d) { documents.push_back(std::move(d)); }, options);
    return documents;
  }

  TemporaryFolder folder_;
  std::uint64_t skipped_ = 0;
  std::vector<std::string> bad_;
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
  ASSERT_EQ(bad_.size(), 3U);
  EXPECT_EQ(bad_[0], "2: it is not JSON (column 1: a word without double quotes)");
  EXPECT_EQ(bad_[1], "3: it has no text: neither a field \"text\" nor \"question\" and \"answer\"");
  EXPECT_EQ(bad_[2], "5: it is not valid UTF-8");
}

TEST_F(DocumentsTest, GzipReadsTheSameAlsoInSeveralMembers) {
  std::string text;
  for (int i = 0; i < 40'000; ++i) text += R"({"text": "line )" + std::to_string(i) + "\"}\n";
  const std::string half = text.substr(0, text.size() / 2);
  const auto documents = read(write("a.jsonl.gz", gzip(half) + gzip(text.substr(half.size()))));
  ASSERT_EQ(documents.size(), 40'000U);
  EXPECT_EQ(documents[39'999].text, "line 39999");
  const std::string whole = gzip(text);
  EXPECT_THROW(read(write("b.jsonl.gz", whole.substr(0, whole.size() - 9))), Error);
  EXPECT_THROW(read(write("c.jsonl.gz", text)), Error);
}

TEST_F(DocumentsTest, ReadsCsvByItsHeader) {
  const auto documents = read(write("faq.csv",
                                    "\xEF\xBB\xBFid,question,answer,source\r\n"
                                    "1,What?,\"This, that\",S\r\n"
                                    "2,Who?\r\n"
                                    "3,Who?,,S\r\n"));
  ASSERT_EQ(documents.size(), 1U);
  EXPECT_EQ(documents[0].text, "Question: What?\nAnswer: This, that");
  EXPECT_EQ(documents[0].source, "S");
  EXPECT_EQ(documents[0].id, "1");
  EXPECT_EQ(documents[0].group, "faq");
  ASSERT_EQ(bad_.size(), 2U);
  EXPECT_EQ(bad_[0], "3: it has 2 fields; the first record has 4");
  EXPECT_THAT(bad_[1], HasSubstr("4: it has no text"));  // an empty field is none
}

TEST_F(DocumentsTest, PlainTextIsPartedByBlankLines) {
  const auto documents = read(write("a.txt", "one\r\nstill one\n\n \t\n\ntwo\n\nb\xff\n\nthree"));
  ASSERT_EQ(documents.size(), 3U);
  EXPECT_EQ(documents[0].text, "one\nstill one");
  EXPECT_EQ(documents[2].text, "three");
  ASSERT_EQ(bad_.size(), 1U);
  EXPECT_EQ(bad_[0], "8: it is not valid UTF-8");
}

TEST_F(DocumentsTest, AnotherFieldOrTemplateMakesTheText) {
  const auto path = write("a.jsonl", "{\"body\": \"B\", \"title\": \"T\"}\n{\"body\": \"C\"}\n");
  ReadOptions options;
  options.text_field = "body";
  EXPECT_EQ(read(path, options)[0].text, "B");
  options.record_template = FieldTemplate("{{{title}}}: {body}");
  const auto documents = read(path, options);
  ASSERT_EQ(documents.size(), 2U);
  EXPECT_EQ(documents[0].text, "{T}: B");
  EXPECT_EQ(documents[1].text, "C");  // it has no title
}

TEST_F(DocumentsTest, RefusesATemplateThatCannotBeFilled) {
  for (const char* text : {"no field", "{", "{}", "a } b", "{title"}) {
    EXPECT_THROW(FieldTemplate{text}, Error) << text;
  }
}

TEST_F(DocumentsTest, PassesOverARecordThatIsTooLong) {
  ReadOptions options;
  options.max_record_bytes = 100;
  const std::string text(200, 'x');
  const auto lines =
      read(write("a.jsonl", "{\"text\": \"" + text + "\"}\n{\"text\": \"y\"}\n"), options);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(bad_.front(), "1: it is longer than 100 bytes");
  const std::string lines60 = std::string(60, 'x') + "\n" + std::string(60, 'x') + "\n\nshort\n";
  const auto plain = read(write("a.txt", lines60), options);
  ASSERT_EQ(plain.size(), 1U);
  EXPECT_EQ(plain[0].text, "short");
  EXPECT_EQ(bad_.front(), "1: it is longer than 100 bytes");
  EXPECT_THROW(read_documents(folder_ / "a.jsonl", [](Document&&) {},
                              {.text_field = "text",
                               .record_template = {},
                               .max_record_bytes = 100,
                               .on_bad = nullptr}),
               Error);
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
}  // namespace medgen::corpus
