// What a tokenizer.json's "normalizer" does to a text before it is cut into words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace medgen::text {

enum class NormalizerStep { kNfc, kNfd, kNfkc, kNfkd, kLowercase, kStripLeft, kStripRight };

// One after the other. `text` is valid UTF-8, and so is what comes out. Linear in its length.
std::string normalized(std::string_view text, const std::vector<NormalizerStep>& steps);

}  // namespace medgen::text
