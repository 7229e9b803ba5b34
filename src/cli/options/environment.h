// The environment variables that options have.
#pragma once

#include "cli/output.h"

namespace medgen::cli {

// Names every MEDGEN_ variable that is set and that nothing reads. Once the options of the command
// are remembered.
void note_unknown_variables(const Messages& messages);

}  // namespace medgen::cli
