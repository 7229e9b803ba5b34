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

TEST(MissingModuleTest, AsksForANewBuildWhereTorchScriptIsNeededAndRunsWhereItIsNot) {
  fs::create_directories(scratch() / "alone");
  const std::string program = (scratch() / "alone" / "medgen").string();
  fs::copy_file(MEDGEN_PROGRAM, program);
  const RunOptions options = {.environment = {{"XDG_CACHE_HOME", scratch().string()}},
                              .program = program};
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

}  // namespace
}  // namespace medgen::cli_tests
