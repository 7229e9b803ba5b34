// The one loop over write(): everything arrives, or the reason why not is returned.
#include "base/write_all.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <thread>

#include "base/byte_reader.h"

namespace medgen::base {
namespace {

TEST(WriteAllTest, MoreThanAPipeHoldsArrivesWhole) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const std::string sent(1 << 20, 'x');
  std::string arrived;
  std::thread reader([&] {
    char buffer[4096];
    for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
      arrived.append(buffer, static_cast<std::size_t>(got));
    }
  });
  EXPECT_EQ(write_all(ends[1], sent), 0);
  ::close(ends[1]);
  reader.join();
  ::close(ends[0]);
  EXPECT_EQ(arrived, sent);
}

TEST(WriteAllTest, WaitsForAPipeThatDoesNotBlock) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_NONBLOCK), 0);
  const std::string sent(1 << 20, 'x');
  int error = -1;
  std::thread writer([&] {
    error = write_all(ends[1], sent);
    ::close(ends[1]);
  });
  std::string arrived;
  const Blocks blocks = descriptor_blocks(ends[0], "the pipe");
  for (std::string_view block = blocks(); !block.empty(); block = blocks()) arrived += block;
  writer.join();
  ::close(ends[0]);
  EXPECT_EQ(error, 0);
  EXPECT_EQ(arrived, sent);
}

TEST(WriteAllTest, SaysWhyItCouldNot) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  EXPECT_EQ(write_all(full, "x"), ENOSPC);
  EXPECT_EQ(write_all(full, ""), 0);
  ::close(full);

  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(write_all(ends[1], "x"), EPIPE);
  std::signal(SIGPIPE, before);
  ::close(ends[1]);
}

}  // namespace
}  // namespace medgen::base
