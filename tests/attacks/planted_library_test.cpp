// Libraries planted in the working folder: the program looks for its own elsewhere.
// Knows the names of the program's modules, not how they are found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <set>
#include <sstream>

#include "attacks/measured_run.h"
#include "cli/models.h"
#include "needs_torch.h"
#include "places.h"

namespace medgen::attacks {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The program, its library and the modules that it loads.
std::vector<fs::path> binaries() {
  std::vector<fs::path> found = {MEDGEN_PROGRAM};
  for (const auto& entry : fs::directory_iterator(found.front().parent_path())) {
    const std::string name = entry.path().filename().string();
    const bool library = name.starts_with("libmedgen") && name.find(".so") != std::string::npos;
    if (library && !entry.is_symlink()) found.push_back(entry.path());
  }
  EXPECT_GE(found.size(), 4U);
  return found;
}

// The values of readelf's lines "(NEEDED) Shared library: [libc.so.6]" of one kind.
std::vector<std::string> dynamic_entries(const fs::path& binary, const std::string& kind) {
  std::vector<std::string> values;
  FILE* const pipe = ::popen(("readelf -dW '" + binary.string() + "'").c_str(), "r");
  char line[4096];
  while (std::fgets(line, sizeof line, pipe) != nullptr) {
    const std::string text = line;
    const std::size_t begin = text.find('[');
    if (text.find("(" + kind + ")") == std::string::npos || begin == std::string::npos) continue;
    values.push_back(text.substr(begin + 1, text.rfind(']') - begin - 1));
  }
  EXPECT_EQ(::pclose(pipe), 0) << binary;
  return values;
}

// Parts of a search path that are not known from the program's own place or from the root: "" and
// "lib" mean the working folder.
std::vector<std::string> loose_parts(const std::string& search_path) {
  std::vector<std::string> loose;
  std::istringstream parts(search_path + ":");
  for (std::string part; std::getline(parts, part, ':');) {
    if (!part.starts_with("$ORIGIN") && !part.starts_with("/")) loose.push_back("'" + part + "'");
  }
  return loose;
}

class PlantedLibraryTest : public ::testing::Test {
 protected:
  PlantedLibraryTest() {
    fs::create_directories(folder_);
    for (const fs::path& binary : binaries()) {
      plant(binary.filename());
      for (const std::string& name : dynamic_entries(binary, "NEEDED")) plant(name);
    }
    std::set<fs::path> planted;
    for (const auto& entry : fs::directory_iterator(folder_)) planted.insert(entry.path());
    EXPECT_GT(planted.size(), binaries().size());
  }

  void plant(const std::string& name) const {
    cli_tests::write(folder_ / name, "this is no library\n");
  }

  fs::path folder_ = cli_tests::scratch() / "planted";
};

TEST_F(PlantedLibraryTest, TheProgramStartsInAFolderOfPlantedLibraries) {
  const MeasuredResult result = measured_run({"--version"}, {.working_folder = folder_});
  EXPECT_EQ(result.status, 0) << result.err;
}

TEST_F(PlantedLibraryTest, ItsModulesAreFoundBesideIt) {
  MEDGEN_NEEDS_TORCH();
  const std::string& model = cli_tests::tiny_model();
  const MeasuredResult result =
      measured_run({"generate", "--model", model, "--backend", "torchscript", "I feel"},
                   {.working_folder = folder_});
  EXPECT_EQ(result.status, 0) << result.err;
}

// Companion: if the working folder is searched, these libraries are found.
TEST_F(PlantedLibraryTest, ASearchOfTheWorkingFolderMeetsThem) {
  const MeasuredResult result = measured_run(
      {"--version"}, {.working_folder = folder_, .environment = {{"LD_LIBRARY_PATH", ":"}}});
  EXPECT_NE(result.status, 0);
  EXPECT_THAT(result.err, HasSubstr("error while loading shared libraries"));
}

TEST(SearchPathTest, LeadsFromTheProgramsPlaceOrTheRootOnly) {
  for (const fs::path& binary : binaries()) {
    for (const char* kind : {"RPATH", "RUNPATH"}) {
      for (const std::string& path : dynamic_entries(binary, kind)) {
        EXPECT_THAT(loose_parts(path), IsEmpty()) << binary << " has the " << kind << " " << path;
      }
    }
  }
}

TEST(SearchPathTest, APartWithoutARootIsNoticed) {
  EXPECT_THAT(loose_parts("$ORIGIN:$ORIGIN/../lib:/opt/lib"), IsEmpty());
  for (const char* path : {"/lib:", ":/lib", "/lib::/opt", "", "lib", "/lib:./lib"}) {
    EXPECT_EQ(loose_parts(path).size(), 1U) << path;
  }
}

}  // namespace
}  // namespace medgen::attacks
