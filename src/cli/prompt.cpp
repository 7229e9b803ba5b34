// Reading the prompt.
#include "cli/prompt.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/byte_reader.h"
#include "base/files.h"
#include "cli/terminal.h"
#include "medgen/error.h"
#include "text/utf8.h"

namespace medgen::cli {
namespace {

std::string without_last_line_break(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

std::string read_standard_input() {
  return without_last_line_break(read_descriptor(STDIN_FILENO, kMaxPromptBytes, "standard input"));
}

}  // namespace

std::string read_descriptor(int descriptor, std::uint64_t max_bytes, std::string_view what) {
  const base::Blocks blocks =
      base::descriptor_blocks(descriptor, std::string(what), ErrorCode::kUsage);
  std::string content;
  for (std::string_view block = blocks(); !block.empty(); block = blocks()) {
    content += block;
    if (content.size() > max_bytes) {
      throw Error(
          ErrorCode::kUsage,
          fmt::format("{} holds more than the {} bytes that are allowed: give a shorter text", what,
                      max_bytes));
    }
  }
  return content;
}

void require_text(std::string_view text, std::string_view what) {
  text::require_utf8(text, what);
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    throw Error(
        ErrorCode::kUsage,
        fmt::format("{} holds a NUL at byte offset {}: give plain text in UTF-8", what, nul));
  }
}

std::string read_prompt(const std::optional<std::string>& argument,
                        const std::optional<std::string>& file) {
  std::string prompt;
  if (argument) {
    prompt = *argument;
  } else if (file && *file != "-") {
    prompt = without_last_line_break(base::read_file(*file, kMaxPromptBytes, ErrorCode::kUsage));
  } else if (!is_terminal(STDIN_FILENO)) {
    prompt = read_standard_input();
  } else {
    throw Error(
        ErrorCode::kUsage,
        "no text to continue: give it as an argument, such as medgen \"I have a fever\", or with "
        "--prompt-file FILE, or through a pipe");
  }
  require_text(prompt, "the prompt");
  return prompt;
}

}  // namespace medgen::cli
