// Token shards: what is written is read, damage is detected, training draws from them.
#include "corpus/shards.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "corpus/token_stream.h"
#include "medgen/error.h"
#include "temporary_folder.h"
#include "unit/byte_tokenizer.h"

namespace medgen::corpus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const ShardTokenizer kBytes{
    .sha256 = std::string(64, 'a'), .kind = "bytes", .vocab_size = 257, .eos_id = 256};

std::vector<TokenId> ids_of(const std::string& text) {
  return ByteTokenizer().encode(text, Specials::kAsText);
}

// A folder with a source "often" of weight 2 and a source "once".
class ShardsTest : public ::testing::Test {
 protected:
  ShardFile write_file_of(const std::string& name, const std::vector<std::string>& texts,
                          const ShardTokenizer& tokenizer) {
    ShardWriter writer(folder_ / name, tokenizer);
    for (const std::string& text : texts) writer.add(ids_of(text), text.size());
    return writer.finish();
  }

  static nlohmann::json entry(const ShardFile& file) {
    return {{"documents", file.documents},
            {"tokens", file.tokens},
            {"bytes", file.bytes},
            {"file", file.name},
            {"sha256", file.sha256}};
  }

  void make(const ShardTokenizer& tokenizer = kBytes) {
    const nlohmann::json none = {{"documents", 0}, {"tokens", 0}, {"bytes", 0}};
    report_ = {{"format_version", 1},
               {"tokenizer",
                {{"sha256", tokenizer.sha256},
                 {"kind", tokenizer.kind},
                 {"vocab_size", tokenizer.vocab_size},
                 {"eos_id", tokenizer.eos_id}}},
               {"sources",
                {{{"source", "often"},
                  {"group", "a"},
                  {"weight", 2},
                  {"train", entry(write_file_of("0.tokens", {"abc", "de"}, tokenizer))},
                  {"valid", entry(write_file_of("0v.tokens", {"xyz"}, tokenizer))}},
                 {{"source", "once"},
                  {"group", "b"},
                  {"weight", 1},
                  {"train", entry(write_file_of("1.tokens", {"fgh"}, tokenizer))},
                  {"valid", none}}}}};
    write_report();
  }
  void write_report() const { base::write_file(folder_ / "prepare.json", report_.dump()); }

