// What `medgen trace` prints: passages marked in a text and told below it.
#pragma once

#include <string>

#include "jobs/trace.h"

namespace medgen::cli {

struct TraceShown {
  int least_tokens = 0;  // as asked
  bool titles = false;   // ids and titles of documents too
  bool color = false;    // passages have a ground of their own; else brackets around them
};

// Fit for a terminal: nothing of the texts can control it.
std::string trace_in_words(const jobs::TraceResult& result, const jobs::TracedText& text,
                           const TraceShown& shown);

// A line, with ids and titles.
std::string trace_json(const jobs::TraceResult& result, const jobs::TracedText& text,
                       int least_tokens);

}  // namespace medgen::cli
