// The pages of the manual. Those of commands are made from the table of commands and from what each
// declares, as --help is; medgen-session(7) from the table of a session's commands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command_table.h"
#include "cli/documents/roff.h"
#include "cli/options/command_shape.h"

namespace medgen::cli {

// What a command takes. It is asked for its help, and does nothing else.
CommandShape shape_of(const Command& command);

struct ManualPage {
  std::string name;  // "medgen-batch"
  int section = 1;
  std::string summary;

  std::string file() const { return name + "." + std::to_string(section); }
};

// In the order in which help lists the commands; medgen(1) first, those of other sections last.
std::vector<ManualPage> manual_pages();

// The page as roff. `date` is that of its heading, and may be empty.
std::string manual_page(const ManualPage& page, std::string_view date);

// The bodies of pages, behind their NAME.
void write_overview(RoffPage& page);
void write_command(RoffPage& page, const Command& command);
void write_session(RoffPage& page);
void write_files(RoffPage& page);

}  // namespace medgen::cli
