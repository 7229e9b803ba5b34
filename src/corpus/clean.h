// Untrusted text made plain: Unicode form NFC, no markup, no invisible characters. Knows
// nothing of files or tokens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace medgen::corpus {

// What was changed, in characters, tags and entities; `composed` and `spacing` count texts.
struct CleanCounts {
  std::uint64_t html_tags = 0;           // removed; a block's tag leaves a line break
  std::uint64_t html_entities = 0;       // replaced by what they stand for
  std::uint64_t control_characters = 0;  // C0 (but line breaks and tabs), DEL, C1, U+FFFD: removed
  std::uint64_t zero_width = 0;  // removed: zero-width, soft hyphens, joiners, direction marks
  std::uint64_t composed = 0;    // texts that NFC changed
  std::uint64_t spacing = 0;     // texts whose spaces or line breaks were changed

  CleanCounts& operator+=(const CleanCounts& other);
};

// Markup first (elements of HTML only, so "p < 0.05" stays; entities once, so "&amp;lt;" becomes
// "&lt;"), then characters, NFC, spaces: one between words (tabs, no-break and other Unicode spaces
// count as one), none at the end of a line, one empty line at most, none at either end. `text` must
// be valid UTF-8. Adds to `counts`, and to `looked_at`, if it is given, the characters that were
// looked at in search of an element's end: the part of the work that may exceed the text's length.
std::string clean_text(std::string_view text, CleanCounts& counts,
                       std::uint64_t* looked_at = nullptr);

}  // namespace medgen::corpus
