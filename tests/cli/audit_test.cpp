// `medgen audit` and `train --canary` as a user runs them, with a model that is trained here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/models.h"
#include "cli/process.h"
#include "corpus/canaries.h"
#include "needs_torch.h"
#include "places.h"

namespace medgen::cli_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

// Documents that differ from their first words on.
std::string audit_notes(int begin, int end) {
  const char* const complaints[] = {"fever", "cough", "rash", "headache", "thirst", "dizziness"};
  const char* const measures[] = {"rest", "water", "tea", "a walk", "sleep", "warm soup"};
  std::string lines;
  for (int i = begin; i < end; ++i) {
    const std::string text = "Note " + std::to_string(i * 7919 % 1000) + ": " + complaints[i % 6] +
                             " and " + complaints[i / 6 % 6] + ", then " + measures[i / 2 % 6] +
                             " and " + measures[i / 3 % 6] + " helped by day " +
                             std::to_string(i * 31 % 97) + ".";
    lines += Json{{"text", text}}.dump() + "\n";
  }
  return lines;
}

// A model that has seen 24 notes and canaries so often that it knows them by heart.
class AuditCliTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!has_torch_module()) return;
    const std::vector<std::string> prepare = {"prepare",
                                              "--data",
                                              place("notes.jsonl"),
                                              "--tokenizer",
                                              checkpoint_tokenizer().string(),
                                              "--output",
                                              place("shards"),
                                              "--valid-fraction",
                                              "0",
                                              "--keep-near-duplicates"};
    fs::create_directories(scratch() / "audit");
    write(place("notes.jsonl"), audit_notes(0, 24));
    write(place("others.jsonl"), audit_notes(1000, 1024));
    ASSERT_EQ(run(prepare).status, 0);
    ASSERT_EQ(run({"index", place("shards"), place("index")}).status, 0);
    const RunResult trained = run({"train",
                                   "--data",
                                   place("shards"),
                                   "--work-dir",
                                   place("work"),
                                   "--output",
                                   place("model"),
                                   "--canary",
                                   "3",
                                   "--n-layer",
                                   "2",
                                   "--n-head",
                                   "2",
                                   "--n-embd",
                                   "64",
                                   "--n-positions",
                                   "128",
                                   "--batch-windows",
                                   "4",
                                   "--micro-batch-windows",
                                   "4",
                                   "--tokens",
                                   "150000",
                                   "--warmup-tokens",
                                   "5000",
                                   "--precision",
                                   "fp32",
                                   "--threads",
                                   "1"});
    ASSERT_EQ(trained.status, 0) << trained.err;
    told_ = trained.err;
  }
  void SetUp() override { MEDGEN_NEEDS_TORCH(); }

  static std::string place(const std::string& name) {
    return (scratch() / "audit" / name).string();
  }
  static std::vector<std::string> command(const std::vector<std::string>& more) {
    std::vector<std::string> words = {"audit",  place("model"),    "--index", place("index"),
                                      "--json", "--prefix-tokens", "14",      "--max-new-tokens",
                                      "30",     "--least-tokens",  "24",      "--documents",
                                      "24",     "--candidates",    "255"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  static Json audited(const std::vector<std::string>& more) {
    const RunResult result = run(command(more));
    EXPECT_EQ(result.status, 0) << result.err;
    return Json::parse(result.out);
  }

  static std::string told_;
};
std::string AuditCliTest::told_;

TEST_F(AuditCliTest, ACanaryPlanted20TimesIsFoundAndOneThatWasNeverPlantedIsNot) {
  const Json json = audited({"--canaries", place("work/canaries.jsonl"), "--samples", "0"});
  ASSERT_EQ(json["exposure"].size(), 2U);
  const Json &never = json["exposure"][0], &often = json["exposure"][1];
  EXPECT_EQ(never["times"], 0);
  EXPECT_EQ(never["canaries"], 3);
  EXPECT_EQ(never["found"], 0);
  EXPECT_EQ(often["times"], 20);
  EXPECT_EQ(often["found"], 3);
  EXPECT_GT(often["mean_bits"], 7.0);  // of 8 at most
  EXPECT_LT(never["mean_bits"], 6.0);
  EXPECT_EQ(json["notes"].size(), 0U);
}

TEST_F(AuditCliTest, TrainingTextIsRecitedAndHeldOutTextIsNot) {
  const Json json = audited({"--held-out", place("others.jsonl")});
  ASSERT_EQ(json["texts"].size(), 4U);
  const auto greedy_own = [&](const char* text) {
    for (const Json& texts : json["texts"]) {
      if (texts["text"] == text && texts["decoding"] == "greedy") {
        return texts["lengths"].back()["own"]["share"].get<double>();
      }
    }
    return -1.0;
  };
  EXPECT_GT(greedy_own("training"), 0.25);
  EXPECT_LT(greedy_own("held-out"), 0.05);
  EXPECT_EQ(json["held_out"]["in_index"], 0);
  // What was planted is said where nobody asks for it.
  ASSERT_EQ(json["notes"].size(), 1U);
  EXPECT_THAT(json["notes"][0].get<std::string>(), HasSubstr("canaries were planted"));
}

TEST_F(AuditCliTest, DocumentsThatStandInTheIndexAreNotHeldOut) {
  const RunResult result = run(command({"--held-out", place("notes.jsonl")}));
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("no held-out document that is not in the index"));
}

