// Which files make a tokenizer, and what is said of paths that do not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/text/support.h"

namespace medgen::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using text_test::content_of;
using text_test::error_of;
using text_test::gpt2_fixture;
using text_test::small_sentencepiece_model;
using text_test::fs::path;

class LoadTokenizerTest : public ::testing::Test {
 protected:
  void add(const std::string& name) { folder_.write(name, content_of(gpt2_fixture() / name)); }
  void add_json() {
    folder_.write("tokenizer.json", content_of(gpt2_fixture() / "json" / "tokenizer.json"));
  }
  void add_model() { folder_.write("tokenizer.model", small_sentencepiece_model()); }
  void expect_error(const path& where, const std::string& part) {
    for (const auto& action :
         {+[](const path& p) { load_tokenizer(p); }, +[](const path& p) { tokenizer_files(p); }}) {
      const auto error = error_of([&] { action(where); });
      ASSERT_TRUE(error);
      EXPECT_EQ(error->code(), ErrorCode::kModel);
      EXPECT_THAT(error->what(), HasSubstr(part));
      EXPECT_THAT(error->what(), HasSubstr(where.string()));
    }
  }

  TemporaryFolder folder_;
};

TEST_F(LoadTokenizerTest, FolderMayHoldAnyKind) {
  add_json();
  EXPECT_THAT(tokenizer_files(folder_.path()), ElementsAre(folder_.path() / "tokenizer.json"));
  EXPECT_EQ(load_tokenizer(folder_.path())->kind(), "gpt2-bpe");
  add("vocab.json");
  EXPECT_THAT(tokenizer_files(folder_.path()), ElementsAre(folder_.path() / "tokenizer.json"));
  add("merges.txt");
  EXPECT_THAT(tokenizer_files(folder_.path()), ElementsAre(folder_.path() / "tokenizer.json"));
  std::filesystem::remove(folder_.path() / "tokenizer.json");
  EXPECT_THAT(tokenizer_files(folder_.path()),
              ElementsAre(folder_.path() / "vocab.json", folder_.path() / "merges.txt"));
  EXPECT_EQ(load_tokenizer(folder_.path())->kind(), "gpt2-bpe");
  folder_.write("added_tokens.json", "{}");
  EXPECT_THAT(tokenizer_files(folder_.path()),
              ElementsAre(folder_.path() / "vocab.json", folder_.path() / "merges.txt",
                          folder_.path() / "added_tokens.json"));
  std::filesystem::remove(folder_.path() / "added_tokens.json");
  add_model();
  EXPECT_THAT(tokenizer_files(folder_.path()), ElementsAre(folder_.path() / "tokenizer.model"));
  EXPECT_EQ(load_tokenizer(folder_.path())->kind(), "sentencepiece");
}

TEST_F(LoadTokenizerTest, AFileItselfWillDo) {
  add("vocab.json");
  add("merges.txt");
  add_json();
  const path model = folder_.write("other.model", small_sentencepiece_model());
  EXPECT_EQ(load_tokenizer(model)->kind(), "sentencepiece");
  EXPECT_THAT(tokenizer_files(model), ElementsAre(model));
  EXPECT_EQ(load_tokenizer(folder_.path() / "tokenizer.json")->kind(), "gpt2-bpe");
  EXPECT_EQ(load_tokenizer(folder_.path() / "vocab.json")->kind(), "gpt2-bpe");
  EXPECT_THAT(tokenizer_files(folder_.path() / "vocab.json"),
              ElementsAre(folder_.path() / "vocab.json", folder_.path() / "merges.txt"));
}

TEST_F(LoadTokenizerTest, SaysWhatWasLookedFor) {
  expect_error(folder_.path(), "looked for tokenizer.model");
  expect_error(folder_.path() / "missing", "no such file or folder");
  add("vocab.json");
  expect_error(folder_.path(), "vocab.json without merges.txt");
  expect_error(folder_.path() / "vocab.json", "no merges.txt");
  expect_error(folder_.write("notes.txt", "x"), "its name is not a tokenizer's");
}

TEST_F(LoadTokenizerTest, UnreadableFilesAreModelErrors) {
  text_test::fs::create_directory(folder_.path() / "tokenizer.model");
  EXPECT_EQ(error_of([&] { load_tokenizer(folder_.path()); })->code(), ErrorCode::kModel);
  const path empty = folder_.write("empty.json", "");
  EXPECT_EQ(error_of([&] { load_tokenizer(empty); })->code(), ErrorCode::kModel);
  const path zeros = folder_.write("zeros.model", std::string(1 << 20, '\0'));
  EXPECT_EQ(error_of([&] { load_tokenizer(zeros); })->code(), ErrorCode::kModel);
}

}  // namespace
}  // namespace medgen::text
