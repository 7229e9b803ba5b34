// `medgen index` and `medgen trace` as a user runs them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/folder_test.h"
#include "cli/models.h"
#include "cli/process.h"

namespace medgen::cli_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::ordered_json;

const std::string kNote =
    "The child had a fever for three days and a cough that kept her awake at night.";

class TraceCliTest : public FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    Json planted = {{"id", "n1"}, {"title", "A <b>note"}, {"license", "CC0"}, {"source", "notes"}};
    planted["text"] = kNote;
    std::string lines = planted.dump() + "\n";
    for (int i = 0; i < 5; ++i) {
      lines +=
          Json{{"text", "Filler number " + std::to_string(i * 7919) + " of five."}}.dump() + "\n";
    }
    const RunResult prepared =
        run({"prepare", "--data", file("notes.jsonl", lines), "--tokenizer",
             checkpoint_tokenizer().string(), "--output", path("shards"), "--valid-fraction", "0"});
    ASSERT_EQ(prepared.status, 0) << prepared.err;
    const RunResult made = run({"index", path("shards"), path("index")});
    ASSERT_EQ(made.status, 0) << made.err;
    made_ = made.out;
  }

  Json traced(const std::vector<std::string>& more) const {
    std::vector<std::string> words = {"trace", "--index", path("index"), "--json"};
    words.insert(words.end(), more.begin(), more.end());
    const RunResult result = run(words);
    EXPECT_EQ(result.status, 0) << result.err;
    return Json::parse(result.out.substr(0, result.out.find('\n')));
  }

  std::string made_;
};

TEST_F(TraceCliTest, FindsAPlantedPassageWithItsDocumentAndLicence) {
  const Json json = traced({"She says: " + kNote});
  ASSERT_EQ(json["spans"].size(), 1U);
  const Json& span = json["spans"][0];
  EXPECT_EQ(span["text"], kNote);
  EXPECT_EQ(span["begin"], 10);
  EXPECT_EQ(span["count"], 1);
  const Json& place = span["places"][0];
  EXPECT_EQ(place["source"], "notes");
  EXPECT_EQ(place["group"], "notes");
  EXPECT_EQ(place["id"], "n1");
  EXPECT_EQ(place["license"], "CC0");
  EXPECT_EQ(json["generated"], false);
  EXPECT_THAT(json["about_places"].get<std::string>(), HasSubstr("says nothing about the person"));
  EXPECT_FALSE(json.contains("notice"));
  EXPECT_THAT(traced({"My knee hurts when I climb the stairs."})["spans"], IsEmpty());
}

TEST_F(TraceCliTest, MarksPassagesInTheTextAndTellsOfThemBelow) {
  const RunResult result = run({"trace", "--index", path("index"), "She says: " + kNote});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("She says: \u27E6" + kNote + "\u27E7[1]"));
  EXPECT_THAT(result.out, HasSubstr("1 time in the training text, in 1 document"));
  EXPECT_THAT(result.out, HasSubstr("notes, document 1, CC0"));
  const RunResult titles =
      run({"trace", "--index", path("index"), "--titles", "She says: " + kNote});
  EXPECT_THAT(titles.out, HasSubstr("notes, document 1, n1, titled \"A <b>note\", CC0"));
  const RunResult color =
      run({"trace", "--index", path("index"), "--color", "always", "She says: " + kNote});
  EXPECT_THAT(color.out, HasSubstr("\x1b[38;5;16;48;5;222m" + kNote));
  const RunResult none = run({"trace", "--index", path("index"), "Nothing at all."});
  EXPECT_THAT(none.out, HasSubstr("No passage of 8 tokens or more"));
}

TEST_F(TraceCliTest, WritesAPageThatRunsNothing) {
  const RunResult result = run({"trace", "--index", path("index"), "--titles", "--html",
                                path("page.html"), "She says: " + kNote});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "");
  const std::string page = read(path("page.html"));
  EXPECT_THAT(page, HasSubstr("<a id=\"mt1s1\" href=\"#t1s1\""));
  EXPECT_THAT(page, HasSubstr("<li id=\"t1s1\">"));
  EXPECT_THAT(page, HasSubstr("A &lt;b&gt;note"));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("<b>note")));
}

