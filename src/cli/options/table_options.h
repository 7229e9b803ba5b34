// --raw-cells, which `batch`, `export`, `sweep` and `metrics` share.
#pragma once

#include <string>

#include "cli/options/command_line.h"

namespace medgen::cli {

// `where` its cells are, such as "csv".
inline void declare_raw_cells(CommandLine& line, bool& raw_cells, const std::string& where) {
  line.flag("--raw-cells", raw_cells,
            "In " + where +
                ", leave texts alone that a spreadsheet would take for formulas, since they begin "
                "with = + - @, a tab or a carriage return. Otherwise a ' stands before them.");
}

}  // namespace medgen::cli
