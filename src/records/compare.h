// Where the texts of a record and those made again differ; never quotes them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "medgen/generate.h"

namespace medgen::records {

// One text that differs.
struct Difference {
  int index = 0;
  std::vector<std::string> fields;        // "text", "logprob", ...
  std::optional<std::size_t> first_byte;  // of the text that differs
};

// A log-probability that lost digits in a program that writes decimals is not another one.
std::vector<Difference> compare(const std::vector<Completion>& recorded,
                                const std::vector<Completion>& now);

}  // namespace medgen::records
