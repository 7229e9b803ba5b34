// `medgen train` as a user meets it: killed, interrupted, short of disk, wrongly called.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/models.h"
#include "cli/process.h"
#include "needs_torch.h"
#include "places.h"
#include "temporary_folder.h"

namespace medgen::cli_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class TrainCommandTest : public ::testing::Test {
 protected:
  TrainCommandTest() {
    std::string text;
    for (int i = 0; i < 40; ++i) {
      text += "{\"text\": \"Note " + std::to_string(i) + ": fever, then rest and water.\"}\n";
    }
    write(folder_ / "notes.jsonl", text);
  }

  std::vector<std::string> command(const std::string& name) const {
    return {"train",
            "--data",
            (folder_ / "notes.jsonl").string(),
            "--tokenizer",
            checkpoint_tokenizer().string(),
            "--work-dir",
            work(name).string(),
            "--output",
            out(name).string(),
            "--n-layer",
            "1",
            "--n-head",
            "2",
            "--n-embd",
            "32",
            "--n-positions",
            "16",
            "--batch-windows",
            "4",
            "--micro-batch-windows",
            "4",
            "--tokens",
            "25600",
            "--warmup-tokens",
            "1000",
            "--threads",
            "1",
            "--log-every-steps",
            "1",
            "--checkpoint-every-steps",
            "7",
            "--dropout",
            "0.1"};
  }
  fs::path work(const std::string& name) const { return folder_ / (name + "-work"); }
  fs::path out(const std::string& name) const { return folder_ / (name + "-out"); }

  // The losses that metrics.jsonl holds, by step.
  std::map<int, double> losses(const std::string& name) const {
    std::map<int, double> found;
    std::istringstream lines(read(work(name) / "metrics.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      const auto entry = nlohmann::json::parse(line);
      if (entry.contains("loss")) {
        EXPECT_TRUE(found.emplace(entry.at("step"), entry.at("loss")).second) << line;
      }
    }
    return found;
  }

  static std::string model_checksum(const fs::path& bundle) {
    const auto manifest = nlohmann::json::parse(read(bundle / "manifest.json"));
    for (const auto& file : manifest.at("files")) {
      if (file.at("name") == "model.pt") return file.at("sha256");
    }
    return "";
  }

  TemporaryFolder folder_;
};

TEST_F(TrainCommandTest, KilledAndStartedAgainEqualsUninterrupted) {
  MEDGEN_NEEDS_TORCH();
  ASSERT_EQ(run(command("whole")).status, 0);
  {
    Process process(command("killed"), {});
    ASSERT_TRUE(process.wait_for_error("step 40/"));
    process.signal(SIGKILL);
    EXPECT_EQ(process.wait().status, 128 + SIGKILL);
  }
  EXPECT_FALSE(fs::exists(out("killed")));
  const RunResult second = run(command("killed"));
  EXPECT_EQ(second.status, 0) << second.err;
  EXPECT_THAT(second.err, HasSubstr("resuming after step "));
  EXPECT_EQ(losses("whole").size(), 400U);
  EXPECT_EQ(losses("killed"), losses("whole"));
  EXPECT_EQ(model_checksum(out("killed")), model_checksum(out("whole")));
  EXPECT_THAT(read(work("killed") / "loss.svg"), HasSubstr("nats per token"));
  // Companion: the comparison tells runs apart.
  std::vector<std::string> other = command("other");
  other.insert(other.end(), {"--seed", "2"});
  ASSERT_EQ(run(other).status, 0);
  EXPECT_NE(losses("other"), losses("whole"));
  EXPECT_NE(model_checksum(out("other")), model_checksum(out("whole")));
}

TEST_F(TrainCommandTest, InterruptWritesACheckpointAndSaysSo) {
  MEDGEN_NEEDS_TORCH();
  std::vector<std::string> words = command("stopped");
  words.insert(words.end(), {"--tokens", "100000000"});
  Process process(words, {});
  ASSERT_TRUE(process.wait_for_error("step 5/"));
  process.signal(SIGINT);
  const RunResult result = process.wait();
  EXPECT_EQ(result.status, 130);
  EXPECT_THAT(result.err, HasSubstr("the same command resumes from it"));
  EXPECT_TRUE(fs::exists(work("stopped") / "checkpoint.pt"));
}

TEST_F(TrainCommandTest, AFullDiskLeavesTheLastGoodCheckpoint) {
  MEDGEN_NEEDS_TORCH();
  std::vector<std::string> words = command("full");
  words.insert(words.end(), {"--tokens", "100000000"});
  {
    Process process(words, {});
    ASSERT_TRUE(process.wait_for_error("step 20/"));
    process.signal(SIGINT);
    process.wait();
  }
  const std::string good = read(work("full") / "checkpoint.pt");
  // No file may grow beyond 64 KiB, which a checkpoint does; writing more is an error.
  std::string line = "trap '' XFSZ; ulimit -f 64; exec '" MEDGEN_PROGRAM "'";
  for (const std::string& word : words) line += " '" + word + "'";
  line += " 2> '" + (folder_ / "errors").string() + "'";
  EXPECT_NE(std::system(("bash -c \"" + line + "\"").c_str()), 0);
  EXPECT_THAT(read(folder_ / "errors"),
              AllOf(HasSubstr("File too large"), HasSubstr("is still the one saved before")));
  EXPECT_EQ(read(work("full") / "checkpoint.pt"), good);
  for (const auto& entry : fs::directory_iterator(work("full"))) {
    EXPECT_EQ(entry.path().filename().string().find(".new-"), std::string::npos) << entry.path();
  }
}

TEST_F(TrainCommandTest, RefusesOptionsThatDoNotGoTogether) {
  const auto refused = [&](std::vector<std::string> more, const char* part) {
    std::vector<std::string> words = command("refused");
    words.insert(words.end(), more.begin(), more.end());
    const RunResult result = run(words);
    EXPECT_EQ(result.status, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr(part));
  };
  refused({"--from", tiny_model()}, "--from");
  refused({"--config", "config.json"}, "--config");
  refused({"--anneal-weight", "notes"}, "--anneal-weight is a text of 5 characters");
  refused({"--freeze", "embeddings,7"}, "freeze is \"7\"");
  refused({"--schedule", "step"}, "--schedule");
  refused({"--weight", "nowhere=2"}, "nowhere");
  EXPECT_FALSE(fs::exists(out("refused")));
}

TEST_F(TrainCommandTest, TrainsABundleFurther) {
  MEDGEN_NEEDS_TORCH();
  const RunResult result = run({"train",
                                "--from",
                                tiny_model(),
                                "--data",
                                (folder_ / "notes.jsonl").string(),
                                "--valid",
                                (folder_ / "notes.jsonl").string(),
                                "--work-dir",
                                work("further").string(),
                                "--output",
                                out("further").string(),
                                "--tokens",
                                "4800",
                                "--batch-windows",
                                "4",
                                "--micro-batch-windows",
                                "2",
                                "--warmup-tokens",
                                "0",
                                "--threads",
                                "1",
                                "--freeze",
                                "embeddings"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("all of the held-out text"));
  EXPECT_EQ(run({"inspect", out("further").string()}).status, 0);
}

}  // namespace
}  // namespace medgen::cli_tests
