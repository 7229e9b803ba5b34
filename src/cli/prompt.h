// The prompt: from where it comes, and what it may be.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options/command_line.h"
#include "cli/output.h"
#include "medgen/tokenizer.h"

namespace medgen::cli {

inline constexpr std::uint64_t kMaxPromptBytes = 1 << 20;

// The whole of a descriptor, at most `max_bytes`: stops reading there and throws Error(kUsage)
// naming `what` and the limit.
std::string read_descriptor(int descriptor, std::uint64_t max_bytes, std::string_view what);

// The text to continue: `argument`, else the file ("-" is standard input), else standard input.
// From a file or standard input one line break at the end is dropped, and a byte order mark at the
// beginning, which is said. A terminal is read only where the file is "-": otherwise Error(kUsage)
// is thrown, as for what is not text.
std::string read_prompt(const std::optional<std::string>& argument,
                        const std::optional<std::string>& file, const Messages& messages);

// Says so if the text ends in a blank, which is mostly a slip and changes what follows.
void note_blank_at_end(std::string_view prompt, const Messages& messages);

// Says what of a text on the command line may be left behind, if somebody is there to read it.
void note_text_on_command_line(const Messages& messages);

// TEXT, of which `about` is the help, or --prompt-file in its place.
void declare_text(CommandLine& line, std::optional<std::string>& text,
                  std::optional<std::string>& prompt_file, const std::string& about);

// --prompt-ids and --specials, of a command with a TEXT and --prompt-file.
void declare_prompt_tokens(CommandLine& line, std::optional<std::string>& prompt_ids,
                           bool& specials);

// The ids of --prompt-ids, at least one. Throws Error(kUsage).
std::vector<TokenId> read_prompt_ids(const std::string& json);

// Throws Error(kUsage) naming `what` and the byte offset of the first byte that is NUL or not
// UTF-8.
void require_text(std::string_view text, std::string_view what);

}  // namespace medgen::cli
