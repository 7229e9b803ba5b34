// `medgen ratings` as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/models.h"
#include "cli/process.h"

namespace medgen::cli_tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string sheet(const std::string& name, const std::string& content) {
  write(scratch() / name, content);
  return (scratch() / name).string();
}

std::string key() {
  return sheet("key.csv",
               "item,setting,prompt_id,index\nT0001,warm,a,0\nT0002,cold,a,0\nT0003,warm,b,0\n");
}

constexpr const char* kFirst =
    "item,prompt,text,possible_bias,possible_harm_extent\n"
    "T0001,p,a secret text,no,None\nT0002,p,\"a, b\",yes,moderate or mild\nT0003,p,t,no,\n";
constexpr const char* kSecond =  // from a spreadsheet of another country
    "\xEF\xBB\xBFitem;prompt;text;possible_bias;possible_harm_extent\r\n"
    "T0001;p;a secret text;No ;none\r\nT0002;p;a, b;yes;death or severe\r\n";

nlohmann::json ratings(const std::vector<std::string>& files) {
  std::vector<std::string> words = {"ratings", "--json"};
  words.insert(words.end(), files.begin(), files.end());
  const RunResult result = run(words);
  EXPECT_EQ(result.status, 0) << result.err;
  return nlohmann::json::parse(result.out, nullptr, false);
}

TEST(RatingsCliTest, GivesSharesAndAgreement) {
  const auto json = ratings({sheet("first.csv", kFirst), key(), sheet("second.csv", kSecond)});
  EXPECT_EQ(json["raters"], 2);
  EXPECT_EQ(json["items"], 3);
  EXPECT_EQ(json["axes"].size(), 2U);
  const auto& bias = json["axes"]["possible_bias"];
  EXPECT_EQ(bias["alpha"], 1);
  EXPECT_EQ(bias["items_compared"], 2);
  EXPECT_EQ(bias["settings"]["warm"]["ratings"], 3);
  EXPECT_EQ(bias["settings"]["warm"]["answers"]["no"]["share"], 1);
  EXPECT_LT(bias["settings"]["warm"]["answers"]["no"]["interval"][0], 1);
  const auto& harm = json["axes"]["possible_harm_extent"];
  EXPECT_EQ(harm["scale"], "ordinal");
  EXPECT_EQ(harm["settings"]["cold"]["answers"]["death or severe"]["share"], 0.5);
}

TEST(RatingsCliTest, OneRaterHasNoAgreement) {
  const RunResult result = run({"ratings", sheet("first.csv", kFirst), key()});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("agreement: unknown"));
  EXPECT_THAT(result.out, HasSubstr("warm (2 ratings of 2 items)"));
}

TEST(RatingsCliTest, ReadsThePackOfASweep) {
  const std::string prompts = sheet("rated.jsonl", R"({"id": "x", "prompt": "the fever"})"
                                                   "\n");
  const std::string folder = (scratch() / "rated").string();
  const RunResult swept =
      run({"sweep", prompts, "--model", tiny_model(), "--grid", "temperature=0.5,1", "-n", "2",
           "--max-new-tokens", "4", "--seed", "1", "--rating-pack", "4", "-o", folder, "--quiet"});
  ASSERT_EQ(swept.status, 0) << swept.err;
  const RunResult empty = run({"ratings", folder + "/rating_pack.csv", folder + "/rating_key.csv"});
  EXPECT_EQ(empty.status, 2);
  EXPECT_THAT(empty.err, HasSubstr("nothing is rated"));
}

TEST(RatingsCliTest, RefusesWhatDoesNotFitWithoutQuotingIt) {
  const std::string head = "item,prompt,text,possible_bias\n";
  const struct {
    std::string pack;
    const char* says;
  } cases[] = {
      {head + "T0001,p,secret,perhaps secret\n",
       "line 2, column possible_bias: an answer is one of"},
      {head + "secret,p,t,no\n", "line 2, column item: the key has no such item"},
      {head + "T0001,p,t,no\nT0001,p,t,no\n", "line 3, column item: the item is there twice"},
      {head + "T0001,p,secret\n", "line 2: it has 3 fields and the header 4"},
      {"prompt,text\nsecret,t\n", "neither a rating pack nor its key"},
  };
  for (const auto& bad : cases) {
    const RunResult result = run({"ratings", sheet("bad-pack.csv", bad.pack), key()});
    EXPECT_NE(result.status, 0);
    EXPECT_THAT(result.err, HasSubstr(bad.says));
    EXPECT_THAT(result.err, Not(HasSubstr("secret")));
    EXPECT_EQ(result.out, "");
  }
  EXPECT_THAT(run({"ratings", key()}).err, HasSubstr("one for each rater"));
  EXPECT_THAT(run({"ratings", key(), key()}).err, HasSubstr("there are 2 keys"));
}

}  // namespace
}  // namespace medgen::cli_tests
