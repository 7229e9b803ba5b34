// What documents of a shard are called, beside their ids.
#include "corpus/document_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "medgen/error.h"
#include "temporary_folder.h"

namespace medgen::corpus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kSum(64, 'a');

class DocumentNamesTest : public ::testing::Test {
 protected:
  void write(const std::vector<DocumentName>& names) const {
    DocumentNamesWriter writer(file_);
    for (const DocumentName& name : names) writer.add(name);
    writer.finish(kSum);
  }
  std::string refusal(std::uint64_t documents = 2, const std::string& sum = kSum) const {
    try {
      read_document_names(file_, sum, documents);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "0.documents";
};

TEST_F(DocumentNamesTest, AreReadAsTheyWereWritten) {
  const DocumentName one{"id", "A \"title\"", "CC0"};
  write({{}, one, {}});
  EXPECT_THAT(read_document_names(file_, kSum, 3),
              ElementsAre(DocumentName{}, one, DocumentName{}));
}

TEST_F(DocumentNamesTest, ThereIsNoFileWhereNothingIsKnown) {
  write({{}, {}});
  EXPECT_FALSE(std::filesystem::exists(file_));
  EXPECT_THAT(read_document_names(file_, kSum, 2), IsEmpty());
}

TEST_F(DocumentNamesTest, ALongTitleIsCutBetweenCharacters) {
  std::string title;
  while (title.size() < 2 * kMostNameBytes) title += "\u00E9";
  write({{"", title, ""}});
  const std::string cut = read_document_names(file_, kSum, 1).front().title;
  EXPECT_LE(cut.size(), kMostNameBytes);
  EXPECT_THAT(cut, ::testing::EndsWith("\u00E9..."));
}

TEST_F(DocumentNamesTest, WhatDoesNotBelongToTheShardIsRefused) {
  write({{"a", "", ""}, {"b", "", ""}});
  EXPECT_EQ(refusal(), "");
  EXPECT_THAT(refusal(1), HasSubstr("more or longer lines"));
  EXPECT_THAT(refusal(3), HasSubstr("names 2 documents; the shard has 3"));
  EXPECT_THAT(refusal(2, std::string(64, 'b')), HasSubstr("does not belong to the tokens"));
  const std::string whole = base::read_file(file_, 1 << 20);
  const auto broken = [&](const std::string& text) {
    base::write_file(file_, text);
    return refusal();
  };
  EXPECT_THAT(broken("{\"format\":2}\n"), HasSubstr("is of format 2, and this medgen reads 1"));
  EXPECT_THAT(broken(""), HasSubstr("is empty"));
  EXPECT_THAT(broken("[]\n"), HasSubstr("does not begin with the number of its format"));
  EXPECT_THAT(broken(whole.substr(0, whole.find('\n') + 1) + "{\"id\":7}\n{}\n"),
              HasSubstr("damaged"));
  EXPECT_THAT(broken(whole.substr(0, whole.find('\n') + 1) + "[]\n{}\n"), HasSubstr("damaged"));
}

}  // namespace
}  // namespace medgen::corpus