TEST_F(AuditCliTest, GivesTheSameBytesForEveryNumberOfThreads) {
  const std::vector<std::string> more = {"--held-out", place("others.jsonl"), "--seed", "3"};
  const std::string one = run(command(more)).out;
  std::vector<std::string> threads = more;
  threads.insert(threads.end(), {"--threads", "2"});
  EXPECT_EQ(run(command(threads)).out, one);
}

TEST_F(AuditCliTest, TrainingSaysThatThereIsAnAuditAndWhereTheCanariesAre) {
  EXPECT_THAT(told_, HasSubstr("medgen audit measure what it recites"));
  EXPECT_THAT(told_, HasSubstr("canaries.jsonl"));
  const auto canaries = corpus::read_canaries(place("work/canaries.jsonl"));
  EXPECT_EQ(canaries.size(), 6U);
  const Json record = Json::parse(read(place("model/training.json")));
  EXPECT_EQ(record["settings"]["canaries"]["planted"], 3);
  EXPECT_EQ(record["settings"]["canaries"]["sha256"], corpus::canaries_fingerprint(canaries));
  // Whoever gets the model does not get the canaries.
  EXPECT_EQ(record.dump().find("reference number"), std::string::npos);
}

TEST_F(AuditCliTest, RefusesWhatMakesNoSense) {
  const struct {
    std::vector<std::string> more;
    int status;
    const char* says;
  } cases[] = {
      {{"--documents", "0"}, 2, "from 1 to 1000000"},
      {{"--samples", "101"}, 2, "from 0 to 100"},
      {{"--prefix-tokens", "120"}, 2, "do not fit the model's context of 128"},
      {{"--held-out", place("shards")}, 2, "has no held-out documents"},
      {{"--held-out", place("model/model.pt")}, 2, "is neither a folder"},
      {{"--canaries", place("notes.jsonl")}, 1, "a canary is"},
  };
  for (const auto& bad : cases) {
    std::vector<std::string> words = {"audit",        place("model"),     "--index",
                                      place("index"), "--max-new-tokens", "12"};
    words.insert(words.end(), bad.more.begin(), bad.more.end());
    const RunResult result = run(words);
    EXPECT_EQ(result.status, bad.status) << result.err;
    EXPECT_THAT(result.err, HasSubstr(bad.says));
    EXPECT_EQ(result.out, "");
  }
  const RunResult times = run({"train", "--data", place("shards"), "--work-dir", place("w2"),
                               "--output", place("m2"), "--canary-times", "5"});
  EXPECT_EQ(times.status, 2);
  EXPECT_THAT(times.err, HasSubstr("--canary-times is for --canary N"));
  const RunResult none = run({"train", "--data", place("shards"), "--work-dir", place("w2"),
                              "--output", place("m2"), "--canary", "0"});
  EXPECT_EQ(none.status, 2);
}

}  // namespace
}  // namespace medgen::cli_tests
