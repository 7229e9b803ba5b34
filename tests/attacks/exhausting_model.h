// Archives whose list of parameters would cost more memory, stack or time than there is, or names
// values that are not there. Knows nothing of the commands that read them.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "attacks/archives.h"

namespace medgen::attacks {

struct ExhaustingModel {
  const char* name;
  Tamper tamper;           // of the tiny model's archive
  bool only_code = false;  // the damage is where nobody needs to look
};

const std::vector<ExhaustingModel>& exhausting_models();
std::ostream& operator<<(std::ostream& out, const ExhaustingModel& model);

}  // namespace medgen::attacks
