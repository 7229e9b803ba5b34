// Beam search as Hugging Face's library does it: docs/SAMPLING.md gives its rules.
#pragma once

#include <functional>

#include "medgen/generate.h"

namespace medgen::engine {

// Finds num_beams texts and reports the best num_return_sequences, best first; see
// search.h.
void beam_search(Backend& backend, const Tokenizer& tokenizer, const Request& request,
                 GenerationObserver& observer, const std::function<bool()>& interrupted);

}  // namespace medgen::engine
