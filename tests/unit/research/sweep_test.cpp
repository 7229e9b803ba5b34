// The settings of a sweep: grids, files of named settings, and what is refused.
#include "research/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "medgen/error.h"
#include "unit/byte_tokenizer.h"

namespace medgen::research {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> names(const std::vector<SweepCell>& cells) {
  std::vector<std::string> result;
  for (const SweepCell& cell : cells) result.push_back(cell.name);
  return result;
}

template <class Work>
std::string refusal(Work work) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

std::string grid_refusal(const std::vector<std::string>& axes) {
  return refusal([&] { grid_cells(axes); });
}

TEST(SweepTest, AGridIsTheProductOfItsAxes) {
  const auto cells = grid_cells({"temperature=0.5,1.0", "top-p=0.8,1"});
  EXPECT_THAT(names(cells), ElementsAre("temperature=0.5 top_p=0.8", "temperature=0.5 top_p=1",
                                        "temperature=1.0 top_p=0.8", "temperature=1.0 top_p=1"));
  EXPECT_EQ(cells[1].given, (engine::SettingsJson{{"temperature", 0.5}, {"top_p", 1}}));
}

TEST(SweepTest, CommasInsideBracketsAndQuotesPartNothing) {
  const auto cells = grid_cells({R"(sampler_order=["top_k","temperature"],vllm,hf)",
                                 R"(bad_words=["a,b"],["c"])", "stop_on_loop=true,false"});
  ASSERT_EQ(cells.size(), 12U);
  EXPECT_EQ(cells[0].given["sampler_order"], (engine::SettingsJson{"top_k", "temperature"}));
  EXPECT_EQ(cells[0].given["bad_words"], engine::SettingsJson::array({"a,b"}));
  EXPECT_EQ(cells[0].given["stop_on_loop"], true);
  EXPECT_EQ(cells[11].given["sampler_order"], "hf");
}

TEST(SweepTest, RefusesGridsThatMakeNoSense) {
  EXPECT_THAT(grid_refusal({"temprature=1"}),
              AllOf(HasSubstr("unknown setting"), HasSubstr("did you mean \"temperature\"")));
  EXPECT_THAT(grid_refusal({"temperature"}), HasSubstr("such as temperature=0.5,0.7,1.0"));
  EXPECT_THAT(grid_refusal({"=1"}), HasSubstr("give a setting"));
  EXPECT_THAT(grid_refusal({"top_k=1,,3"}), HasSubstr("a value is missing"));
  EXPECT_THAT(grid_refusal({"top_k="}), HasSubstr("a value is missing"));
  EXPECT_THAT(grid_refusal({"top_k=5,10,5"}), HasSubstr("the value 5 is given twice"));
  EXPECT_THAT(grid_refusal({"top_k=5", "top-k=6"}), HasSubstr("top_k is given twice"));
  EXPECT_THAT(grid_refusal({"seed=1,2"}), HasSubstr("share random numbers"));
}

TEST(SweepTest, RefusesAGridOfAMillionSettingsAtOnce) {
  std::string hundred = "0.01";
  for (int i = 2; i <= 100; ++i) hundred.append(",").append(std::to_string(i / 100.0));
  EXPECT_THAT(grid_refusal({"temperature=" + hundred, "top_p=" + hundred, "min_p=" + hundred}),
              HasSubstr("more than 1000 settings"));
  std::string ten = "1";
  for (int i = 2; i <= 10; ++i) ten.append(",").append(std::to_string(i));
  EXPECT_EQ(grid_cells({"top_k=" + ten, "min_length=" + ten, "min_new_tokens=" + ten}).size(),
            1000U);
}

TEST(SweepTest, NamedSettingsAreTheLinesOfAFile) {
  const auto cells = named_cells(
      "{\"name\":\"nucleus\",\"top_p\":0.95,\"temperature\":1}\n\n{\"name\":\"as it is\"}\r\n",
      "s.jsonl");
  EXPECT_THAT(names(cells), ElementsAre("nucleus", "as it is"));
  EXPECT_EQ(cells[0].given, (engine::SettingsJson{{"top_p", 0.95}, {"temperature", 1}}));
  EXPECT_TRUE(cells[1].given.empty());
}

TEST(SweepTest, RefusesFilesOfSettingsThatMakeNoSense) {
  const auto of = [](const std::string& text) {
    return refusal([&] { named_cells(text, "s.jsonl"); });
  };
  EXPECT_THAT(of("{\"name\":\"a\"}\nno json\n"), HasSubstr("s.jsonl, line 2"));
  EXPECT_THAT(of("{\"top_k\":3}\n"), HasSubstr("\"name\" must be"));
  EXPECT_THAT(of("{\"name\":\"\"}\n"), HasSubstr("\"name\" must be"));
  EXPECT_THAT(of("{\"name\":7}\n"), HasSubstr("\"name\" must be"));
  EXPECT_THAT(of("{\"name\":\"a\\nb\"}\n"), HasSubstr("\"name\" must be"));
  EXPECT_THAT(of("{\"name\":\"a\"}\n{\"name\":\"a\"}\n"), HasSubstr("given twice"));
  EXPECT_THAT(of("{\"name\":\"a\",\"topk\":3}\n"), HasSubstr("did you mean \"top_k\""));
  EXPECT_THAT(of("{\"name\":\"a\",\"seed\":3}\n"), HasSubstr("share random numbers"));
  EXPECT_THAT(of("\n\n"), HasSubstr("holds no settings"));
  EXPECT_THAT(of("{\"name\":\"\xff\"}\n"), HasSubstr("UTF-8"));
  EXPECT_THAT(of(std::string(100000, '[')), HasSubstr("nested more deeply than"));
}

TEST(SweepTest, CellsAreMadeOverTheSweepsOwnSettings) {
  const ByteTokenizer tokenizer;
  DecodingSettings base;
  base.sampling.top_k = 7;
  base.num_return_sequences = 4;
  const auto settings = sweep_settings(grid_cells({"temperature=0,1"}), base, tokenizer);
  ASSERT_EQ(settings.size(), 2U);
  EXPECT_EQ(settings[0].settings.num_return_sequences, 1) << "greedy gives one text";
  EXPECT_EQ(settings[1].settings.num_return_sequences, 4);
  EXPECT_EQ(settings[1].settings.sampling.top_k, 7);
  const auto words = sweep_settings(grid_cells({R"(bad_words=["ab"])"}), base, tokenizer);
  EXPECT_FALSE(words[0].settings.sampling.bad_words.empty()) << "texts are token ids now";
}

TEST(SweepTest, RefusesCellsThatContradictThemselvesByName) {
  const ByteTokenizer tokenizer;
  const auto of = [&](const std::vector<std::string>& axes) {
    return refusal([&] { sweep_settings(grid_cells(axes), {}, tokenizer); });
  };
  EXPECT_THAT(of({"num_beams=1,4", "temperature=1"}),
              AllOf(HasSubstr("\"num_beams=4 temperature=1\""), HasSubstr("draws nothing")));
  EXPECT_THAT(of({"top_p=0.5,1.5"}), AllOf(HasSubstr("\"top_p=1.5\""), HasSubstr("above 0")));
  EXPECT_THAT(of({"top_p=high"}), HasSubstr("\"top_p=high\""));
  EXPECT_THAT(of({"suppress_tokens=[100000]"}), HasSubstr("100000"));
}

TEST(SweepTest, TellsWhatWasVaried) {
  const auto swept =
      swept_numbers(grid_cells({"temperature=0.5,1", "top_k=3", "sampler_order=hf,llama"}));
  ASSERT_EQ(swept.size(), 1U);
  EXPECT_EQ(swept.at("temperature").size(), 4U);
  EXPECT_EQ(swept.at("temperature").at("temperature=0.5 top_k=3 sampler_order=hf"), 0.5);
}

}  // namespace
}  // namespace medgen::research
