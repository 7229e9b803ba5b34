// `medgen reproduce` as a user sees it, on a tiny random model: what is equal, what differs and
// why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/folder_test.h"
#include "cli/models.h"
#include "cli/process.h"

namespace medgen::cli_tests {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

class ReproduceCliTest : public FolderTest {
 protected:
  static std::vector<std::string> words(const std::string& command,
                                        const std::vector<std::string>& more) {
    std::vector<std::string> all = {command, "--model", tiny_model()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  // A batch of many kinds of rows.
  std::string batch_output() const {
    const std::string in =
        file("in.jsonl",
             "{\"id\":\"a\",\"prompt\":\"I feel bad\"}\n{\"id\":7,\"prompt\":\"I feel\"}\n"
             "{\"prompt\":\"My knee\",\"settings\":{\"num_beams\":2}}\n"
             "{\"id\":\"w\",\"prompt\":\"I "
             "cough\",\"settings\":{\"bad_words\":[\"a\"],\"stop\":[\"e\"],\"seed\":3}}\n"
             "{\"id\":\"long\",\"prompt\":\"" +
                 std::string(60, 'q') + "\"}\n");
    const std::string out = path("out.jsonl");
    EXPECT_EQ(run(words("batch", {in, "-o", out, "-n", "2", "--seed", "5", "--max-new-tokens", "7",
                                  "--truncate-prompt"}))
                  .status,
              0);
    return out;
  }
  static RunResult reproduce(const std::vector<std::string>& more) {
    return run(words("reproduce", more));
  }
  static Json reproduced(const std::string& file, const std::vector<std::string>& more = {}) {
    std::vector<std::string> all = words("reproduce", {file, "--json"});
    all.insert(all.end(), more.begin(), more.end());
    return Json::parse(run(all).out);
  }
  // The output with a change to one of its lines.
  std::string changed(const std::string& from, std::size_t line,
                      const std::function<void(Json&)>& change) const {
    std::istringstream stream(read(from));
    std::string text;
    std::string all;
    for (std::size_t number = 1; std::getline(stream, text); ++number) {
      Json json = Json::parse(text);
      if (number == line) change(json);
      all += json.dump() + "\n";
    }
    return file("changed.jsonl", all);
  }
};

TEST_F(ReproduceCliTest, ABatchIsEqual) {
  const RunResult result = reproduce({batch_output()});
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("      5  equal"), Not(HasSubstr("differs")),
                                Not(HasSubstr("feel"))));
}

TEST_F(ReproduceCliTest, GenerateAndSweepAreEqualToo) {
  const RunResult json =
      run(words("generate", {"--json", "--seed", "3", "-n", "2", "--logprobs", "1", "I feel"}));
  ASSERT_EQ(json.status, 0);
  EXPECT_EQ(reproduce({file("one.json", json.out)}).status, 0);
  EXPECT_EQ(reproduce({file("pretty.json", Json::parse(json.out).dump(2))}).status, 0);
  EXPECT_EQ(reproduce({file("list.json", "[" + json.out + "," + json.out + "]")}).status, 0);

  const std::string in = file("in.txt", "I feel\nMy knee\n");
  ASSERT_EQ(run(words("sweep", {in, "-o", path("sweep"), "-n", "2", "--seed", "4", "--grid",
                                "temperature=0,0.5,1", "--max-new-tokens", "6"}))
                .status,
            0);
  const Json result = reproduced(path("sweep/samples.jsonl"));
  EXPECT_EQ(result["records"], 6);
  EXPECT_EQ(result["equal"], 6);
}

TEST_F(ReproduceCliTest, SaysWhatDiffers) {
  const std::string out = batch_output();
  const std::string other = changed(out, 2, [](Json& json) {
    json["completions"][1]["text"] = json["completions"][1]["text"].get<std::string>() + "x";
    json["completions"][1]["logprob"] = -1.0;
  });
  const RunResult table = reproduce({other});
  EXPECT_EQ(table.status, 1);
  EXPECT_THAT(table.out, AllOf(HasSubstr("      4  equal"), HasSubstr("      1  differs"),
                               HasSubstr("line 2, id 7: differs"),
                               HasSubstr("sample 1: text, logprob from byte")));
  const Json json = reproduced(other);
  EXPECT_EQ(json["differ"], 1);
  EXPECT_EQ(json["results"][1]["differences"][0]["fields"], (Json{"text", "logprob"}));
  EXPECT_EQ(json["results"][1]["differences"][0]["index"], 1);
  EXPECT_EQ(json["results"][0]["result"], "equal");
}

TEST_F(ReproduceCliTest, SaysWhy) {
  const std::string out = batch_output();
  const auto why = [&](const std::function<void(Json&)>& change,
                       const std::vector<std::string>& more = {}) {
    const Json json = reproduced(changed(out, 1, change), more);
    return json["results"][0]["result"].get<std::string>() + " " + json["results"][0]["why"].dump();
  };
  EXPECT_EQ(why([](Json&) {}), "equal []");
  EXPECT_THAT(why([](Json& json) { json["provenance"]["model"]["sha256"] = "0123456789abcdef"; }),
              HasSubstr("equal [\"model: 0123456789ab then, "));
  EXPECT_THAT(why([](Json& json) { json["provenance"]["medgen"] = "0.0.1"; }),
              HasSubstr("version of medgen: 0.0.1 then"));
  EXPECT_THAT(why([](Json& json) { json["provenance"]["seed"] = 6; }), HasSubstr("differs"));
  EXPECT_THAT(why([](Json& json) { json["provenance"]["key"] = 6; }), HasSubstr("differs"));
  EXPECT_THAT(why([](Json&) {}, {"--precision", "int8"}), HasSubstr("precision: "));
  EXPECT_THAT(why([](Json& json) { json["completions"][0]["finish_reason"] = "interrupted"; }),
              AllOf(HasSubstr("differs"), HasSubstr("interrupted")));
}

TEST_F(ReproduceCliTest, SaysWhatCannotBeMadeAgain) {
  const std::string out = batch_output();
  const auto obstacle = [&](const std::function<void(Json&)>& change) {
    const RunResult result = reproduce({changed(out, 1, change)});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.out, HasSubstr("      1  not made"));
    return result.out;
  };
  EXPECT_THAT(obstacle([](Json& json) { json.erase("prompt"); }), HasSubstr("it lacks something"));
  EXPECT_THAT(obstacle([](Json& json) { json["provenance"].erase("key"); }),
              HasSubstr("it lacks something"));
  EXPECT_THAT(obstacle([](Json& json) { json["provenance"]["sampling"]["new_setting"] = 1; }),
              HasSubstr("new_setting"));
  EXPECT_THAT(obstacle([](Json& json) {
                json = Json{{"custom_id", 1}, {"response", {}}};
              }),
              HasSubstr("OpenAI"));
}

