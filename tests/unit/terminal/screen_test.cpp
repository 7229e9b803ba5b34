// Descriptors that take or give little at a time, and what signals leave behind.
#include "terminal/screen.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>

#include "terminal/line_editor.h"
#include "terminal/signals.h"

namespace medgen::terminal {
namespace {

using std::chrono::milliseconds;

struct Pipe {
  Pipe() { EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0); }
  ~Pipe() {
    ::close(ends[0]);
    close_writing();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_writing() {
    if (ends[1] >= 0) ::close(ends[1]);
    ends[1] = -1;
  }
  int ends[2] = {-1, -1};
};

TEST(ScreenTest, WritesAllToWhatTakesLittleAtATime) {
  Pipe pipe;
  ASSERT_EQ(::fcntl(pipe.ends[1], F_SETFL, O_NONBLOCK), 0);
  std::string given;
  for (int i = 0; i < 100000; ++i) given += std::to_string(i);
  std::array<char, 4096> filler{};
  std::size_t filled = 0;
  for (ssize_t put = 0; (put = ::write(pipe.ends[1], filler.data(), filler.size())) > 0;)
    filled += static_cast<std::size_t>(put);  // companion: a lone write() takes nothing now
  std::string seen;
  std::thread reader([&] {
    std::array<char, 1000> bytes{};
    for (ssize_t got = 0; (got = ::read(pipe.ends[0], bytes.data(), bytes.size())) > 0;)
      seen.append(bytes.data(), static_cast<std::size_t>(got));
  });
  Screen screen(-1, pipe.ends[1]);
  screen.write(given);
  pipe.close_writing();
  reader.join();
  EXPECT_TRUE(seen.substr(filled) == given);
}

TEST(ScreenTest, APipeIsNoScreen) {
  Pipe pipe;
  Screen screen(pipe.ends[0], pipe.ends[1]);
  EXPECT_FALSE(screen.draws());
  EXPECT_FALSE(screen.clear());
  EXPECT_EQ(screen.size(), (Size{80, 24}));
}

TEST(ScreenTest, LinesComeWholeThroughANonBlockingPipe) {
  Pipe in;
  Pipe out;
  ASSERT_EQ(::fcntl(in.ends[0], F_SETFL, O_NONBLOCK), 0);
  Screen screen(in.ends[0], out.ends[1]);
  Signals signals(screen);
  LineEditor editor(screen, signals, {.plain = false, .prompt = "> "});
  EXPECT_TRUE(editor.plain());
  std::thread writer([&] {
    for (const std::string part : {"fe", "ver\nco", "ugh"})
      EXPECT_GT(::write(in.ends[1], part.data(), part.size()), 0);
    in.close_writing();
  });
  EXPECT_EQ(editor.read().text, "fever");
  EXPECT_EQ(editor.read().text, "cough");
  writer.join();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(editor.read().kind, Line::Kind::kEnd);
}

// What a shell leaves programs in the background with is another action than that of others.
class SignalsTest : public ::testing::Test {
 protected:
  SignalsTest() { ::sigaction(SIGINT, nullptr, &found_); }
  ~SignalsTest() override { ::sigaction(SIGINT, &found_, nullptr); }

  static void interrupts_are(void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    ::sigaction(SIGINT, &action, nullptr);
  }

 private:
  struct sigaction found_ {};
};

TEST_F(SignalsTest, AreNotedAndWakeWhoWaits) {
  Pipe pipe;
  const Screen screen(pipe.ends[0], pipe.ends[1]);
  interrupts_are(SIG_DFL);
  {
    Signals signals(screen);
    EXPECT_FALSE(signals.interrupted() || signals.hung_up() || signals.take_resized());
    ::raise(SIGINT);
    ::raise(SIGWINCH);
    ::raise(SIGTERM);
    signals.wait(milliseconds(60000));  // ends at once
    EXPECT_TRUE(signals.interrupted() && signals.hung_up());
    EXPECT_TRUE(signals.take_resized());
    EXPECT_FALSE(signals.take_resized());
    signals.clear_interrupt();
    EXPECT_FALSE(signals.interrupted());
    std::thread waker([&] { signals.wake(); });
    signals.wait(milliseconds(60000));
    waker.join();
  }
  struct sigaction after {};
  ::sigaction(SIGINT, nullptr, &after);
  EXPECT_EQ(after.sa_handler, SIG_DFL);
}

TEST_F(SignalsTest, WhatWasIgnoredStaysSo) {
  Pipe pipe;
  const Screen screen(pipe.ends[0], pipe.ends[1]);
  interrupts_are(SIG_IGN);
  const Signals signals(screen);
  ::raise(SIGINT);
  EXPECT_FALSE(signals.interrupted());
}

}  // namespace
}  // namespace medgen::terminal
