// The rules by which identifiers are found: patterns, most of them with a check in code.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "safety/identifiers.h"

namespace medgen::safety {

// A pattern for PCRE2. Its first group, if it has one, is the finding; else all that it matches.
// Every repetition in it is bounded, and it begins where a word does, so that no text takes long.
struct IdentifierRule {
  IdentifierClass kind;
  std::string pattern;
  bool (*holds)(std::string_view finding) = nullptr;  // whether it is one; null: it always is
};

// Where two rules find overlapping places, the first of them counts.
const std::vector<IdentifierRule>& identifier_rules();

}  // namespace medgen::safety
