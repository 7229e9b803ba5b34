// Prompts: their limits, and what is refused.
// Knows nothing of models.
#include "cli/prompt.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>

#include "medgen/error.h"

namespace medgen::cli {
namespace {

using ::testing::HasSubstr;

int descriptor_with(const std::string& content) {
  std::FILE* file = std::tmpfile();
  const int descriptor = ::dup(::fileno(file));
  std::fclose(file);
  EXPECT_EQ(::write(descriptor, content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  ::lseek(descriptor, 0, SEEK_SET);
  return descriptor;
}

std::string text_refusal(std::string_view text) {
  try {
    require_text(text, "the prompt");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(PromptTest, EndlessInputStopsAtTheLimit) {
  const int zeros = ::open("/dev/zero", O_RDONLY);
  ASSERT_GE(zeros, 0);
  try {
    read_descriptor(zeros, 1000, "standard input");
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("1000 bytes"));
  }
  ::close(zeros);
}

TEST(PromptTest, InputOfExactlyTheLimitIsRead) {
  const int file = descriptor_with(std::string(1000, 'a'));
  EXPECT_EQ(read_descriptor(file, 1000, "it").size(), 1000U);
  ::lseek(file, 0, SEEK_SET);
  EXPECT_THROW(read_descriptor(file, 999, "it"), Error);
  ::close(file);
}

TEST(PromptTest, NulAndBrokenUtf8AreRefusedWithTheirOffset) {
  EXPECT_EQ(text_refusal("caf\xC3\xA9"), "");
  EXPECT_THAT(text_refusal(std::string_view("ab\0c", 4)), HasSubstr("byte offset 2"));
  EXPECT_THAT(text_refusal("abc\xFF"), HasSubstr("3"));
  EXPECT_THAT(text_refusal("secret\xFF"), ::testing::Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace medgen::cli
