// The page of `medgen agree`: one file without a script, for a browser or a screen reader.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/agreement.h"

namespace medgen::report {

struct AgreePage {
  std::string prompt;                                      // the text that was continued
  std::string notice;                                      // what every text of a machine says
  std::vector<std::pair<std::string, std::string>> facts;  // model, settings, ...: name and value
  int fewest = 2;  // branches and content words of fewer continuations are summed up
};

std::string agree_html(const Agreement& agreement, const AgreePage& page);

// The branches as a picture: from left to right, as high as their share, a whole SVG. Each can be
// reached by keyboard and says its numbers.
std::string branch_svg(const Agreement& agreement, int fewest);

}  // namespace medgen::report
