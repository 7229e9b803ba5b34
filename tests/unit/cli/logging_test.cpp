// Lines on standard error and in the log file, and that one file alone writes them.
#include "cli/logging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "cli/output.h"
#include "cli/progress.h"
#include "medgen/error.h"
#include "places.h"
#include "temporary_folder.h"
#include "unit/base/faulty_file_system.h"

namespace medgen::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::json;

// What `act` puts on standard error, logged as `options` say; they are the usual ones afterwards.
std::string told(const LogOptions& options, const std::function<void()>& act) {
  ::testing::internal::CaptureStderr();
  start_log(options);
  act();
  start_log({});
  return ::testing::internal::GetCapturedStderr();
}

void say_everything() {
  base::log_debug("weights", {{"bytes", 5}, {"time", std::chrono::milliseconds(250)}});
  Messages().note("a note");
  Messages(/*quiet=*/true).note("a quiet note");
  Messages::plain("a notice");
  Messages::error("an error");
}

std::string refusal(const fs::path& file) {
  try {
    start_log({.file = file});
  } catch (const Error& error) {
    return error.what();
  }
  start_log({});
  ADD_FAILURE() << "it was taken";
  return "";
}

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(LoggingTest, UsualLinesAreWordsAlone) {
  EXPECT_EQ(told({}, say_everything), "medgen: a note\na notice\nmedgen: error: an error\n");
}

TEST(LoggingTest, DebugAddsWhatTheRoomsSay) {
  EXPECT_EQ(told({.debug = true}, say_everything),
            "medgen: debug: weights: bytes 5, time 0.2500 s\n"
            "medgen: a note\na notice\nmedgen: error: an error\n");
}

TEST(LoggingTest, ControlCharactersAreSpelledOut) {
  const auto act = [] { Messages().note("a\x1b[31mb"); };
  EXPECT_EQ(told({}, act), "medgen: a^[[31mb\n");
  EXPECT_THAT(told({.json = true}, act), AllOf(HasSubstr("a\\u001b[31mb"), Not(HasSubstr("\x1b"))));
}

