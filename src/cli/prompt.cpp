// Reading the prompt and fitting it to a model.
#include "cli/prompt.h"

#include <unistd.h>

#include <algorithm>

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
      throw Error(ErrorCode::kUsage, std::string(what) + " holds more than the " +
                                         std::to_string(max_bytes) +
                                         " bytes that are allowed: give a shorter text");
    }
  }
  return content;
}

void require_text(std::string_view text, std::string_view what) {
  text::require_utf8(text, what);
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    throw Error(ErrorCode::kUsage, std::string(what) + " holds a NUL at byte offset " +
                                       std::to_string(nul) + ": give plain text in UTF-8");
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

std::vector<TokenId> prompt_tokens(const Tokenizer& tokenizer, std::optional<TokenId> prefix,
                                   std::string_view prompt) {
  std::vector<TokenId> tokens = tokenizer.encode(prompt);
  if (prefix) tokens.insert(tokens.begin(), *prefix);
  if (!tokens.empty()) return tokens;
  const std::optional<TokenId> first = tokenizer.bos_id() ? tokenizer.bos_id() : tokenizer.eos_id();
  if (!first) {
    throw Error(ErrorCode::kUsage,
                "the prompt is empty and this tokenizer has neither BOS nor EOS to start from: "
                "give a text");
  }
  return {*first};
}

int kept_prompt_tokens(int prompt_tokens, int n_positions, const StoppingParams& stopping) {
  if (stopping.max_new_tokens) {
    if (prompt_tokens <= n_positions) return prompt_tokens;
    return std::max((n_positions + 1) / 2, n_positions - *stopping.max_new_tokens);
  }
  const int limit = std::min(n_positions, stopping.max_length);
  if (prompt_tokens <= n_positions && prompt_tokens < stopping.max_length) return prompt_tokens;
  return std::max(1, limit / 2);
}

}  // namespace medgen::cli
