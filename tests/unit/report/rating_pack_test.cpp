// Blinded texts: what is in the table, what is only in the key, and that the order reveals nothing.
#include "report/rating_pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/csv.h"
#include "unit/base/blocks.h"

namespace medgen::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<research::Sample> samples() {
  std::vector<research::Sample> all;
  for (int prompt = 0; prompt < 6; ++prompt) {
    for (const std::string setting : {"cold-setting", "warm-setting", "hot-setting"}) {
      for (int i = 0; i < 2; ++i) {
        all.push_back(
            {.setting = setting,
             .prompt_id = std::string("p").append(std::to_string(prompt)),
             .index = i,
             .prompt = std::string("prompt, ").append(std::to_string(prompt)),
             .text = std::string(" text \"").append(std::to_string(all.size())).append("\"")});
      }
    }
  }
  return all;
}

using Table = std::vector<std::vector<std::string>>;

Table table_of(const std::string& csv) {
  Table table;
  base::CsvReader reader(base::text_blocks(csv, csv.size()), ',', csv.size());
  for (base::CsvRecord record; reader.next(record);) {
    EXPECT_EQ(record.error, "");
    table.push_back(record.fields);
  }
  return table;
}

TEST(RatingPackTest, TableIsBlindAndTheKeyTells) {
  const RatingPack pack = make_rating_pack(samples(), 9, 1);
  const Table texts = table_of(pack.texts_csv);
  const Table key = table_of(pack.key_csv);
  ASSERT_EQ(texts.size(), 10U);
  ASSERT_EQ(key.size(), 10U);
  EXPECT_EQ(pack.items, 9U);
  EXPECT_THAT(pack.texts_csv, Not(HasSubstr("setting")));
  for (const auto& row : texts) EXPECT_EQ(row.size(), 3 + rating_axes().size());
  for (std::size_t i = 1; i < texts.size(); ++i) {
    EXPECT_EQ(texts[i][0], key[i][0]);
    for (std::size_t column = 3; column < texts[i].size(); ++column) {
      EXPECT_EQ(texts[i][column], "");
    }
    bool found = false;
    for (const research::Sample& sample : samples()) {
      found = found || (sample.setting == key[i][1] && sample.prompt_id == key[i][2] &&
                        std::to_string(sample.index) == key[i][3] && sample.text == texts[i][2] &&
                        sample.prompt == texts[i][1]);
    }
    EXPECT_TRUE(found) << "row " << i;
  }
}

TEST(RatingPackTest, SettingsAreRatedOnTheSamePrompts) {
  const Table key = table_of(make_rating_pack(samples(), 12, 3).key_csv);
  std::map<std::string, std::set<std::string>> prompts;
  std::set<std::string> items;
  for (std::size_t i = 1; i < key.size(); ++i) {
    prompts[key[i][1]].insert(key[i][2] + "." + key[i][3]);
    items.insert(key[i][0]);
  }
  EXPECT_EQ(items.size(), 12U);
  ASSERT_EQ(prompts.size(), 3U);
  EXPECT_EQ(prompts["cold-setting"].size(), 4U);
  EXPECT_EQ(prompts["cold-setting"], prompts["warm-setting"]);
  EXPECT_EQ(prompts["cold-setting"], prompts["hot-setting"]);
}

TEST(RatingPackTest, TheSeedDecides) {
  EXPECT_EQ(make_rating_pack(samples(), 9, 1).texts_csv,
            make_rating_pack(samples(), 9, 1).texts_csv);
  EXPECT_NE(make_rating_pack(samples(), 9, 1).texts_csv,
            make_rating_pack(samples(), 9, 2).texts_csv);
}

TEST(RatingPackTest, TheOrderIsNotThatOfTheSettings) {
  const Table key = table_of(make_rating_pack(samples(), 36, 4).key_csv);
  int changes = 0;
  for (std::size_t i = 2; i < key.size(); ++i) changes += key[i][1] != key[i - 1][1] ? 1 : 0;
  EXPECT_GT(changes, 10);
}

TEST(RatingPackTest, GivesAllWhereThereAreFewer) {
  EXPECT_EQ(make_rating_pack(samples(), 1000, 1).items, 36U);
}

}  // namespace
}  // namespace medgen::report
