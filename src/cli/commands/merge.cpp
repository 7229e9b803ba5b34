// `medgen merge`: the outputs of a batch's shards become the output of the whole.
#include "batch/merge.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "base/count_of.h"
#include "batch/write_output.h"
#include "cli/commands/commands.h"
#include "cli/options/command_line.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/terminal_pipe.h"
#include "medgen/error.h"

namespace medgen::cli {
namespace {

namespace fs = std::filesystem;

struct MergeArguments {
  std::optional<std::vector<std::string>> inputs;
  std::optional<std::string> output;
  bool restart = false, quiet = false;
};

MergeArguments parse_merge(const Arguments& words) {
  MergeArguments arguments;
  CommandLine line(
      "medgen merge",
      "Merges the outputs of all shards of a batch in the order of the input: the "
      "same bytes as one run without --shard. Each output needs its journal beside it. "
      "Anything missing, duplicate, changed or from another job is named, and nothing is "
      "written.");
  line.positionals(reads("OUTPUT"), arguments.inputs, true,
                   "The outputs of all shards, in any order.");
  line.text("-o,--output", writes_file("FILE"), arguments.output,
            "Where the merged output goes, with a journal as if made in one run. Default: "
            "standard output.");
  line.flag("--restart", arguments.restart, "Overwrite FILE if it exists.");
  line.flag("--quiet", arguments.quiet, "Print nothing on standard error but errors.");
  line.parse(words);
  return arguments;
}

}  // namespace

int merge_command(const Arguments& words) {
  const MergeArguments arguments = parse_merge(words);
  finish_loading(safety::Writes::kAsBefore);
  const Messages messages(arguments.quiet);
  std::vector<fs::path> inputs(arguments.inputs->begin(), arguments.inputs->end());
  const std::string output = arguments.output.value_or("-");
  if (output != "-" && fs::exists(output) && !arguments.restart) {
    throw Error(ErrorCode::kUsage, output +
                                       " exists: choose another output, or give --restart to "
                                       "overwrite it");
  }
  TerminalPipe shown(output == "-" ? STDOUT_FILENO : -1);
  try {
    const batch::Merged merged =
        output == "-" ? batch::merge_to_descriptor(inputs, shown.descriptor(), "standard output")
                      : batch::merge_to_file(inputs, output);
    shown.finish();
    messages.note(fmt::format("merged {}: {}, {} failed", base::count_of(inputs.size(), "shard"),
                              base::count_of(merged.state.rows, "row"), merged.state.failed));
    return merged.state.failed > 0 ? kExitSomeFailed : kExitFine;
  } catch (const batch::ReaderGone&) {
    throw OutputClosed{};
  }
}

}  // namespace medgen::cli
