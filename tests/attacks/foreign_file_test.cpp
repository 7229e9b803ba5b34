// TorchScript files from elsewhere: a GPT-2's code is not run, any other model's only when
// --trust-code says so, and then only if it consists of harmless operators.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "attacks/archives.h"
#include "attacks/foreign_model.h"
#include "attacks/hostile_code.h"
#include "attacks/measured_run.h"
#include "cli/models.h"
#include "cli/process.h"
#include "needs_torch.h"

namespace medgen::attacks {
namespace {

namespace fs = std::filesystem;
using cli_tests::checkpoint_tokenizer;
using cli_tests::run;
using cli_tests::RunResult;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

using Words = std::vector<std::string>;

Words generation(const fs::path& file, const Words& more = {}) {
  Words words = {
      "generate", "--model", file.string(), "--tokenizer", checkpoint_tokenizer().string(),
      "--seed",   "1",       "-n",          "1",           "I feel"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

Words conversion(const fs::path& file) {
  const fs::path out = file.parent_path() / "converted";
  fs::remove_all(out);
  return {"convert", file.string(), out.string(), "--tokenizer", checkpoint_tokenizer().string()};
}

// How the archive's GPT-2 is named, and how the archive is hostile.
class HostileGpt2FileTest
    : public ::testing::TestWithParam<std::tuple<const char*, HostileStatement>> {
 protected:
  const char* checkpoint_ = std::get<0>(GetParam());
  const HostileStatement& statement_ = std::get<1>(GetParam());
};

TEST_P(HostileGpt2FileTest, CodeInTheFileIsNeverRun) {
  const std::string name = std::string(checkpoint_) + statement_.name;
  const Witness witness(name);
  const fs::path intact = forged_file(name + "-intact", checkpoint_, [](Records&) {});
  const fs::path file = forged_file(name, checkpoint_, [&](Records& records) {
    insert_statement(records, with_witness(statement_.code, witness));
  });
  const RunResult expected = run(generation(intact));
  const RunResult result = run(generation(file));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, expected.out);
  EXPECT_FALSE(witness.seen()) << "generate ran the code in the file";
  fs::remove(witness.path());
  const RunResult converted = run(conversion(file));
  EXPECT_EQ(converted.status, 0) << converted.err;
  EXPECT_FALSE(witness.seen()) << "convert ran the code in the file";
  fs::remove(witness.path());
  // A known model's code is not needed.
  EXPECT_LT(run(generation(file, {"--trust-code"})).status, 128);
  EXPECT_FALSE(witness.seen()) << "it ran the code since it was told to trust it";
}

INSTANTIATE_TEST_SUITE_P(Code, HostileGpt2FileTest,
                         ::testing::Combine(::testing::Values("traced", "scripted"),
                                            ::testing::ValuesIn(hostile_statements())),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param)) +
                                  std::get<1>(test.param).name;
                         });

TEST(ForeignFileTest, AModelThatIsNoGpt2NeedsTrust) {
  const fs::path file = foreign_file("plain", [](Records&) {});
  const RunResult result = run(generation(file));
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, AllOf(HasSubstr("medgen: error: "), HasSubstr("--trust-code"),
                                ContainsRegex("runs? .*code")));
}

TEST(ForeignFileTest, ATrustedModelOfHarmlessOperatorsRuns) {
  MEDGEN_NEEDS_TORCH();
  const fs::path file = foreign_file("trusted", [](Records&) {});
  const RunResult result = run(generation(file, {"--trust-code"}));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("Generated #1: I feel"));
}

// Libtorch computes what depends on constants alone as soon as it compiles a method, even where the
// method never gets; a list of allowed operators that is compared afterwards does not see it.
TEST(ForeignFileTest, NothingIsComputedWhileATrustedFileIsRead) {
  MEDGEN_NEEDS_TORCH();
  const fs::path file = foreign_file("computed", [](Records& records) {
    insert_statement(records,
                     "if torch.eq(torch.size(input_ids, 0), 77):\n      assert torch.eq(torch.len("
                     "torch.center(\"x\", 1500000000, \" \")), 1)\n    else:\n      pass");
  });
  const Words words = generation(file, {"--trust-code"});
  const MeasuredResult result = measured_run(words);
  expect_bounded(result, words, file);
  EXPECT_EQ(result.status, 3);
}

// Only the user's own cache may say how a file is run.
TEST(ForeignFileTest, NothingIsReadOrWrittenInTheWorkingFolder) {
  const fs::path file = forged_file("elsewhere", "traced", [](Records&) {});
  const fs::path folder = cli_tests::scratch() / "working-folder";
  for (const char* planted : {"", "fp32", "int8 and more than that would be"}) {
    fs::remove_all(folder);
    fs::create_directories(folder);
    if (*planted != 0) cli_tests::write(folder / ".best", planted);
    std::vector<std::string> texts;
    for (const auto& working : {fs::path(), folder}) {
      const MeasuredResult result = measured_run(
          generation(file), {.working_folder = working,
                             .environment = {{"HOME", ""}, {"XDG_CACHE_HOME", "relative"}}});
      EXPECT_EQ(result.status, 0) << result.err;
      texts.push_back(result.out);
    }
    EXPECT_EQ(texts[0], texts[1]);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), *planted != 0 ? 1 : 0);
  }
}

TEST(ForeignFileTest, ANamedPipeIsNoModelAndIsNotWaitedFor) {
  const fs::path pipe = cli_tests::scratch() / "pipe.pt";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const MeasuredResult result = measured_run(generation(pipe));
  EXPECT_EQ(result.status, 3) << result.err;
}

TEST(ForeignFileTest, ControlCharactersOfAFileDoNotReachTheTerminal) {
  const fs::path file = forged_file("escapes", "traced", [](Records& records) {
    std::string& names = bytes_of(records, "data.pkl");
    replace_once(names, pickle::text("ln_f"), pickle::text("\x1b]0;"));
  });
  const RunResult result = run(generation(file));
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.err, AllOf(HasSubstr("^[]0;"), Not(HasSubstr("\x1b"))));
}

class HostileForeignFileTest : public ::testing::TestWithParam<HostileForeign> {
 protected:
  HostileForeignFileTest()
      : file_(foreign_file(GetParam().name,
                           [&](Records& records) { GetParam().tamper(records, witness_); })) {}

  void expect_refusal(const RunResult& result) const {
    EXPECT_EQ(result.status, 3) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr("medgen: error: "));
    EXPECT_FALSE(witness_.seen()) << "it ran the code in the file";
  }

  Witness witness_{"foreign-" + GetParam().name};
  fs::path file_;
};

TEST_P(HostileForeignFileTest, IsRefusedWithoutTrust) { expect_refusal(run(generation(file_))); }

TEST_P(HostileForeignFileTest, IsRefusedEvenIfItsCodeIsTrusted) {
  MEDGEN_NEEDS_TORCH();
  const RunResult result = run(generation(file_, {"--trust-code"}));
  expect_refusal(result);
  EXPECT_THAT(result.err, HasSubstr(GetParam().named));
}

INSTANTIATE_TEST_SUITE_P(Code, HostileForeignFileTest,
                         ::testing::ValuesIn(hostile_foreign_models()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace medgen::attacks
