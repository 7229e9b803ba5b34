// `medgen merge`: the outputs of a batch's shards become the output of the whole.
#include "batch/merge.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "batch/output_file.h"
#include "batch/write_output.h"
#include "cli/commands/commands.h"
#include "cli/options/command_line.h"
#include "cli/output.h"
#include "cli/run.h"
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
  line.positionals("OUTPUT", arguments.inputs, true, "The outputs of all shards, in any order.");
  line.text("-o,--output", "FILE", arguments.output,
            "Where the merged output goes, with a journal as if made in one run. Default: "
            "standard output.");
  line.flag("--restart", arguments.restart, "Overwrite FILE if it exists.");
  line.flag("--quiet", arguments.quiet, "Print nothing on standard error but errors.");
  line.parse(words);
  return arguments;
}

// Gathers small pieces.
class Pieces {
 public:
  Pieces(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}
  void add(std::string_view bytes) {
    buffer_ += bytes;
    if (buffer_.size() >= std::size_t{1} << 20U) flush();
  }
  void flush() {
    batch::write_output(descriptor_, buffer_, name_);
    buffer_.clear();
  }

 private:
  int descriptor_;
  std::string name_, buffer_;
};

batch::Merged merge_to(int descriptor, const std::string& name,
                       const std::vector<fs::path>& inputs) {
  Pieces pieces(descriptor, name);
  const batch::Merged merged =
      batch::merge(inputs, [&](std::string_view bytes) { pieces.add(bytes); });
  pieces.flush();
  return merged;
}

// Written under another name first, so that nobody mistakes a part for the whole.
batch::Merged merge_to_file(const fs::path& output, const std::vector<fs::path>& inputs) {
  fs::path aside = output;
  aside += ".new-" + std::to_string(::getpid());
  const int descriptor = ::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    throw Error(ErrorCode::kRuntime,
                "cannot write " + aside.string() + ": " + std::strerror(errno));
  }
  try {
    batch::Merged merged = merge_to(descriptor, aside.string(), inputs);
    batch::flush_to_disk(descriptor, aside.string());
    ::close(descriptor);
    fs::rename(aside, output);
    batch::JournalContent content;
    content.format = merged.format;
    content.job = merged.job;
    content.committed = merged.state;
    batch::Journal::resume(batch::journal_path(output), content);
    return merged;
  } catch (...) {
    ::unlink(aside.c_str());
    throw;
  }
}

}  // namespace

int merge_command(const Arguments& words) {
  const MergeArguments arguments = parse_merge(words);
  const Messages messages(arguments.quiet);
  std::vector<fs::path> inputs(arguments.inputs->begin(), arguments.inputs->end());
  const std::string output = arguments.output.value_or("-");
  if (output != "-" && fs::exists(output) && !arguments.restart) {
    throw Error(ErrorCode::kUsage, output +
                                       " exists: choose another output, or give --restart to "
                                       "overwrite it");
  }
  try {
    const batch::Merged merged = output == "-" ? merge_to(STDOUT_FILENO, "standard output", inputs)
                                               : merge_to_file(output, inputs);
    messages.note("merged " + std::to_string(inputs.size()) +
                  " shards: " + std::to_string(merged.state.rows) + " rows, " +
                  std::to_string(merged.state.failed) + " failed");
    return merged.state.failed > 0 ? kExitSomeFailed : kExitFine;
  } catch (const batch::ReaderGone&) {
    throw OutputClosed{};
  }
}

}  // namespace medgen::cli
