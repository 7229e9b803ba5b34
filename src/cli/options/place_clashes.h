// Places that a command line names and that do not go together. Opens nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/sandbox.h"

namespace medgen::cli {

// Why these places cannot be used together: a file would be written over what is read, or over what
// is written too. Empty if they can.
std::string clash_of(const std::vector<NamedPlace>& places);

// Why messages cannot be appended to `log`: standard error has them anyway, or it would become part
// of a model. Empty if they can.
std::string log_file_clash(const std::optional<std::string>& log,
                           const std::vector<NamedPlace>& places);

}  // namespace medgen::cli
