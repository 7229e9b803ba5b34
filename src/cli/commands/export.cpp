// `medgen export`: an output of any form becomes a table.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "base/count_of.h"
#include "base/files.h"
#include "base/new_file.h"
#include "base/refuse.h"
#include "cli/commands/commands.h"
#include "cli/options/command_line.h"
#include "cli/options/table_options.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "jobs/export_table.h"
#include "medgen/error.h"

namespace medgen::cli {
namespace {

namespace fs = std::filesystem;

struct ExportArguments {
  std::optional<std::string> input, output, format;
  bool raw_cells = false, restart = false, quiet = false;
};

ExportArguments parse_export(const Arguments& words) {
  ExportArguments a;
  CommandLine line(
      "medgen export",
      "Makes a table of an output: a line for each text, with a column for each field that a row "
      "carried through, its seed and its provenance; a row that failed has a line with its code "
      "and message. What a batch wrote gives the table that batch --format csv writes; "
      "`medgen reproduce` and `medgen metrics` read it. Token ids and the log-probabilities of "
      "single tokens stay in the JSON.");
  line.positional(reads("OUTPUT"), a.input, true,
                  "What batch, sweep, generate --json or another program wrote: lines of JSON, or "
                  "OpenAI's form, also with .gz or .zst. It is read twice.");
  line.choice("--format", {"csv"}, a.format, "What the table is written as. Default: csv.");
  line.text("-o,--output", writes_file("FILE"), a.output,
            "Where the table goes. Default: standard output.");
  declare_raw_cells(line, a.raw_cells, "the table");
  line.flag("--restart", a.restart, "Overwrite FILE if it exists.");
  line.flag("--quiet", a.quiet, "Print nothing on standard error but errors.");
  line.parse(words);
  return a;
}

jobs::ExportedTable export_to_file(const ExportArguments& a) {
  std::error_code ignored;
  if (fs::equivalent(*a.input, *a.output, ignored)) {
    base::refuse(*a.output + " is both input and output: choose another output");
  }
  if (fs::exists(*a.output) && !a.restart && fs::is_regular_file(*a.output)) {
    base::refuse(*a.output + " exists: choose another output, or give --restart to overwrite it");
  }
  base::StagedFile file(*a.output);
  const jobs::ExportedTable exported =
      jobs::export_table(*a.input, a.raw_cells, [&](std::string_view lines) { file.write(lines); });
  file.commit();
  return exported;
}

}  // namespace

int export_command(const Arguments& words) {
  const ExportArguments a = parse_export(words);
  finish_loading(a.output ? safety::Writes::kAsBefore : safety::Writes::kNothing);
  const Messages messages(a.quiet);
  Output output(STDOUT_FILENO);
  const jobs::ExportedTable exported =
      a.output && *a.output != "-"
          ? export_to_file(a)
          : jobs::export_table(*a.input, a.raw_cells,
                               [&](std::string_view lines) { output.write(std::string(lines)); });
  output.flush();
  messages.note(fmt::format("exported {}, {} of rows that failed",
                            base::count_of(exported.records, "record"), exported.failed));
  return kExitFine;
}

}  // namespace medgen::cli