TEST(LoggingTest, JsonIsAnObjectALine) {
  std::istringstream lines(told({.debug = true, .json = true}, say_everything));
  std::vector<Json> all;
  for (std::string line; std::getline(lines, line);) all.push_back(Json::parse(line));
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0]["level"], "debug");
  EXPECT_EQ(all[0]["message"], "weights");
  EXPECT_EQ(all[0]["fields"], Json::parse(R"({"bytes":5,"time_s":0.25})"));
  EXPECT_EQ(all[1]["level"], "info");
  EXPECT_EQ(all[1]["message"], "a note");
  EXPECT_EQ(all[1]["fields"], Json::object());
  EXPECT_EQ(all[3]["level"], "error");
  EXPECT_EQ(all[3]["message"], "an error");
  EXPECT_TRUE(std::regex_match(all[0]["time"].get<std::string>(),
                               std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")));
}

TEST(LoggingTest, AFileKeepsEverythingWithItsTime) {
  const TemporaryFolder folder;
  const fs::path file = folder / "log";
  const LogOptions options{.file = file};
  EXPECT_EQ(told(options, say_everything), told({}, say_everything)) << "it changed the terminal's";
  std::istringstream lines(content(file));
  std::vector<std::string> said;
  const std::regex time(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z )");
  for (std::string line; std::getline(lines, line);) {
    EXPECT_EQ(line.find("20"), 0U) << line;
    said.push_back(std::regex_replace(line, time, ""));
  }
  ASSERT_EQ(said.size(), 6U);
  EXPECT_THAT(said[0], HasSubstr("version "));
  said.erase(said.begin());
  EXPECT_THAT(said, ElementsAre("medgen: debug: weights: bytes 5, time 0.2500 s", "medgen: a note",
                                "medgen: a quiet note", "a notice", "medgen: error: an error"));
}

TEST(LoggingTest, AFileIsForItsOwnerAndGrows) {
  const TemporaryFolder folder;
  const fs::path file = folder / "log";
  told({.file = file}, [] { Messages().note("first"); });
  told({.file = file}, [] { Messages().note("second"); });
  EXPECT_THAT(content(file), AllOf(HasSubstr("first\n"), HasSubstr("second\n")));
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(LoggingTest, AFileThatCannotBeWrittenIsRefused) {
  const TemporaryFolder folder;
  fs::create_symlink(folder / "elsewhere", folder / "link");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(refusal(folder / "link"), HasSubstr("it is a symbolic link"));
  EXPECT_FALSE(fs::exists(folder / "elsewhere"));
  EXPECT_THAT(refusal(folder / "pipe"), HasSubstr("cannot be written"));
  EXPECT_THAT(refusal("/dev/null"), HasSubstr("it is not a regular file"));
  EXPECT_THAT(refusal(folder.path()), HasSubstr("Is a directory"));
  EXPECT_THAT(refusal(folder / "none/log"),
              AllOf(HasSubstr((folder / "none/log").string()),
                    HasSubstr("No such file or directory"), HasSubstr("leave --log-file out")));
}

TEST(LoggingTest, AFileThatAnotherUserPutWhereEverybodyMayWriteIsRefused) {
  const TemporaryFolder folder;
  std::ofstream(folder / "log") << "";
  if (::geteuid() != 0 || ::chown((folder / "log").c_str(), 12345, 12345) != 0) {
    GTEST_SKIP() << "only root can give a file away";
  }
  EXPECT_EQ(told({.file = folder / "log"}, [] {}), "");
  ::chmod(folder.path().c_str(), 01777);
  EXPECT_THAT(refusal(folder / "log"), HasSubstr("belongs to another user"));
}

// The second call is the write of the first line.
TEST(LoggingTest, ADiskThatIsFullAtTheStartIsRefused) {
  const TemporaryFolder folder;
  base::FaultyFileSystem full(base::Fault::kFullDisk, 2);
  const base::Replaced replaced(full);
  EXPECT_THAT(refusal(folder / "log"), HasSubstr("No space left on device"));
  EXPECT_TRUE(full.struck());
}

TEST(LoggingTest, ADiskThatIsFullLaterIsToldOnce) {
  const TemporaryFolder folder;
  base::FaultyFileSystem full(base::Fault::kFullDisk, 2);
  const std::string said = told({.file = folder / "log"}, [&] {
    const base::Replaced replaced(full);
    for (const char* text : {"one", "two", "three"}) Messages(/*quiet=*/true).note(text);
  });
  EXPECT_EQ(said, "medgen: warning: the log file " + (folder / "log").string() +
                      " ends here: No space left on device\n");
  EXPECT_THAT(content(folder / "log"), AllOf(EndsWith("one\n"), Not(HasSubstr("two"))));
}

std::string log_of_progress(bool quiet, std::chrono::milliseconds pace) {
  const TemporaryFolder folder;
  told({.file = folder / "log"}, [&] {
    Progress progress(quiet, {.terminal = {}, .elsewhere = pace});
    progress.show([] { return "half of it"; });
  });
  return content(folder / "log");
}

TEST(LoggingTest, AFileHasTheProgressOfAQuietRun) {
  EXPECT_THAT(log_of_progress(true, {}), EndsWith(" medgen: half of it\n"));
  EXPECT_THAT(log_of_progress(false, {}), EndsWith(" medgen: half of it\n"));
  EXPECT_THAT(log_of_progress(true, std::chrono::hours(1)), Not(HasSubstr("half of it")));
}

// Where a source speaks to standard error without cli/logging.cpp, or knows spdlog.
std::vector<std::string> ways_around(const std::string& source) {
  static const std::regex kWay(
      R"(<spdlog|\bstderr\b|\bcerr\b|\bclog\b|\bperror\b|write\w*\((2|STDERR_FILENO)\b)");
  std::vector<std::string> found;
  for (std::sregex_iterator at(source.begin(), source.end(), kWay), end; at != end; ++at) {
    found.push_back(at->str());
  }
  return found;
}

TEST(LoggingTest, OneFileAloneWritesToStandardError) {
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(MEDGEN_SOURCE_DIR) / "src")) {
    const fs::path& file = entry.path();
    if (file.extension() != ".cpp" && file.extension() != ".h") continue;
    ++files;
    std::string source = content(file);
    // Comments may speak of it.
    source = std::regex_replace(source, std::regex("//[^\n]*"), "");
    if (file.filename() == "logging.cpp") {
      EXPECT_THAT(ways_around(source), Not(IsEmpty()));
    } else {
      EXPECT_THAT(ways_around(source), IsEmpty()) << file;
    }
  }
  EXPECT_GT(files, 200) << "nothing was looked at";
}

// Companion.
TEST(LoggingTest, WaysAroundAreNoticed) {
  EXPECT_THAT(ways_around("#include <spdlog/spdlog.h>\n"), ElementsAre("<spdlog"));
  EXPECT_THAT(ways_around("std::fprintf(stderr, \"a\"); std::cerr << 1; std::clog << 2;"),
              ElementsAre("stderr", "cerr", "clog"));
  EXPECT_THAT(ways_around("perror(\"a\"); ::write(2, a, 1); base::write_all(STDERR_FILENO, a);"),
              ElementsAre("perror", "write(2", "write_all(STDERR_FILENO"));
  EXPECT_THAT(ways_around("log_line(a, b); is_terminal(STDERR_FILENO);"), IsEmpty());
}

}  // namespace
}  // namespace medgen::cli