  std::string open_error() const {
    try {
      open_shards(folder_.path());
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  TemporaryFolder folder_;
  nlohmann::json report_;
};

TEST_F(ShardsTest, GiveBackWhatWasWritten) {
  for (const int vocab_size : {257, 70000}) {  // ids of two and of four bytes
    ShardTokenizer tokenizer = kBytes;
    tokenizer.vocab_size = vocab_size;
    make(tokenizer);
    const Shards shards = open_shards(folder_.path());
    EXPECT_EQ(shards.tokens(Split::kTrain), 11U);
    EXPECT_EQ(shards.bytes(Split::kTrain), 8U);
    EXPECT_EQ(shards.tokens(Split::kValid), 4U);
    const auto documents = shards.documents(Split::kTrain, {{"b", 0.5}});
    ASSERT_EQ(documents->size(), 3U);
    EXPECT_EQ(documents->weight(0), 2.0);
    EXPECT_EQ(documents->weight(2), 0.5);
    std::vector<TokenId> ids;
    documents->append(1, ids);
    EXPECT_THAT(ids, ElementsAre('d', 'e'));
  }
}

TEST_F(ShardsTest, TrainOnTheSameWindowsAsTheText) {
  make();
  const TokenStreamOptions options{.rows = 2, .window = 7, .seed = 3};
  const ByteTokenizer tokenizer;
  TokenStream from_text({{.source = "often", .group = "a", .text = "abc"},
                         {.source = "often", .group = "a", .text = "de"},
                         {.source = "once", .group = "b", .text = "fgh"}},
                        {{"often", 2}}, tokenizer, options);
  TokenStream from_shards(open_shards(folder_.path()).documents(Split::kTrain), options);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(from_shards.next_batch(), from_text.next_batch());
}

TEST_F(ShardsTest, GoOnWhereTrainingStopped) {
  make();
  const TokenStreamOptions options{.rows = 2, .window = 5, .seed = 3};
  const Shards shards = open_shards(folder_.path());
  TokenStream whole(shards.documents(Split::kTrain), options);
  for (int i = 0; i < 7; ++i) whole.next_batch();
  TokenStream second(shards.documents(Split::kTrain), options);
  second.restore(whole.position());
  for (int i = 0; i < 7; ++i) EXPECT_EQ(second.next_batch(), whole.next_batch());
}

TEST_F(ShardsTest, EvaluateLikeTheText) {
  make();
  const EvaluationText text =
      evaluation_windows(*open_shards(folder_.path()).documents(Split::kValid), 10);
  EXPECT_EQ(text.bytes, 3U);
  ASSERT_EQ(text.windows.size(), 1U);
  EXPECT_THAT(text.windows[0], ElementsAre(256, 'x', 'y', 'z', 256));
}

TEST_F(ShardsTest, NoticeEveryDamagedByte) {
  make();
  const std::string whole = base::read_file(folder_ / "0.tokens", 1000);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    base::write_file(folder_ / "0.tokens", damaged);
    EXPECT_THAT(open_error(), HasSubstr("prepare the corpus again")) << at;
  }
  base::write_file(folder_ / "0.tokens", whole.substr(0, whole.size() - 2));
  EXPECT_THAT(open_error(), HasSubstr("prepare.json expects"));
  base::write_file(folder_ / "0.tokens", whole);
  EXPECT_EQ(open_error(), "");
}

TEST_F(ShardsTest, RefuseAReportThatIsNotOne) {
  EXPECT_THAT(open_error(), HasSubstr("no prepare.json"));
  make();
  for (const char* key : {"format_version", "tokenizer", "sources"}) {
    const nlohmann::json kept = report_;
    report_.erase(key);
    write_report();
    EXPECT_NE(open_error(), "") << key;
    report_ = kept;
  }
  report_["sources"][0]["train"]["file"] = "../0.tokens";
  write_report();
  EXPECT_THAT(open_error(), HasSubstr("damaged"));
  base::write_file(folder_ / "prepare.json", "not json");
  EXPECT_THAT(open_error(), HasSubstr("damaged"));
}

// Somebody else may have written the report.
TEST_F(ShardsTest, RefuseNumbersThatNoReportHolds) {
  make();
  const nlohmann::json whole = report_;
  const auto error_with = [&](const char* pointer, const nlohmann::json& value) {
    report_ = whole;
    report_[nlohmann::json::json_pointer(pointer)] = value;
    write_report();
    return open_error();
  };
  for (const nlohmann::json& value :
       {nlohmann::json(1e300), nlohmann::json(-1), nlohmann::json(1.5), nlohmann::json(1e10)}) {
    EXPECT_NE(error_with("/format_version", value), "") << value;
    EXPECT_NE(error_with("/tokenizer/vocab_size", value), "") << value;
    EXPECT_NE(error_with("/tokenizer/eos_id", value), "") << value;
    EXPECT_NE(error_with("/sources/0/train/tokens", value), "") << value;
    EXPECT_NE(error_with("/sources/0/train/documents", value), "") << value;
  }
  // An epoch holds a document as often as its weight says.
  EXPECT_THAT(error_with("/sources/0/weight", 1e12), HasSubstr("weight outside 0 to 1000"));
  // Every file is read when it is checked.
  EXPECT_THAT(error_with("/sources/1", whole["sources"][0]), HasSubstr("names a file twice"));
  EXPECT_EQ(error_with("/sources/0/weight", 1000), "");
}

TEST_F(ShardsTest, RefuseAnIdThatCannotBeInsideAText) {
  ShardWriter writer(folder_ / "x.tokens", kBytes);
  for (const TokenId id : {256, 257, -1}) {
    EXPECT_THROW(writer.add(std::vector<TokenId>{1, id}, 2), Error) << id;
  }
}

TEST(ShardWriterTest, AFullDiskIsAnError) { EXPECT_THROW(ShardWriter("/dev/full", kBytes), Error); }

}  // namespace
}  // namespace medgen::corpus
