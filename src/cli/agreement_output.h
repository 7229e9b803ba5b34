// What `medgen agree` prints: for a person, and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "report/agreement.h"

namespace medgen::cli {

struct AgreementStyle {
  int fewest = 2;      // branches of fewer continuations are summed up
  int columns = 0;     // lines are cut to fit; 0: never
  bool color = false;  // words are bold
};

// Lines fit for a terminal.
std::string agreement_text(const report::Agreement& agreement, const AgreementStyle& style);

nlohmann::ordered_json agreement_json(const report::Agreement& agreement);

}  // namespace medgen::cli
