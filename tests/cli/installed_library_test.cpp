// The installed library as another program meets it: the examples are built from an installed copy,
// in a folder of their own, and print what the program prints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "cli/models.h"
#include "cli/process.h"
#include "cli/shell.h"
#include "places.h"

namespace medgen::cli_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// An installed copy, and the examples built from it: once for all tests.
class Installation {
 public:
  Installation() {
    const fs::path build = fs::path(MEDGEN_PROGRAM).parent_path();
    step("cmake --install " + shell_word(build) + " --prefix " + shell_word(prefix()));
    step("cmake -S " + shell_word(fs::path(MEDGEN_SOURCE_DIR) / "examples") + " -B " +
         shell_word(examples()) +
         " -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH=" + shell_word(prefix()));
    step("cmake --build " + shell_word(examples()));
  }

  static fs::path prefix() { return scratch() / "installed"; }
  static fs::path examples() { return scratch() / "examples"; }

 private:
  static void step(const std::string& command) {
    const ShellResult result = shell(command);
    EXPECT_EQ(result.status, 0) << command << "\n" << result.out;
  }
};

ShellResult example(const std::string& name, const std::string& arguments) {
  static const Installation installation;
  return shell(shell_word(Installation::examples() / name) + " " + arguments);
}

// Whether an example that runs the model leaves its packed weights alone. Their seal tells whether
// they are the installation's own; any other is packed anew.
bool uses_what_is_packed(const fs::path& model) {
  const std::string packed = "stat -c %i " + shell_word(model / "packed-int8.bin");
  const ShellResult before = shell(packed);
  EXPECT_EQ(before.status, 0) << before.out;
  EXPECT_EQ(example("first_words", shell_word(model) + " 'My knee' 1").status, 0);
  return shell(packed).out == before.out;
}

const std::string kModel = shell_word(MEDGEN_DEFAULT_MODEL);
const std::string kPrompt = "I feel that I have a fever and cough.";

// One test, for each would install and build again: tests run in processes of their own.
TEST(InstalledLibraryTest, ItsExamplesBuildAndPrintWhatTheProgramPrints) {
  const ShellResult words = example("first_words", kModel + " '" + kPrompt + "' 1");
  const RunResult program =
      run({"generate", "--model", MEDGEN_DEFAULT_MODEL, "--seed", "1", kPrompt});
  EXPECT_EQ(words.status, 0);
  EXPECT_EQ(program.status, 0);
  EXPECT_EQ(words.out, program.out);
  // Companion: another seed gives other words.
  EXPECT_NE(example("first_words", kModel + " '" + kPrompt + "' 2").out, program.out);

  const ShellResult streamed = example("streaming", kModel + " 'My knee' 3");
  EXPECT_EQ(streamed.status, 0);
  EXPECT_THAT(streamed.out, AllOf(StartsWith("My knee"), EndsWith("may be wrong)\n")));

  const ShellResult list = example("prompts", kModel + " 'My knee' 'A child with a fever' 'She'");
  EXPECT_EQ(list.status, 0);
  const std::vector<std::string> lines = lines_of(list.out);
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(),
                          [](const std::string& line) { return line.ends_with("[length]"); }),
            6)
      << list.out;

  const fs::path installed = Installation::prefix() / "share/medgen/models/default";
  EXPECT_TRUE(uses_what_is_packed(installed));
  fs::copy(installed, scratch() / "copied", fs::copy_options::recursive);
  EXPECT_FALSE(uses_what_is_packed(scratch() / "copied"));  // companion: that is no installation

  // The library throws; it prints nothing and ends nothing.
  const ShellResult missing = example("first_words", "/no/such/model 'A text' 1");
  EXPECT_THAT(missing.out, StartsWith("no model at /no/such/model"));
  EXPECT_EQ(lines_of(missing.out).size(), 1U);
  EXPECT_EQ(missing.status, 3);

  // Nor does an example crash that is started without what it needs.
  for (const std::string name : {"first_words", "streaming", "prompts"}) {
    for (const std::string& arguments : {std::string(), kModel}) {
      const ShellResult result = example(name, arguments);
      EXPECT_THAT(result.out, StartsWith("Usage: " + name + " MODEL TEXT"));
      EXPECT_EQ(result.status, 2);
    }
  }
  EXPECT_EQ(example("first_words", kModel + " 'A text' one").out, "SEED must be a whole number\n");
}

std::vector<std::string> exported_by(const std::string& library) {
  const fs::path file = fs::path(MEDGEN_PROGRAM).parent_path() / library;
  return lines_of(shell("nm -DC --defined-only " + shell_word(file)).out);
}

// The rooms' own names among exported ones: "medgen::engine::Sampler".
std::vector<std::string> of_rooms(const std::vector<std::string>& symbols) {
  std::vector<std::string> found;
  for (const std::string& symbol : symbols) {
    for (const auto& room : fs::directory_iterator(fs::path(MEDGEN_SOURCE_DIR) / "src")) {
      const std::string name = "medgen::" + room.path().filename().string() + "::";
      const std::size_t begin = symbol.find(' ', symbol.find(' ') + 1) + 1;
      if (symbol.substr(begin).starts_with(name)) found.push_back(symbol);
    }
  }
  return found;
}

TEST(ExportedNamesTest, OfTheLibraryAreThePublicApi) {
  const std::vector<std::string> symbols = exported_by("libmedgen.so");
  EXPECT_GT(symbols.size(), 50U);
  EXPECT_LT(symbols.size(), 250U);
  EXPECT_THAT(symbols, Contains(EndsWith("typeinfo for medgen::SettingError")))
      << "an exception that cannot be caught outside";
  EXPECT_THAT(of_rooms(symbols), IsEmpty());
  // Companion: a name of a room is noticed.
  EXPECT_EQ(of_rooms({"0000000000000001 T medgen::engine::Sampler::draw()"}).size(), 1U);
}

TEST(ExportedNamesTest, OfAModuleAreItsEntry) {
  for (const auto& [module, entry] :
       {std::pair{"libmedgen_sentencepiece.so", "medgen_sentencepiece_functions"},
        std::pair{"libmedgen_torch.so", "medgen_torch_room"}}) {
    if (!fs::exists(fs::path(MEDGEN_PROGRAM).parent_path() / module)) continue;  // not built
    const std::vector<std::string> symbols = exported_by(module);
    ASSERT_EQ(symbols.size(), 1U);
    EXPECT_THAT(symbols[0], EndsWith(" T " + std::string(entry)));
  }
}

}  // namespace
}  // namespace medgen::cli_tests
