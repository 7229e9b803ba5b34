// `medgen prepare`: options in, a summary on standard output. Never loads libtorch.
#include "corpus/prepare.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/refuse.h"
#include "cli/commands/commands.h"
#include "cli/options/command_line.h"
#include "cli/options/corpus_options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "jobs/identifier_watch.h"
#include "medgen/error.h"
#include "records/number_text.h"
#include "safety/identifiers.h"

namespace medgen::cli {
namespace {

struct PrepareArguments {
  CorpusArguments corpus;
  std::optional<std::string> tokenizer, output, text_field, text_template, identifiers;
  std::optional<std::vector<std::string>> drop_sources;
  std::optional<double> valid_fraction, near_duplicates;
  std::optional<std::uint64_t> max_document_bytes;
  std::optional<int> examples;
  bool keep_near_duplicates = false, force = false, json = false, quiet = false;
};

PrepareArguments parse_prepare(const Arguments& words) {
  PrepareArguments a;
  const corpus::PrepareOptions defaults;
  CommandLine line(
      "medgen prepare",
      "Makes token shards from text: cleaned, exact and near duplicates dropped, split into "
      "training and validation by a hash of each document. DIR/prepare.json says what went in, "
      "out and why; it holds short excerpts of duplicates.");
  declare_data(line, a.corpus,
               "Text: .jsonl, .csv (with a header) or .txt (blank lines between documents), also "
               "with .zst or .gz; may be given several times. Required.");
  declare_weights(line, a.corpus);
  line.texts("--drop-source", "NAME", a.drop_sources,
             "Leave out what has this \"source\" or comes from a file with this name, without "
             "extensions; may be given several times.");
  line.text("--tokenizer", reads("PATH"), a.tokenizer, "Tokenizer folder or file. Required.");
  line.text("--output", makes_folder("DIR"), a.output,
            "The folder to write; must not exist. Required.");
  line.text("--text-field", "NAME", a.text_field, "The field that holds the text. Default: text.");
  line.text("--template", "TEXT", a.text_template,
            "Form for records with all of the fields named in it, used before their text field "
            "is considered, such as \"Q: {question} A: {answer}\"; \\n is a line break. Default: a "
            "record without text becomes \"Question: {question}\\nAnswer: {answer}\".");
  line.choice(
      "--identifiers", {"off", "warn", "refuse", "mask"}, a.identifiers,
      "What to do about what may identify a patient (see medgen screen) in documents: warn, "
      "count them; refuse, stop at the first; mask, put its class in its place, such as "
      "[date]. Some is missed. Default: off.");
  line.number("--valid-fraction", a.valid_fraction,
              "Share of the documents for validation; 0 to 0.5. Default: " +
                  records::number_text(static_cast<float>(defaults.valid_fraction)) + ".");
  line.number("--near-duplicates", a.near_duplicates,
              "Estimated Jaccard similarity of 5-word runs at which one of two documents is "
              "dropped; 0.7 to 1. Default: " +
                  records::number_text(static_cast<float>(defaults.near_duplicates)) + ".");
  line.flag("--keep-near-duplicates", a.keep_near_duplicates, "Drop equal documents only.");
  line.exclude("--near-duplicates", "--keep-near-duplicates");
  line.number("--max-document-bytes", a.max_document_bytes,
              fmt::format("A longer record is counted and left out, never held in memory; 1000 to "
                          "1000000000. Default: {}.",
                          defaults.read.max_record_bytes));
  line.number(
      "--examples", a.examples,
      fmt::format(
          "Bad records and duplicates of each kind to name in the report, which quotes how the "
          "duplicates begin; 0 to 10000. Default: {}.",
          defaults.examples));
  line.flag("--force", a.force, "Replace DIR if it is a prepared corpus.");
  line.flag("--json", a.json, "Print the report, which is also in DIR/prepare.json.");
  line.flag("--quiet", a.quiet, "Print nothing on standard error but errors.");
  line.config_file();
  line.parse(words);
  return a;
}

void require_range(const char* name, std::uint64_t value, std::uint64_t lowest,
                   std::uint64_t highest) {
  if (value >= lowest && value <= highest) return;
  base::refuse_value(name, fmt::to_string(value), fmt::format("from {} to {}", lowest, highest));
}

corpus::PrepareOptions resolve(const PrepareArguments& a) {
  corpus::PrepareOptions options;
  require_data(a.corpus);
  options.data = data_files(a.corpus);
  options.weights = source_weights(a.corpus);
  options.drop_sources = a.drop_sources.value_or(std::vector<std::string>{});
  if (!a.tokenizer) throw Error(ErrorCode::kUsage, "no tokenizer: give --tokenizer PATH");
  if (!a.output) throw Error(ErrorCode::kUsage, "no output folder: give --output DIR");
  options.tokenizer = *a.tokenizer;
  options.output = *a.output;
  options.replace = a.force;
  options.read.text_field = a.text_field.value_or(options.read.text_field);
  if (a.text_template) {
    options.template_text = with_line_breaks(*a.text_template);
    options.read.record_template = corpus::FieldTemplate(options.template_text);
  }
  options.valid_fraction = a.valid_fraction.value_or(options.valid_fraction);
  options.near_duplicates = a.near_duplicates.value_or(options.near_duplicates);
  if (options.near_duplicates > 1) {
    base::refuse_value("near-duplicates", fmt::format("{:f}", *a.near_duplicates),
                       "from 0.7 to 1, or give --keep-near-duplicates");
  }
  if (a.keep_near_duplicates) options.near_duplicates = 2;
  options.read.max_record_bytes = a.max_document_bytes.value_or(options.read.max_record_bytes);
  require_range("max-document-bytes", options.read.max_record_bytes, 1000, 1'000'000'000);
  options.examples = a.examples.value_or(options.examples);
  if (options.examples < 0 || options.examples > 10000) {
    base::refuse_value("examples", fmt::to_string(options.examples), "from 0 to 10000");
  }
  return options;
}

std::string name_of(const corpus::ShardSource& shard) {
  return shard.source.empty() ? shard.group : fmt::format("{} ({})", shard.source, shard.group);
}

std::string summary(const corpus::PrepareReport& report) {
  std::string out =
      "documents     equal      near train tokens     valid       bytes  weight  source\n";
  for (const corpus::PrepareReport::Source& source : report.sources) {
    out +=
        fmt::format("{:9} {:9} {:9} {:12} {:9} {:11} {:>7}  {}\n", source.documents, source.same,
                    source.near, source.shard.train.tokens, source.shard.valid.tokens,
                    source.shard.train.bytes + source.shard.valid.bytes,
                    source.dropped ? std::string("dropped")
                                   : records::number_text(static_cast<float>(source.shard.weight)),
                    name_of(source.shard));
  }
  const corpus::ShardFile train = report.written(corpus::Split::kTrain);
  const corpus::ShardFile valid = report.written(corpus::Split::kValid);
  const corpus::CleanCounts& cleaned = report.cleaned;
  return out + fmt::format(
                   "\nread      {} documents; {} records skipped, {} documents empty\n"
                   "dropped   {} equal, {} nearly equal\n"
                   "cleaned   {} tags, {} entities, {} control characters, {} zero-width; {} "
                   "documents composed, "
                   "{} respaced\n"
                   "train     {} documents, {} tokens, {} bytes\n"
                   "valid     {} documents, {} tokens, {} bytes\n",
                   report.documents(), report.bad_records(), report.empty(),
                   report.dropped(corpus::Fate::kSame), report.dropped(corpus::Fate::kNear),
                   cleaned.html_tags, cleaned.html_entities, cleaned.control_characters,
                   cleaned.zero_width, cleaned.composed, cleaned.spacing, train.documents,
                   train.tokens, train.bytes, valid.documents, valid.tokens, valid.bytes);
}

}  // namespace

int prepare_command(const Arguments& words) {
  const PrepareArguments a = parse_prepare(words);
  const Messages messages(a.quiet);
  corpus::PrepareOptions options = resolve(a);
  const std::string action = a.identifiers.value_or("off");
  jobs::DocumentIdentifiers identifiers(safety::identifier_action(action));
  if (action != "off") {
    options.identifiers = action;
    options.read.look = [&](const auto& file, std::uint64_t number, corpus::Document& document) {
      identifiers.look(file, number, document);
    };
  }
  options.loaded = [] { finish_loading(safety::Writes::kAsBefore); };
  Progress progress(a.quiet);
  const InterruptScope interrupt;
  options.progress = [&](int pass, std::uint64_t documents) {
    if (interrupt.interrupted()) throw Interrupted{};
    progress.show([&] {
      return fmt::format("{}, document {}", pass == 1 ? "reading" : "writing", documents);
    });
  };
  corpus::PrepareReport report;
  try {
    report = corpus::prepare(options);
  } catch (const Interrupted&) {
    progress.clear();
    messages.note("interrupted: nothing was written");
    return kExitInterrupted;
  }
  progress.clear();
  for (const corpus::PrepareReport::Bad& bad : report.bad) {
    messages.note(fmt::format("skipped {}:{}: {}", bad.file, bad.record.line, bad.record.why));
  }
  if (report.bad_records() > report.bad.size()) {
    messages.note(fmt::format("skipped {} more records", report.bad_records() - report.bad.size()));
  }
  Output output(STDOUT_FILENO);
  const std::string text = a.json ? to_json(report, options) : summary(report);
  output.write(visible(text));
  output.flush();
  if (const std::string found = identifiers.summary(); !found.empty()) messages.note(found);
  messages.note("wrote " + options.output.string());
  return kExitFine;
}

}  // namespace medgen::cli
