// Looks through a tokenizer.model before the sentencepiece library does, which trusts the tables in
// it: they tell it where to read. Knows the file's format, nothing of what the tokens are.
#pragma once

#include <string>
#include <string_view>

namespace medgen::text {

// Throws Error(kModel) for a model that is damaged or larger than any that is in use.
void check_sentencepiece_model(std::string_view model, const std::string& source);

}  // namespace medgen::text
