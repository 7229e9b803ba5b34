// The progress line: written over on a terminal, a line now and then elsewhere, nothing when quiet.
#include "cli/progress.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <string>

#include "base/log.h"
#include "cli/logging.h"
#include "cli/output.h"

namespace medgen::cli {
namespace {

using std::chrono::milliseconds;

std::string elsewhere(bool quiet, milliseconds pace) {
  ::testing::internal::CaptureStderr();
  {
    Progress progress(quiet, {.terminal = {}, .elsewhere = pace});
    for (const char* text : {"one", "two"}) {
      progress.show([&] { return text; });
    }
    progress.keep();
  }
  return ::testing::internal::GetCapturedStderr();
}

TEST(ProgressTest, WithoutATerminalItIsALineNowAndThen) {
  EXPECT_EQ(elsewhere(false, {}), "medgen: one\nmedgen: two\n");
  EXPECT_EQ(elsewhere(false, milliseconds(3'600'000)), "");
  EXPECT_EQ(elsewhere(true, {}), "");
}

TEST(ProgressTest, TheTextIsMadeOnlyWhenItIsShown) {
  Progress progress(true);
  progress.show([]() -> std::string {
    ADD_FAILURE() << "asked for";
    return "";
  });
}

// Standard error is a terminal while this lives.
class Terminal {
 public:
  Terminal() : outer_(::posix_openpt(O_RDWR | O_NOCTTY)), before_(::dup(STDERR_FILENO)) {
    EXPECT_EQ(::grantpt(outer_) | ::unlockpt(outer_), 0);
    inner_ = ::open(::ptsname(outer_), O_RDWR | O_NOCTTY);
    EXPECT_GE(inner_, 0);
    termios mode{};
    ::tcgetattr(inner_, &mode);
    mode.c_oflag &= ~static_cast<tcflag_t>(OPOST);
    ::tcsetattr(inner_, TCSANOW, &mode);
    ::dup2(inner_, STDERR_FILENO);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    ::dup2(before_, STDERR_FILENO);
    for (const int descriptor : {outer_, inner_, before_}) ::close(descriptor);
  }
  std::string shown() const {
    std::string text;
    char buffer[256];
    for (pollfd file{outer_, POLLIN, 0}; ::poll(&file, 1, 0) == 1;) {
      const ssize_t got = ::read(outer_, buffer, sizeof buffer);
      if (got <= 0) break;
      text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
  }

 private:
  int outer_, before_;
  int inner_ = -1;
};

TEST(ProgressTest, OnATerminalOneLineIsWrittenOver) {
  const Terminal terminal;
  {
    Progress progress(false);
    progress.show([] { return "one"; });
    progress.show([] { return "two"; });
    EXPECT_EQ(terminal.shown(), "\r\x1b[Kone\r\x1b[Ktwo");
    progress.clear();
    progress.clear();
    EXPECT_EQ(terminal.shown(), "\r\x1b[K");
    progress.show([] { return "three"; });
    progress.keep();
    EXPECT_EQ(terminal.shown(), "\r\x1b[Kthree\n");
    progress.show([] { return "four"; });
  }
  EXPECT_EQ(terminal.shown(), "\r\x1b[Kfour\r\x1b[K");
  Progress slow(false, {.terminal = milliseconds(3'600'000), .elsewhere = {}});
  slow.show([] { return "too early"; });
  EXPECT_EQ(terminal.shown(), "");
}

TEST(ProgressTest, WhatIsLoggedInBetweenTakesTheLineAwayFirst) {
  const Terminal terminal;
  start_log({.debug = true});
  Progress progress(false);
  progress.show([] { return "one"; });
  base::log_debug("packed", {{"bytes", 5}});
  Messages().note("a note");
  EXPECT_EQ(terminal.shown(),
            "\r\x1b[Kone\r\x1b[Kmedgen: debug: packed: bytes 5\nmedgen: a note\n");
  progress.keep();
  EXPECT_EQ(terminal.shown(), "") << "there was no line to keep";
  start_log({});
}

TEST(ProgressTest, JsonIsNeverWrittenOver) {
  const Terminal terminal;
  start_log({.json = true});
  {
    Progress progress(false, {.terminal = {}, .elsewhere = {}});
    progress.show([] { return "one"; });
  }
  start_log({});
  const std::string shown = terminal.shown();
  EXPECT_EQ(shown.find('\x1b'), std::string::npos) << shown;
  EXPECT_EQ(shown.back(), '\n');
}

}  // namespace
}  // namespace medgen::cli
