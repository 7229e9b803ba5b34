// Decoding that does not fit the scheduler's one slot per sequence: beam search, and guidance
// by a second context. Each request has all slots to itself, so neighbours cannot change it.
#pragma once

#include <functional>

#include "medgen/generate.h"

namespace medgen::engine {

bool needs_search(const Request& request);

// Throws Error(kUsage) if the request cannot be run: too few slots, a negative prompt that does
// not fit.
void check_search(const Request& request, const BackendInfo& model);

// Runs the request to its end and reports every sequence. Calls `interrupted` before every step;
// if true, sequences that have begun are finished as they stand. Always releases its
// slots.
void search(Backend& backend, const Tokenizer& tokenizer, const Request& request,
            GenerationObserver& observer, const std::function<bool()>& interrupted);

}  // namespace medgen::engine