TEST_F(ReproduceCliTest, RowsThatFailedAreSkippedAndCounted) {
  const std::string out = changed(batch_output(), 2, [](Json& json) {
    json = Json{{"id", 7}, {"error", {{"code", "no_prompt"}, {"message", "it has none"}}}};
  });
  const RunResult table = reproduce({out});
  EXPECT_EQ(table.status, 0);
  EXPECT_THAT(table.out, AllOf(HasSubstr("      1  skipped   it is the record of a failed row"),
                               Not(HasSubstr("not made"))));
  const Json json = reproduced(out);
  EXPECT_EQ(json["skipped"], 1);
  EXPECT_EQ(json["not_made"], 0);
  EXPECT_EQ(json["results"][1]["result"], "skipped");
}

TEST_F(ReproduceCliTest, ReadsOlderFormatsAndRefusesNewerOnes) {
  const std::string out = batch_output();
  EXPECT_EQ(reproduce({changed(out, 3, [](Json& json) { json.erase("format"); })}).status, 0);
  const std::string newer = changed(out, 3, [](Json& json) { json["format"] = 3; });
  const RunResult result = reproduce({newer});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("record on line 3 of " + newer +
                                    " was written in format 3; this medgen reads up to 2: use the "
                                    "medgen that wrote it or a newer one"));
}

TEST_F(ReproduceCliTest, RefusesWhatHoldsNoRecords) {
  EXPECT_EQ(reproduce({path("none.jsonl")}).status, 2);
  EXPECT_THAT(reproduce({file("a.txt", "some text")}).err, HasSubstr("holds no JSON records"));
  EXPECT_THAT(reproduce({file("b.jsonl", "")}).err, HasSubstr("holds no records"));
  EXPECT_EQ(reproduce({path(".")}).status, 2);
}

}  // namespace
}  // namespace medgen::cli_tests
