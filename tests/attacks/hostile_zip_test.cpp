// Archives that lie as zip files, through every command that opens models: each is refused with a
// message, cheaply, and nothing comes of it.
#include "attacks/hostile_zip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attacks/measured_run.h"
#include "cli/models.h"

namespace medgen::attacks {
namespace {

namespace fs = std::filesystem;
using cli_tests::scratch;
using ::testing::HasSubstr;
using ::testing::Not;

using Words = std::vector<std::string>;

constexpr const char* kPrompt = "I feel";

fs::path bundle_with(const std::string& name, std::string (*make)(const Records&)) {
  const fs::path bundle = cli_tests::copy_of_tiny_model(name);
  cli_tests::write(bundle / "model.pt", make(read_archive(bundle / "model.pt")));
  reseal(bundle);
  return bundle;
}

fs::path output_of(const fs::path& bundle) { return bundle.string() + "-out"; }

std::vector<Words> commands(const fs::path& bundle) {
  const std::string model = bundle.string(), file = (bundle / "model.pt").string();
  fs::remove_all(output_of(bundle));
  return {{"generate", "--model", model, "--backend", "native", "-n", "1", kPrompt},
          {"generate", "--model", model, "--backend", "torchscript", "-n", "1", kPrompt},
          {"verify", model},
          {"generate", "--model", file, "--tokenizer", model, "-n", "1", kPrompt},
          {"convert", file, output_of(bundle).string(), "--tokenizer", model}};
}

class HostileZipTest : public ::testing::TestWithParam<HostileZip> {};

TEST_P(HostileZipTest, IsRefusedAndNothingComesOfIt) {
  const fs::path bundle = bundle_with(GetParam().name, GetParam().make);
  for (const Words& words : commands(bundle)) {
    if (lacks_libtorch(words)) continue;
    SCOPED_TRACE(::testing::PrintToString(words));
    const MeasuredResult result = measured_run(words);
    expect_bounded(result, words, bundle / "model.pt");
    EXPECT_EQ(result.status, 3) << result.err;
    EXPECT_THAT(result.err, HasSubstr("model.pt: "));
    EXPECT_THAT(result.err, Not(HasSubstr("\x1b")));
    EXPECT_EQ(result.out, "");
  }
  EXPECT_FALSE(fs::exists(output_of(bundle)));
  EXPECT_FALSE(fs::exists("/tmp/medgen-attack"));
}

INSTANTIATE_TEST_SUITE_P(Archive, HostileZipTest, ::testing::ValuesIn(hostile_zips()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(HostileZipCompanionTest, ThePlainOneRuns) {
  const fs::path bundle = bundle_with("plain-zip", plain_zip);
  for (const Words& words : commands(bundle)) {
    if (lacks_libtorch(words)) continue;
    const MeasuredResult result = measured_run(words);
    EXPECT_EQ(result.status, 0) << words.front() << "\n" << result.err;
  }
  EXPECT_TRUE(fs::exists(output_of(bundle)));
}

}  // namespace
}  // namespace medgen::attacks
