// What the tests of this folder share: errors as values, fixtures, random text,
// and a small SentencePiece model.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/files.h"
#include "medgen/error.h"
#include "medgen/tokenizer.h"
#include "places.h"
#include "temporary_folder.h"
#include "text/utf8.h"

namespace medgen::text_test {
using namespace text;

namespace fs = std::filesystem;

inline fs::path gpt2_fixture() { return fs::path(MEDGEN_FIXTURES) / "gpt2"; }

inline std::string content_of(const fs::path& path) { return base::read_file(path, 64 << 20); }

// The Error that `action` throws, if it does.
template <typename Action>
std::optional<Error> error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

struct ReferenceText {
  std::string text;
  std::vector<TokenId> ids;
};

inline std::vector<ReferenceText> reference_texts() {
  std::vector<ReferenceText> texts;
  std::ifstream lines(gpt2_fixture() / "texts.jsonl");
  for (std::string line; std::getline(lines, line);) {
    const auto entry = nlohmann::json::parse(line);
    texts.push_back({entry["text"], entry["ids"]});
  }
  return texts;
}

// The number of texts whose ids or round trip differ.
inline int count_differences(const Tokenizer& tokenizer, const std::vector<ReferenceText>& texts) {
  int differences = 0;
  for (const auto& [text, ids] : texts) {
    const bool same = tokenizer.encode(text) == ids && tokenizer.decode(ids) == text;
    if (!same) ++differences;
  }
  return differences;
}

// Valid UTF-8, rich in what breaks tokenizers.
inline std::string random_text(std::mt19937& random, int characters) {
  static const std::vector<std::string> awkward = {" ",
                                                   "  ",
                                                   "\n",
                                                   "\t",
                                                   "\r\n",
                                                   std::string(1, '\0'),
                                                   "\xE2\x96\x81",
                                                   "\u00A0",
                                                   "\u3000",
                                                   "\u200D",
                                                   "\u0301",
                                                   "'s",
                                                   "'",
                                                   "a",
                                                   "é",
                                                   "<0x41>",
                                                   "<s>",
                                                   "</s>",
                                                   "<unk>",
                                                   "<|endoftext|>",
                                                   "▁▁",
                                                   "😀",
                                                   "7",
                                                   "!"};
  std::string text;
  for (int i = 0; i < characters; ++i) {
    const auto kind = random() % 4;
    if (kind == 0) {
      text += awkward[random() % awkward.size()];
    } else if (kind == 1) {
      text += static_cast<char>('a' + random() % 26);
    } else {
      auto code = static_cast<char32_t>(random() % (kind == 2 ? 0x3000 : 0x110000));
      if (code >= 0xD800 && code <= 0xDFFF) code -= 0x800;
      append_utf8(text, code);
    }
  }
  return text;
}

// The bytes of a model trained on a few sentences: byte fallback, no normalisation.
std::string small_sentencepiece_model(const std::string& type = "unigram");

}  // namespace medgen::text_test
