// The prompt: from where it comes, and what it may be.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options/command_line.h"
#include "medgen/tokenizer.h"

namespace medgen::cli {

inline constexpr std::uint64_t kMaxPromptBytes = 1 << 20;

// The whole of a descriptor, at most `max_bytes`: stops reading there and throws Error(kUsage)
// naming `what` and the limit.
std::string read_descriptor(int descriptor, std::uint64_t max_bytes, std::string_view what);

// The text to continue: `argument`, else the file ("-" is standard input), else standard input.
// From a file or standard input one line break at the end is dropped. Throws Error(kUsage) if there
// is none without waiting for somebody to type, or if it is not text.
std::string read_prompt(const std::optional<std::string>& argument,
                        const std::optional<std::string>& file);

// --prompt-ids and --specials, of a command with a TEXT and --prompt-file.
void declare_prompt_tokens(CommandLine& line, std::optional<std::string>& prompt_ids,
                           bool& specials);

// The ids of --prompt-ids, at least one. Throws Error(kUsage).
std::vector<TokenId> read_prompt_ids(const std::string& json);

// Throws Error(kUsage) naming `what` and the byte offset of the first byte that is NUL or not
// UTF-8.
void require_text(std::string_view text, std::string_view what);

}  // namespace medgen::cli
