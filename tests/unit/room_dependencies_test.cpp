// Holds the #includes of the source to the graph of rooms: dependencies point one way, libtorch
// stays in src/torch, and the public headers need no library.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "places.h"

namespace medgen {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

const std::filesystem::path kRoot = MEDGEN_SOURCE_DIR;

// Which rooms a room's files may include, besides their own. CONTRIBUTING.md draws the same.
const std::map<std::string, std::set<std::string>> kAllowed = {
    {"base", {}},
    {"kernels", {"base"}},
    {"text", {"base"}},
    {"bundle", {"base"}},
    {"corpus", {"base", "text"}},
    {"safety", {"base", "text"}},
    {"terminal", {"base", "text"}},
    {"engine", {"base", "text"}},
    {"native", {"base", "kernels", "bundle"}},
    {"torchscript", {"base", "bundle"}},
    {"records", {"base", "text", "engine", "safety"}},
    {"batch", {"base", "text", "engine", "records"}},
    {"research", {"base", "text", "engine", "corpus", "records", "batch"}},
    {"why", {"base", "text", "engine", "corpus"}},
    {"report", {"base", "research", "why"}},
    {"train", {"base", "bundle", "corpus", "report", "torchscript"}},
    {"wiring", {"base", "bundle", "kernels", "native", "torchscript", "train"}},
    {"jobs",
     {"base", "text", "bundle", "native", "engine", "records", "corpus", "batch", "research",
      "report", "safety", "why", "wiring"}},
    {"session", {"base", "text", "engine", "records", "safety", "terminal", "why"}},
    {"cli",
     {"base", "text", "bundle", "native", "engine", "records", "corpus", "batch", "research",
      "report", "safety", "session", "terminal", "why", "wiring", "train", "jobs"}},
    // The two files that stand in no room: the program's start and the libtorch module's entry.
    {"main", {"cli"}},
    {"torch_entry", {"bundle", "torchscript", "train", "wiring"}},
};

const std::set<std::string> kLibtorchRooms = {"torchscript", "train", "torch_entry"};

// Each include from its opening bracket or quote on: `<vector`, `"base/random.h`.
std::vector<std::string> includes_of(const std::string& source) {
  std::vector<std::string> includes;
  std::istringstream lines(source);
  for (std::string line; std::getline(lines, line);) {
    std::erase_if(line, [](char c) { return c == ' ' || c == '\t'; });
    if (!line.starts_with("#include")) continue;
    const std::string spelling = line.substr(std::string("#include").size());
    includes.push_back(spelling.substr(0, spelling.find_first_of(">\"", 1)));
  }
  return includes;
}

// Libtorch's own headers, also in quotes.
bool is_libtorch(const std::string& include) {
  if (include.starts_with("<torch/")) return true;
  for (const char* start :
       {"torch/script.h", "torch/torch.h", "torch/csrc/", "ATen/", "c10/", "caffe2/"}) {
    if (include.substr(1).starts_with(start)) return true;
  }
  return false;
}

// What is wrong with the includes of a file of src/`room`; each with its spelling. A file of src
// itself is a room of its own.
std::vector<std::string> faults_in_room(const std::string& room, const std::string& source) {
  std::vector<std::string> faults;
  for (const std::string& include : includes_of(source)) {
    const std::string header = include.substr(1);
    if (is_libtorch(include)) {
      if (!kLibtorchRooms.contains(room)) faults.push_back(include);
      continue;
    }
    const auto slash = header.find('/');
    const std::string other = header.substr(0, slash);
    if (include.front() != '"' || header.starts_with("medgen/")) continue;
    const bool by_room = slash != std::string::npos && kAllowed.contains(other);  // as ours are
    if (!by_room || (other != room && !kAllowed.at(room).contains(other))) {
      faults.push_back(include);
    }
  }
  return faults;
}

// Public headers include each other and the standard library, nothing else.
std::vector<std::string> faults_in_public_header(const std::string& source) {
  std::vector<std::string> faults;
  for (const std::string& include : includes_of(source)) {
    const bool own = include.starts_with("\"medgen/");
    const bool standard =
        include.starts_with("<") && include.find_first_of("/.") == std::string::npos;
    if (!own && !standard) faults.push_back(include);
  }
  return faults;
}

std::string read(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::vector<std::filesystem::path> sources_under(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const auto extension = entry.path().extension();
    if (extension == ".h" || extension == ".cpp") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST(RoomDependenciesTest, IncludesFollowTheGraph) {
  const std::filesystem::path src = kRoot / "src";
  std::set<std::string> rooms;
  for (const auto& file : sources_under(src)) {
    const auto relative = file.lexically_relative(src);
    const std::string room =
        relative.has_parent_path() ? relative.begin()->string() : relative.stem().string();
    ASSERT_TRUE(kAllowed.contains(room)) << "no rule for the room " << room;
    rooms.insert(room);
    EXPECT_THAT(faults_in_room(room, read(file)), IsEmpty()) << relative;
  }
  EXPECT_TRUE(rooms.contains("engine") && rooms.contains("base")) << "nothing was checked";
}

// By what a source would print.
std::vector<std::string> printing_in(const std::string& source) {
  std::vector<std::string> found;
  for (const char* word : {"STDOUT_FILENO", "STDERR_FILENO", "std::cout", "std::cerr", "std::clog",
                           "printf(", "fprintf(", "puts(", "fputs(", "putchar(", "perror("}) {
    for (std::size_t at = source.find(word); at != std::string::npos;
         at = source.find(word, at + 1)) {
      const char before = at == 0 ? ' ' : source[at - 1];
      const bool inside = std::isalnum(static_cast<unsigned char>(before)) != 0 || before == '_';
      if (!inside) found.emplace_back(word);  // not of snprintf()
    }
  }
  return found;
}

TEST(RoomDependenciesTest, OnlyTheCommandLinePrints) {
  for (const auto& file : sources_under(kRoot / "src")) {
    const auto relative = file.lexically_relative(kRoot / "src");
    if (*relative.begin() == "cli") continue;
    EXPECT_THAT(printing_in(read(file)), IsEmpty()) << relative;
  }
}

TEST(RoomDependenciesTest, PublicHeadersNeedNoLibrary) {
  const auto headers = sources_under(kRoot / "include");
  EXPECT_FALSE(headers.empty());
  for (const auto& header : headers) {
    EXPECT_THAT(faults_in_public_header(read(header)), IsEmpty()) << header.filename();
  }
}

TEST(RoomDependenciesTest, TheGraphHasNoCycle) {
  // Each round takes away the rooms that depend on none of those left.
  auto left = kAllowed;
  for (std::size_t round = 0; round < kAllowed.size(); ++round) {
    std::erase_if(left, [&](const auto& entry) {
      return std::none_of(entry.second.begin(), entry.second.end(),
                          [&](const std::string& other) { return left.contains(other); });
    });
  }
  EXPECT_TRUE(left.empty()) << left.begin()->first;
}

// The rooms as CONTRIBUTING.md lists them: after "room  may include" a line for each.
std::map<std::string, std::set<std::string>> listed_rooms(const std::string& document) {
  std::map<std::string, std::set<std::string>> rooms;
  std::istringstream lines(document);
  bool in_list = false;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string room;
    if (!(words >> room)) {
      in_list = false;
    } else if (line.find("may include") != std::string::npos && room == "room") {
      in_list = true;
    } else if (in_list) {
      std::set<std::string>& others = rooms[room];
      for (std::string other; words >> other;) {
        if (other != "-") others.insert(other);
      }
    }
  }
  return rooms;
}

TEST(RoomDependenciesTest, ContributingListsTheSameGraph) {
  auto rooms = kAllowed;
  rooms.erase("main");
  rooms.erase("torch_entry");
  EXPECT_EQ(listed_rooms(read(kRoot / "CONTRIBUTING.md")), rooms);
}

// Companions: made-up bad lists and includes are caught.
TEST(RoomDependenciesTest, NoticesARoomThatTheListLacks) {
  EXPECT_THAT(listed_rooms("    room  may include\n    base  -\n    text  base\n\nbundle base\n"),
              ElementsAre(Pair("base", IsEmpty()), Pair("text", ElementsAre("base"))));
}

TEST(RoomDependenciesTest, CatchesAnIncludeAgainstTheGraph) {
  EXPECT_THAT(faults_in_room("base", "// x\n#include <vector>\n#include \"text/utf8.h\"\n"),
              ElementsAre("\"text/utf8.h"));
  EXPECT_THAT(faults_in_room("engine", "#include \"cli/options.h\"\n"),
              ElementsAre("\"cli/options.h"));
  EXPECT_THAT(faults_in_room("engine", "  #  include \"wiring/torch_room.h\""),
              ElementsAre("\"wiring/torch_room.h"));
  EXPECT_THAT(faults_in_room("bundle", "#include \"torchscript/backends.h\"\n"),
              ElementsAre("\"torchscript/backends.h"));
  EXPECT_THAT(faults_in_room("engine", "#include \"sampler.h\"\n"), ElementsAre("\"sampler.h"));
  EXPECT_THAT(faults_in_room("engine",
                             "#include \"engine/sampler.h\"\n#include \"base/random.h\"\n"
                             "#include \"medgen/error.h\"\n"),
              IsEmpty());
}

TEST(RoomDependenciesTest, CatchesARoomThatPrints) {
  EXPECT_THAT(printing_in("std::cerr << text;\n  printf(text);"),
              ElementsAre("std::cerr", "printf("));
  EXPECT_THAT(printing_in("write(STDOUT_FILENO, text, 1)"), ElementsAre("STDOUT_FILENO"));
  EXPECT_THAT(printing_in("std::snprintf(text, 1, \"\"); outputs(1);"), IsEmpty());
}

TEST(RoomDependenciesTest, CatchesLibtorchOutsideItsRoom) {
  EXPECT_THAT(faults_in_room("cli", "#include \"torch/script.h\""),
              ElementsAre("\"torch/script.h"));
  for (const char* header : {"torch/script.h", "torch/torch.h", "torch/csrc/jit/api/module.h",
                             "ATen/ATen.h", "c10/core/Device.h", "caffe2/serialize/inline.h"}) {
    const std::string line = std::string("#include <") + header + ">\n";
    EXPECT_THAT(faults_in_room("cli", line), ElementsAre(HasSubstr(header)));
    EXPECT_THAT(faults_in_room("main", line), ElementsAre(HasSubstr(header)));
    EXPECT_THAT(faults_in_room("torchscript", line), IsEmpty());
  }
}

TEST(RoomDependenciesTest, CatchesALibraryInAPublicHeader) {
  for (const char* include : {"<nlohmann/json.hpp>", "<torch/script.h>", "<spdlog/spdlog.h>",
                              "\"base/random.h\"", "<pcre2.h>"}) {
    EXPECT_EQ(faults_in_public_header(std::string("#include ") + include).size(), 1U) << include;
  }
  EXPECT_THAT(faults_in_public_header("#include <vector>\n#include \"medgen/error.h\"\n"),
              IsEmpty());
}

}  // namespace
}  // namespace medgen
