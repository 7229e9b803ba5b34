// Cuts text into GPT-2's words with PCRE2: see gpt2_split.h.
#include "text/gpt2_split.h"

#include <fmt/format.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <string>

#include "medgen/error.h"

namespace medgen::text {
namespace {

// PCRE2 10.42 knows Unicode 14; these became letters and numbers in Unicode 15 and 16. A newer
// PCRE2 has them in \p{L} and \p{N} already.
constexpr char kNewLetters[] =
    R"(\x{1c89}-\x{1c8a}\x{a7cb}-\x{a7cd}\x{a7da}-\x{a7dc}\x{105c0}-\x{105f3})"
    R"(\x{10d4a}-\x{10d65}\x{10d6f}-\x{10d85}\x{10ec2}-\x{10ec4}\x{1123f}-\x{11240})"
    R"(\x{11380}-\x{11389}\x{1138b}\x{1138e}\x{11390}-\x{113b5}\x{113b7}\x{113d1}\x{113d3})"
    R"(\x{11bc0}-\x{11be0}\x{11f02}\x{11f04}-\x{11f10}\x{11f12}-\x{11f33}\x{1342f})"
    R"(\x{13441}-\x{13446}\x{13460}-\x{143fa}\x{16100}-\x{1611d}\x{16d40}-\x{16d6c})"
    R"(\x{18cff}\x{1b132}\x{1b155}\x{1df25}-\x{1df2a}\x{1e030}-\x{1e06d}\x{1e4d0}-\x{1e4eb})"
    R"(\x{1e5d0}-\x{1e5ed}\x{1e5f0}\x{2b739}\x{2ebf0}-\x{2ee5d}\x{31350}-\x{323af})";
constexpr char kNewNumbers[] =
    R"(\x{10d40}-\x{10d49}\x{116d0}-\x{116e3}\x{11bf0}-\x{11bf9}\x{11f50}-\x{11f59})"
    R"(\x{16130}-\x{16139}\x{16d70}-\x{16d79}\x{1ccf0}-\x{1ccf9}\x{1d2c0}-\x{1d2d3})"
    R"(\x{1e4f0}-\x{1e4f9}\x{1e5f1}-\x{1e5fa})";

// PCRE2's \s also has U+180E, which is not a space since Unicode 6.3.
constexpr char kSpaces[] =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

std::string pattern() {
  const std::string letters = std::string(R"(\p{L})") + kNewLetters;
  const std::string numbers = std::string(R"(\p{N})") + kNewNumbers;
  const std::string spaces = kSpaces;
  // Possessive ("++") where nothing that follows could need backtracking.
  std::string result = "'s|'t|'re|'ve|'m|'ll|'d";
  result += "| ?[" + letters + "]++";
  result += "| ?[" + numbers + "]++";
  result += "| ?[^" + spaces + letters + numbers + "]++";
  result += "|[" + spaces + "]+(?![^" + spaces + "])";
  result += "|[" + spaces + "]++";
  return result;
}

[[noreturn]] void fail(const std::string& what, int code) {
  PCRE2_UCHAR reason[256] = {};
  pcre2_get_error_message(code, reason, sizeof reason);
  throw Error(ErrorCode::kRuntime, "PCRE2 " + what + ": " + reinterpret_cast<const char*>(reason));
}

struct MatchDataDeleter {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

}  // namespace

struct Gpt2Splitter::Code {
  pcre2_code* compiled = nullptr;
  ~Code() { pcre2_code_free(compiled); }
};

Gpt2Splitter::Gpt2Splitter() : code_(std::make_unique<Code>()) {
  const std::string source = pattern();
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_->compiled = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(),
                                  PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &error, &offset, nullptr);
  if (code_->compiled == nullptr) fail("does not take the split pattern", error);
  // Where run-time code is forbidden this fails, and the interpreter does the same, slower.
  pcre2_jit_compile(code_->compiled, PCRE2_JIT_COMPLETE);
}

Gpt2Splitter::~Gpt2Splitter() = default;

void Gpt2Splitter::split(std::string_view text,
                         const std::function<void(std::string_view)>& on_word) const {
  const std::unique_ptr<pcre2_match_data, MatchDataDeleter> match(
      pcre2_match_data_create_from_pattern(code_->compiled, nullptr));
  if (!match) fail("cannot allocate", PCRE2_ERROR_NOMEMORY);
  const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match.get());
  for (std::size_t at = 0; at < text.size();) {
    // The text is known to be UTF-8; checking it again at every word would make this quadratic.
    const int found = pcre2_match(code_->compiled, reinterpret_cast<PCRE2_SPTR>(text.data()),
                                  text.size(), at, PCRE2_NO_UTF_CHECK, match.get(), nullptr);
    if (found < 0) fail(fmt::format("cannot split the text at byte {}", at), found);
    on_word(text.substr(at, range[1] - at));
    at = range[1];
  }
}

}  // namespace medgen::text
