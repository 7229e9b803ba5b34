// Reading the prompt.
#include "cli/prompt.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/byte_reader.h"
#include "base/files.h"
#include "base/json.h"
#include "base/refuse.h"
#include "cli/terminal.h"
#include "engine/setting_values.h"
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

void declare_text(CommandLine& line, std::optional<std::string>& text,
                  std::optional<std::string>& prompt_file, const std::string& about) {
  line.positional("TEXT", text, false, about);
  line.text("--prompt-file", reads("FILE"), prompt_file,
            "Read the text from FILE (- is standard input).");
  line.exclude("TEXT", "--prompt-file");
}

void declare_prompt_tokens(CommandLine& line, std::optional<std::string>& prompt_ids,
                           bool& specials) {
  line.text("--prompt-ids", "JSON", prompt_ids,
            "[ID, ...]: the prompt as token ids, which the model is fed as they are, instead of a "
            "text.");
  line.flag("--specials", specials,
            "Read spellings such as <|endoftext|> in the text as special tokens. Without it they "
            "are text like any other.");
  line.exclude("TEXT", "--prompt-ids");
  line.exclude("--prompt-file", "--prompt-ids");
  line.exclude("--specials", "--prompt-ids");
}

std::vector<TokenId> read_prompt_ids(const std::string& json) {
  const auto value = base::parse_json<engine::SettingsJson>(json);
  if (value.is_discarded()) {
    base::refuse("prompt-ids is " + base::json_fault(json, "not JSON") +
                 ": give token ids such as [40, 1254]");
  }
  std::vector<TokenId> ids;
  engine::from_json(value, "prompt-ids", ids);
  if (ids.empty()) base::refuse("prompt-ids holds no ids: give at least one");
  return ids;
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
                        const std::optional<std::string>& file, const Messages& messages) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  std::string prompt;
  if (argument) {
    prompt = *argument;
  } else if (file && *file != "-") {
    prompt = without_last_line_break(base::read_file(*file, kMaxPromptBytes, ErrorCode::kUsage));
  } else if (file || !is_terminal(STDIN_FILENO)) {
    if (is_terminal(STDIN_FILENO)) {
      messages.note("type the text; Ctrl-D at the beginning of a line ends it");
    }
    prompt = read_standard_input();
  } else {
    throw Error(
        ErrorCode::kUsage,
        "no text to continue: give it as an argument, such as medgen \"I have a fever\", or with "
        "--prompt-file FILE, or through a pipe");
  }
  if (prompt.starts_with(kByteOrderMark)) {
    prompt.erase(0, kByteOrderMark.size());
    messages.note("the text began with a byte order mark, which was left out");
  }
  require_text(prompt, "the prompt");
  return prompt;
}

void note_blank_at_end(std::string_view prompt, const Messages& messages) {
  if (!prompt.ends_with(' ') && !prompt.ends_with('\t')) return;
  messages.note(
      "the text ends in a blank, which becomes a token of its own and makes the continuation less "
      "natural: leave it out, since the next word brings its own");
}

void note_text_on_command_line(const Messages& messages) {
  if (!is_terminal(STDERR_FILENO)) return;
  messages.note(
      "your shell may keep this text in its history: `medgen` alone opens a session, in which "
      "nothing you type is kept");
}

}  // namespace medgen::cli
