// The page of `medgen trace`: texts in which passages of training text are marked, each mark a link
// to where it stands there. Nothing runs on it.
#pragma once

#include <string>
#include <vector>

#include "why/trace.h"

namespace medgen::report {

struct TracePage {
  struct Text {
    std::string name;        // empty for one that was given
    bool generated = false;  // by a machine
    const why::Trace* trace = nullptr;
  };

  std::string facts;   // of the training text: "83855 documents, 25834023 tokens"
  std::string notice;  // empty where nothing was generated
  std::string quoted;  // what is said of the documents that are quoted
  int least_tokens = 0;
  bool titles = false;                      // ids and titles of documents are shown too
  std::vector<why::IndexedSource> sources;  // of the index
  std::vector<Text> texts;
};

std::string trace_page(const TracePage& page);

}  // namespace medgen::report
