// The prompt: from where it comes, what it may be, and the tokens it becomes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "medgen/params.h"
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

// Throws Error(kUsage) naming `what` and the byte offset of the first byte that is NUL or not
// UTF-8.
void require_text(std::string_view text, std::string_view what);

// How many of a prompt's last tokens to keep when --truncate-prompt was given: all of them when
// they fit the context and max_length; else as many as leave room for max_new_tokens (at least half
// the context is kept), or half of what may be filled when that is not set.
int kept_prompt_tokens(int prompt_tokens, int n_positions, const StoppingParams& stopping);

}  // namespace medgen::cli
