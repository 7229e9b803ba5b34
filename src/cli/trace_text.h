// What `medgen trace` prints: passages marked in a text and told below it.
#pragma once

#include <string>

#include "jobs/trace.h"

namespace medgen::cli {

// Fit for a terminal: nothing of the texts can control it. In colour passages have a ground of
// their own; without, brackets around them.
std::string trace_in_words(const jobs::TraceResult& result, const jobs::TracedText& text,
                           int least_tokens, bool color);

// A line.
std::string trace_json(const jobs::TraceResult& result, const jobs::TracedText& text,
                       int least_tokens);

}  // namespace medgen::cli