TEST_F(TraceCliTest, TracesWhatIsDrawnAndWhatWasRecorded) {
  const RunResult drawn = run({"trace", "--index", path("index"), "--continue", "--model",
                               tiny_model(), "--seed", "1", "-n", "2", "--json", "I have a"});
  ASSERT_EQ(drawn.status, 0) << drawn.err;
  ASSERT_EQ(lines_of(drawn.out).size(), 2U);
  const Json first = Json::parse(lines_of(drawn.out)[0]);
  EXPECT_EQ(first["name"], "continuation 1");
  EXPECT_EQ(first["generated"], true);
  EXPECT_THAT(first["notice"].get<std::string>(), Not(IsEmpty()));
  const RunResult made =
      run({"generate", "--model", tiny_model(), "--seed", "1", "-n", "2", "--json", "I have a"});
  const RunResult recorded = run(
      {"trace", "--index", path("index"), "--record", file("record.jsonl", made.out), "--json"});
  ASSERT_EQ(recorded.status, 0) << recorded.err;
  EXPECT_EQ(Json::parse(lines_of(recorded.out)[0])["text"], first["text"]);
}

TEST_F(TraceCliTest, AnIndexIsForItsUserAloneAndCanBeChecked) {
  struct stat status {};
  ASSERT_EQ(::stat((path("index") + "/suffixes.bin").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_THAT(made_, HasSubstr("documents  6, 1 of them with an id"));
  EXPECT_EQ(run({"index", "--check", path("index")}).status, 0);
  std::string bytes = read(path("index") + "/suffixes.bin");
  bytes[2 * 4096] = static_cast<char>(bytes[2 * 4096] ^ 1);  // a suffix
  write(path("index") + "/suffixes.bin", bytes);
  const RunResult damaged = run({"index", "--check", path("index")});
  EXPECT_EQ(damaged.status, 1);
  EXPECT_THAT(damaged.err, HasSubstr("make the index again"));
  const RunResult found = run({"trace", "--index", path("index"), kNote});
  EXPECT_EQ(found.status, 1);
  EXPECT_THAT(found.err, HasSubstr("does not fit its checksum"));
}

TEST_F(TraceCliTest, RefusesWhatMakesNoSense) {
  const std::string index = path("index");
  const struct {
    std::vector<std::string> words;
    int status;
    const char* says;
  } cases[] = {
      {{"trace", "text"}, 2, "no index: give --index DIR"},
      {{"trace", "--index", index, ""}, 2, "there is nothing to trace"},
      {{"trace", "--index", path("shards"), "text"}, 1, "is not an index of training text"},
      {{"trace", "--index", index, "--top-k", "3", "text"}, 2, "are for --continue"},
      {{"trace", "--index", index, "--least-tokens", "0", "text"}, 2, "from 1 to 10000"},
      {{"trace", "--index", index, "--places", "0", "text"}, 2, "from 1 to 1000"},
      {{"trace", "--index", index, "--record", path("notes.jsonl"), "text"}, 2, "--record"},
      {{"trace", "--index", index, "--record", file("none.jsonl", "{\"completions\":[]}\n")},
       2,
       "holds no generated texts"},
      {{"index", path("shards")}, 2, "no output folder"},
      {{"index", path("shards"), index}, 2, "exists"},
      {{"index", "--force", path("shards"), path("shards")}, 2, "is not an index"},
      {{"index", "--check", index, path("other")}, 2, "name the index alone"},
      {{"index", index, path("other")}, 1, "is not a prepared corpus"},
  };
  for (const auto& bad : cases) {
    const RunResult result = run(bad.words);
    EXPECT_EQ(result.status, bad.status) << result.err;
    EXPECT_THAT(result.err, HasSubstr(bad.says));
    EXPECT_EQ(result.out, "");
  }
}

}  // namespace
}  // namespace medgen::cli_tests
