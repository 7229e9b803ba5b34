// The commands as help lists them: what runs, documents and completes them comes from this table.
#pragma once

#include <span>
#include <string_view>

#include "cli/commands/commands.h"

namespace medgen::cli {

struct Command {
  std::string_view name;
  int (*run)(const Arguments&);
  std::string_view summary;
  std::string_view group = {};  // what people want; a command without one belongs to that above
};

std::span<const Command> commands();

}  // namespace medgen::cli
