// From files of text to shards: what goes in, what comes out, and that order does not matter.
#include "corpus/prepare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "medgen/error.h"
#include "places.h"
#include "temporary_folder.h"

namespace medgen::corpus {
namespace {

using ::testing::HasSubstr;

const std::string kTokenizer = std::string(MEDGEN_FIXTURES) + "/checkpoints/tokenizer";

std::string sentence(int i) {
  std::string text;
  for (int j = 0; j < 12; ++j) text += "word" + std::to_string((i * 7919 + j * 104729) % 997) + " ";
  return text;
}

class PrepareTest : public ::testing::Test {
 protected:
  PrepareOptions options(const std::vector<std::filesystem::path>& files,
                         const std::string& output = "out") {
    PrepareOptions made;
    made.data = files;
    made.tokenizer = kTokenizer;
    made.output = folder_ / output;
    return made;
  }

  std::string error_of(const PrepareOptions& given) {
    try {
      prepare(given);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  // The decoded documents of a split, sorted.
  static std::vector<std::string> texts(const std::filesystem::path& directory, Split split) {
    const Shards shards = open_shards(directory);
    const auto tokenizer = load_tokenizer(shards.tokenizer_path());
    const auto documents = shards.documents(split);
    std::vector<std::string> found;
    for (std::size_t i = 0; i < documents->size(); ++i) {
      std::vector<TokenId> ids;
      documents->append(i, ids);
      found.push_back(tokenizer->decode(ids));
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  TemporaryFolder folder_;
};

TEST_F(PrepareTest, CleansDropsAndCounts) {
  const auto file = folder_.write(
      "a.jsonl", R"({"source": "S", "id": "1", "title": "T", "text": "<p>One &amp; two.</p>"})"
                 "\n"
                 R"({"source": "S", "id": "2", "text": "One  & two."})"
                 "\nnot json\n"
                 R"({"source": "S", "text": " <b> </b> "})"
                 "\n"
                 R"({"source": "Q", "question": "What?", "answer": "That."})"
                 "\n");
  auto given = options({file});
  given.valid_fraction = 0;
  given.weights = {{"Q", 2.5}};
  const PrepareReport report = prepare(given);
  EXPECT_EQ(report.documents(), 4U);
  EXPECT_EQ(report.bad_records(), 1U);
  EXPECT_EQ(report.empty(), 1U);
  EXPECT_EQ(report.dropped(Fate::kSame), 1U);
  EXPECT_EQ(report.cleaned.html_tags, 4U);
  EXPECT_EQ(report.cleaned.html_entities, 1U);
  ASSERT_EQ(report.bad.size(), 1U);
  EXPECT_EQ(report.bad[0].record.line, 3U);
  ASSERT_EQ(report.examples.size(), 1U);
  EXPECT_EQ(report.examples[0].kept.title + report.examples[0].dropped.title, "T");
  EXPECT_THAT(texts(given.output, Split::kTrain),
              ::testing::ElementsAre("One & two.", "Question: What?\nAnswer: That."));
  const Shards shards = open_shards(given.output);
  ASSERT_EQ(shards.sources().size(), 2U);
  EXPECT_EQ(shards.sources()[0].source, "Q");
  EXPECT_EQ(shards.sources()[0].weight, 2.5);
  EXPECT_EQ(shards.tokenizer().sha256, tokenizer_fingerprint(kTokenizer));
  const auto json = nlohmann::json::parse(base::read_file(given.output / "prepare.json", 1 << 20));
  EXPECT_EQ(json["totals"]["exact_duplicates"], 1);
  EXPECT_THAT(json["bad_records"][0]["why"].get<std::string>(),
              ::testing::StartsWith("it is not JSON (column "));
  EXPECT_EQ(json["totals"]["train"]["tokens"], shards.tokens(Split::kTrain));
}

TEST_F(PrepareTest, WhatDocumentsAreCalledStandsBesideThemAndIsLeftOutWhereIdentifiersAreMasked) {
  const auto file = folder_.write(
      "a.jsonl",
      R"({"source": "S", "id": "1", "title": "T", "license": "CC0", "text": "First words."})"
      "\n"
      R"({"source": "S", "text": "Other words."})"
      "\n");
  auto given = options({file});
  given.valid_fraction = 0;
  prepare(given);
  EXPECT_THAT(open_shards(given.output).names(0, Split::kTrain),
              ::testing::ElementsAre(DocumentName{"1", "T", "CC0"}, DocumentName{}));
  auto masked = options({file}, "masked");
  masked.valid_fraction = 0;
  masked.identifiers = "mask";
  prepare(masked);
  EXPECT_THAT(open_shards(masked.output).names(0, Split::kTrain),
              ::testing::ElementsAre(DocumentName{"", "", "CC0"}, DocumentName{}));
}

TEST_F(PrepareTest, SplitAndSurvivorsDependOnTheTextAlone) {
  std::string first, second;
  for (int i = 0; i < 300; ++i) {
    const std::string line = R"({"source": "S", "text": ")" + sentence(i) + "\"}\n";
    (i % 2 == 0 ? first : second) += line;
    if (i % 5 == 0) second += line;  // a copy in another file
    if (i % 7 == 0) {
      std::string near = line;
      near.insert(near.size() - 3, "again ");
      first += near;
    }
  }
  const auto a = folder_.write("a.jsonl", first);
  const auto b = folder_.write("b.jsonl", second);
  const auto both = folder_.write("c.jsonl", second + first);
  auto one = options({a, b}, "one");
  auto two = options({b, a}, "two");
  auto three = options({both}, "three");
  for (PrepareOptions* given : {&one, &two, &three}) {
    given->valid_fraction = 0.2;
    given->near_duplicates = 0.75;
    const PrepareReport report = prepare(*given);
    EXPECT_GT(report.dropped(Fate::kNear), 20U);
    EXPECT_GE(report.dropped(Fate::kSame), 60U);
    EXPECT_NEAR(static_cast<double>(report.written(Split::kValid).documents), 60, 25);
  }
  for (const Split split : {Split::kTrain, Split::kValid}) {
    const auto expected = texts(one.output, split);
    EXPECT_FALSE(expected.empty());
    EXPECT_EQ(texts(two.output, split), expected);
    EXPECT_EQ(texts(three.output, split), expected);
  }
  // The order in which files are named changes no byte.
  for (const char* name : {"000-train.tokens", "000-valid.tokens"}) {
    EXPECT_EQ(base::read_file(one.output / name, 1 << 20),
              base::read_file(two.output / name, 1 << 20));
  }
}

TEST_F(PrepareTest, DropsASourceAndKeepsItsCopyElsewhere) {
  const auto file = folder_.write("a.jsonl",
                                  "{\"source\": \"A\", \"text\": \"the same words in both\"}\n"
                                  "{\"source\": \"B\", \"text\": \"the same words in both\"}\n");
  auto given = options({file});
  given.valid_fraction = 0;
  given.drop_sources = {"A"};
  const PrepareReport report = prepare(given);
  EXPECT_EQ(report.dropped(Fate::kSame), 0U);
  EXPECT_TRUE(report.sources[0].dropped);
  EXPECT_EQ(report.written(Split::kTrain).documents, 1U);
}

TEST_F(PrepareTest, RefusesWhatCannotBeMeant) {
  const auto file = folder_.write("a.jsonl", "{\"source\": \"A\", \"text\": \"some words\"}\n");
  auto typo = options({file});
  typo.weights = {{"a typo", 2}};
  EXPECT_THAT(error_of(typo), HasSubstr("there is no such source; there are A (a)"));
  EXPECT_THAT(error_of(options({file, file})), HasSubstr("named twice"));
  EXPECT_THAT(error_of(options({folder_ / "none.jsonl"})), HasSubstr("there is no file"));
  EXPECT_THAT(error_of(options({folder_.write("a.pdf", "x")})), HasSubstr("must end in .jsonl"));
  auto fraction = options({file});
  fraction.valid_fraction = 0.9;
  EXPECT_THAT(error_of(fraction), HasSubstr("0 to 0.5"));
  EXPECT_THAT(error_of(options({folder_.write("bad.jsonl", "nonsense\n")})),
              HasSubstr("no text is left: 0 documents were read, 1 records skipped, the first "
                        "at"));
  EXPECT_THAT(error_of(options({folder_.write("empty.txt", "")})), HasSubstr("no text is left"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
}

TEST_F(PrepareTest, LeavesNothingWhenStoppedAndReplacesOnlyItsOwn) {
  const auto file = folder_.write("a.jsonl", "{\"text\": \"some words\"}\n");
  auto given = options({file});
  given.valid_fraction = 0;
  given.progress = [](int pass, std::uint64_t) {
    if (pass == 2) throw std::string("stopped");
  };
  EXPECT_THROW(prepare(given), std::string);
  EXPECT_EQ(folder_.entries(), 1);  // the input
  given.progress = nullptr;
  prepare(given);
  EXPECT_THAT(error_of(given), HasSubstr("exists already"));
  given.replace = true;
  EXPECT_EQ(error_of(given), "");
  std::filesystem::create_directory(folder_ / "mine");
  folder_.write("mine/notes", "keep");
  given.output = folder_ / "mine";
  EXPECT_THAT(error_of(given), HasSubstr("not a prepared corpus"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "mine/notes"));
}

TEST_F(PrepareTest, NoticesAFileThatChangesMeanwhile) {
  const auto file = folder_.write("a.jsonl", "{\"text\": \"some words\"}\n");
  auto given = options({file});
  given.progress = [&](int pass, std::uint64_t) {
    if (pass == 1) folder_.write("a.jsonl", "{\"text\": \"other words\"}\n");
  };
  EXPECT_THAT(error_of(given), HasSubstr("was changed"));
}

TEST_F(PrepareTest, LeavesOutAndCountsADocumentThatIsTooLong) {
  const auto file = folder_.write(
      "a.jsonl", "{\"text\": \"" + std::string(5000, 'x') + "\"}\n{\"text\": \"short\"}\n");
  auto given = options({file});
  given.valid_fraction = 0;
  given.read.max_record_bytes = 1000;
  const PrepareReport report = prepare(given);
  EXPECT_EQ(report.inputs[0].too_long, 1U);
  EXPECT_EQ(report.written(Split::kTrain).documents, 1U);
}

}  // namespace
}  // namespace medgen::corpus
