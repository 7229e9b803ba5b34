// The program without the modules that lie beside it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/models.h"
#include "cli/process.h"
#include "places.h"

namespace medgen::cli_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The program in a folder without its modules.
RunOptions alone() {
  const fs::path program = scratch() / "alone" / "medgen";
  if (!fs::exists(program)) {
    fs::create_directories(program.parent_path());
    fs::copy_file(MEDGEN_PROGRAM, program);
  }
  return {.environment = {{"XDG_CACHE_HOME", scratch().string()}}, .program = program.string()};
}

TEST(MissingModuleTest, AsksForANewBuildWhereTorchScriptIsNeededAndRunsWhereItIsNot) {
  const RunOptions options = alone();
  std::vector<std::string> words = {"generate",
                                    "--model",
                                    (checkpoint("traced") / "model.pt").string(),
                                    "--tokenizer",
                                    checkpoint_tokenizer().string(),
                                    "--seed",
                                    "1",
                                    "ill"};
  const RunResult native = run(words, options);
  EXPECT_EQ(native.status, 0) << native.err;
  words.insert(words.end() - 1, {"--backend", "torchscript"});
  const RunResult torchscript = run(words, options);
  EXPECT_EQ(torchscript.status, 1);
  EXPECT_EQ(torchscript.out, "");
  EXPECT_THAT(torchscript.err,
              AllOf(HasSubstr("medgen's module libmedgen_torch.so cannot be loaded; to build it, "
                              "put --with-torch first"),
                    HasSubstr((scratch() / "alone" / "libmedgen_torch.so").string())));
}

TEST(MissingModuleTest, ConvertGivesTheSameModelWithoutIt) {
  const std::string out = (scratch() / "alone-tiny").string();
  const RunResult result = run({"convert", checkpoint("gelu_new_odd_head").string(), out,
                                "--tokenizer", checkpoint_tokenizer().string(), "--name", "tiny"},
                               alone());
  ASSERT_EQ(result.status, 0) << result.err;
  for (const char* file : {"model.pt", "manifest.json", "config.json"}) {
    EXPECT_EQ(read(fs::path(out) / file), read(fs::path(tiny_model()) / file)) << file;
  }
  // Companion: the comparison sees another model.
  EXPECT_NE(read(fs::path(out) / "model.pt"), read(checkpoint("traced") / "model.pt"));
}

TEST(MissingModuleTest, VerifyComparesWithTheDefinitionAndSaysSo) {
  const std::string model = copy_of_tiny_model("alone-verified").string();
  const RunResult result = run({"verify", model}, alone());
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("libtorch's module is not there"),
                                HasSubstr("scripts/run --with-torch")));
  EXPECT_THAT(result.out, HasSubstr("fp32 against the scalar definition: logits that differ"));
  EXPECT_THAT(result.out, Not(HasSubstr("TorchScript")));
}

}  // namespace
}  // namespace medgen::cli_tests
