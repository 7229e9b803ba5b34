// Which rules follow from the places that a command line names.
#include "cli/sandbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "temporary_folder.h"

namespace medgen::cli {
namespace {

namespace fs = std::filesystem;
using safety::Rule;
using safety::Use;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Not;

auto is_rule(const fs::path& path, Use use) {
  return AllOf(Field(&Rule::path, path), Field(&Rule::use, use));
}

class SandboxRulesTest : public ::testing::Test {
 protected:
  std::vector<Rule> rules(const fs::path& path, Place place) const {
    return rules_of({{path, place}});
  }
  TemporaryFolder folder_;
};

TEST_F(SandboxRulesTest, StandardStreamsAndWhatIsNoPlaceNeedNone) {
  EXPECT_THAT(rules("-", Place::kOutputFile), IsEmpty());
  EXPECT_THAT(rules("-", Place::kInput), IsEmpty());
  EXPECT_THAT(rules("", Place::kInput), IsEmpty());
  EXPECT_THAT(rules("/etc", Place::kNone), IsEmpty());
}

TEST_F(SandboxRulesTest, AnInputIsReadAndSoAreTheFilesThatBelongToIt) {
  const fs::path rows = folder_.write("rows.jsonl", "x");
  EXPECT_THAT(rules(rows, Place::kInput), Contains(is_rule(rows, Use::kRead)));
  EXPECT_THAT(rules(rows, Place::kInput), Each(Field(&Rule::use, Use::kRead)));
  EXPECT_THAT(rules(rows, Place::kInput), Not(Contains(Field(&Rule::path, folder_.path()))));
  EXPECT_THAT(rules(folder_ / "model.pt", Place::kInput),
              Contains(is_rule(folder_ / "config.json", Use::kRead)));
}

TEST_F(SandboxRulesTest, AFolderOfLinksIsReadWithWhatTheyName) {
  fs::create_directories(folder_ / "model");
  const fs::path blob = folder_.write("blob", "x");
  fs::create_symlink(blob, folder_ / "model/config.json");
  EXPECT_THAT(rules(folder_ / "model", Place::kInput),
              ElementsAre(is_rule(folder_ / "model", Use::kRead),
                          is_rule(folder_ / "model/config.json", Use::kRead)));
}

TEST_F(SandboxRulesTest, OnlyAModelsFolderTakesPackedWeights) {
  EXPECT_THAT(rules(folder_.path(), Place::kModel), Contains(is_rule(folder_.path(), Use::kPut)));
  EXPECT_THAT(rules(folder_.path(), Place::kInput),
              Not(Contains(is_rule(folder_.path(), Use::kPut))));
}

TEST_F(SandboxRulesTest, TheFolderOfAnOutputIsWrittenAndOnlyTheOutputRead) {
  const fs::path out = folder_ / "out.jsonl";
  const auto found = rules(out, Place::kOutputFile);
  EXPECT_THAT(found, Contains(is_rule(folder_.path(), Use::kPut)));
  EXPECT_THAT(found, Contains(is_rule(out, Use::kRead)));
  EXPECT_THAT(found, Not(Contains(is_rule(folder_.path(), Use::kRead))));
  EXPECT_THAT(found, Not(Contains(is_rule(folder_.path(), Use::kWork))));
}

TEST_F(SandboxRulesTest, AnOutputThatIsALinkIsAlsoWrittenWhereItPoints) {
  fs::create_directories(folder_ / "elsewhere");
  fs::create_symlink(folder_ / "elsewhere/out", folder_ / "out");
  EXPECT_THAT(rules(folder_ / "out", Place::kOutputFile),
              Contains(is_rule(fs::canonical(folder_ / "elsewhere"), Use::kPut)));
}

TEST_F(SandboxRulesTest, ADeviceIsWrittenWithoutItsFolder) {
  EXPECT_THAT(rules("/dev/null", Place::kOutputFile),
              ElementsAre(is_rule("/dev/null", Use::kDevice)));
}

TEST_F(SandboxRulesTest, AWorkFolderIsItselfAndANewFolderTheOneAroundIt) {
  const fs::path root = fs::canonical(folder_.path());
  EXPECT_THAT(rules(folder_.path(), Place::kWorkFolder), ElementsAre(is_rule(root, Use::kWork)));
  EXPECT_THAT(rules(folder_ / "a/b/c", Place::kWorkFolder), ElementsAre(is_rule(root, Use::kWork)));
  EXPECT_THAT(rules(folder_ / "new/", Place::kNewFolder), ElementsAre(is_rule(root, Use::kWork)));
}

TEST_F(SandboxRulesTest, TheSystemIsReadAndNeverWritten) {
  for (const Rule& rule : system_rules()) {
    EXPECT_TRUE(rule.use == Use::kRead || rule.path == "/dev/null") << rule.path;
  }
}

TEST_F(SandboxRulesTest, NothingIsEnteredBeforeTheProgramSaysSo) {
  enter_sandbox({.mode = "require"});
  EXPECT_FALSE(sandbox().process);
}

}  // namespace
}  // namespace medgen::cli
