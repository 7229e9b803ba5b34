// What the text writer prints, on made-up completions.
// Knows nothing of models.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/text_writer.h"
#include "medgen/error.h"

namespace medgen::cli {
namespace {

// A pipe whose writing end is an Output's descriptor.
class Pipe {
 public:
  Pipe() {
    EXPECT_EQ(::pipe(ends_), 0);
    ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
  }
  ~Pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  int write_end() const { return ends_[1]; }
  std::string take() const {  // what was written since the last call
    char buffer[65536];
    const ssize_t n = ::read(ends_[0], buffer, sizeof buffer);
    return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : std::string();
  }

 private:
  int ends_[2] = {-1, -1};
};

Completion completion(int index, const std::string& text) {
  Completion c;
  c.index = index;
  c.text = text;
  c.finish_reason = FinishReason::kLength;
  c.num_tokens = 4;
  c.logprob = -1.5;
  return c;
}

TEST(TextWriterTest, FirstSequenceStreamsAndTheOthersFollowInOrder) {
  const Pipe pipe;
  Output output(pipe.write_end());
  TextWriter writer(output, "I feel", 3, {.color = false, .sanitise = false, .stream = true});
  writer.on_text(0, 1, " two");
  EXPECT_EQ(pipe.take(), "");
  writer.on_text(0, 0, " on");
  EXPECT_EQ(pipe.take(), "Generated #1: I feel on");
  writer.on_text(0, 2, " three");
  writer.on_finish(0, completion(2, " three"));
  writer.on_text(0, 0, "e");
  EXPECT_EQ(pipe.take(), "e");
  writer.on_finish(0, completion(0, " one"));
  EXPECT_EQ(pipe.take(), "\n\nGenerated #2: I feel two");
  writer.on_text(0, 1, "!");
  writer.on_finish(0, completion(1, " two!"));
  EXPECT_EQ(pipe.take(), "!\n\nGenerated #3: I feel three\n");
}

TEST(TextWriterTest, EmptyContinuationStillShowsThePrompt) {
  const Pipe pipe;
  Output output(pipe.write_end());
  TextWriter writer(output, "I feel", 1, {});
  writer.on_finish(0, completion(0, ""));
  EXPECT_EQ(pipe.take(), "Generated #1: I feel\n");
}

TEST(TextWriterTest, ColourTellsPromptFromContinuation) {
  const Pipe pipe;
  Output output(pipe.write_end());
  TextWriter writer(output, "I feel", 1, {.color = true, .sanitise = true, .stream = true});
  writer.on_text(0, 0, " well\x1b[2J");
  writer.on_finish(0, completion(0, " well\x1b[2J"));
  EXPECT_EQ(pipe.take(), "Generated #1: \x1b[2mI feel\x1b[0m\x1b[1m well^[[2J\x1b[0m\n");
}

TEST(OutputTest, FullDiskIsAnErrorThatSaysSo) {
  const int full = ::open("/dev/full", O_WRONLY);
  ASSERT_GE(full, 0);
  Output output(full);
  output.write("text");
  try {
    output.flush();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kRuntime);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("No space left on device"));
  }
  ::close(full);
}

}  // namespace
}  // namespace medgen::cli
