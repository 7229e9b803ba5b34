// `medgen index`: from token shards to an index of training text.
#include "jobs/index.h"

#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/refuse.h"
#include "cli/commands/commands.h"
#include "cli/options/command_line.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/signals.h"

namespace medgen::cli {
namespace {

struct IndexArguments {
  std::optional<std::string> shards, output;
  bool check = false, force = false, json = false, quiet = false;
};

IndexArguments parse_index(const Arguments& words) {
  IndexArguments a;
  CommandLine line(
      "medgen index",
      "Indexes the training documents of a prepared corpus, so that medgen trace and medgen audit "
      "find in them any run of words. The index holds the text, as token ids, and the documents' "
      "ids, titles and licences: keep it as you keep the text. It takes 6 bytes a token, and "
      "making it 10 bytes a token of memory (8 and 20 for vocabularies of over 65536 ids).");
  line.positional(reads("SHARDS"), a.shards, true,
                  "A folder that medgen prepare wrote; with --check an index.");
  line.positional(makes_folder("OUT"), a.output, false, "The folder to write; must not exist.");
  line.flag("--check", a.check,
            "Write nothing: read all of the index that is named and say whether it is sound.");
  line.flag("--force", a.force, "Replace OUT if it is an index.");
  line.flag("--json", a.json, "Print one JSON object.");
  line.flag("--quiet", a.quiet, "Print nothing on standard error but errors.");
  line.config_file();
  line.parse(words);
  if (a.check == a.output.has_value()) {
    base::refuse(a.check ? "--check writes nothing: name the index alone"
                         : "no output folder: give medgen index SHARDS OUT");
  }
  if (a.check && a.force) base::refuse("--check writes nothing: leave --force out");
  return a;
}

void print_report(const why::IndexReport& report, bool as_json) {
  Output output(STDOUT_FILENO);
  const double each = static_cast<double>(report.bytes) / static_cast<double>(report.tokens);
  if (as_json) {
    const nlohmann::ordered_json json = {{"documents", report.documents},
                                         {"named_documents", report.named_documents},
                                         {"tokens", report.tokens},
                                         {"bytes", report.bytes}};
    output.write(json.dump() + "\n");
  } else {
    output.write(
        fmt::format("documents  {}, {} of them with an id, a title or a licence\ntokens     {}\n"
                    "bytes      {}, {:.1f} a token\n",
                    report.documents, report.named_documents, report.tokens, report.bytes, each));
  }
  output.flush();
}

}  // namespace

int index_command(const Arguments& words) {
  const IndexArguments a = parse_index(words);
  const Messages messages(a.quiet);
  if (a.check) {
    finish_loading(safety::Writes::kNothing);
    const why::IndexReport report = jobs::check_index(*a.shards);
    messages.note("the index is sound: every suffix stands once and in its place");
    print_report(report, a.json);
    return kExitFine;
  }
  finish_loading(safety::Writes::kAsBefore);
  const InterruptScope interrupt;
  Progress progress(a.quiet);
  jobs::IndexAsked asked;
  asked.shards = *a.shards;
  asked.options.output = *a.output;
  asked.options.replace = a.force;
  asked.options.progress = [&](const std::string& what) {
    if (interrupt.interrupted()) throw Interrupted{};
    progress.show([&] { return what; });
  };
  asked.opened = [&](std::uint64_t bytes) {
    messages.note(fmt::format("this takes up to {} MB of memory", bytes / 1'000'000 + 1));
  };
  try {
    const why::IndexReport report = jobs::make_index(asked);
    progress.clear();
    print_report(report, a.json);
  } catch (const Interrupted&) {
    progress.clear();
    messages.note("interrupted: nothing was written");
    return kExitInterrupted;
  }
  return kExitFine;
}

}  // namespace medgen::cli
