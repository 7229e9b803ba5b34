// The options of `batch`: their help, and the checks that need no model.
#include "cli/options/batch_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "base/refuse.h"
#include "base/value_shown.h"
#include "cli/options/option_words.h"
#include "cli/options/table_options.h"
#include "medgen/error.h"

namespace medgen::cli {
namespace {

batch::Shard parse_shard(const std::string& text) {
  const std::string rule =
      "shard is " + base::value_shown(text) + ": give I/N with I from 1 to N, such as 3/8";
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) base::refuse(rule);
  batch::Shard shard;
  try {
    shard.index = parse_uint64("shard", text.substr(0, slash));
    shard.count = parse_uint64("shard", text.substr(slash + 1));
  } catch (const Error&) {
    base::refuse(rule);
  }
  if (shard.index < 1 || shard.index > shard.count) base::refuse(rule);
  return shard;
}

// Names with commas between them.
std::vector<std::string> split_names(const std::string& option, const std::string& list) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    names.push_back(list.substr(begin, end - begin));
    if (names.back().empty()) {
      base::refuse(option + " has an empty name: give names with commas between them, such as " +
                   "temperature,n");
    }
    begin = end + 1;
  }
  return names;
}

batch::FieldChoice field_choice(const BatchArguments& a) {
  batch::FieldChoice choice;
  choice.may_act = a.rows_may_set;
  if (a.carry) choice.carried = split_names("--carry", *a.carry);
  choice.all_act = a.row_settings == "all";
  if (a.row_settings && !choice.all_act) {
    choice.acting = split_names("--row-settings", *a.row_settings);
    // As on the command line.
    for (std::string& name : choice.acting) std::replace(name.begin(), name.end(), '-', '_');
  }
  return choice;
}

batch::InputOptions input_options(const BatchArguments& a) {
  batch::InputOptions options = input_options(a.input);
  options.columns.id = a.id_column;
  options.columns.fields = field_choice(a);
  options.trust_ids = a.trust_ids;
  if (a.limit) options.limit = static_cast<std::uint64_t>(*a.limit);
  if (a.shard) options.shard = parse_shard(*a.shard);
  return options;
}

records::Form record_form(const BatchArguments& a) {
  const std::string format = a.format.value_or("jsonl");
  if (format == "csv") return a.raw_cells ? records::Form::kRawCsv : records::Form::kCsv;
  return format == "txt" ? records::Form::kText : records::Form::kJson;
}

bool to_standard_output(const BatchArguments& a) { return a.output == "-"; }

}  // namespace

void declare_input(CommandLine& line, BatchArguments& a) {
  declare(
      line, a.input, "INPUT",
      "Files of prompts, read one after another: .txt (one prompt per line), .csv or .tsv "
      "(with a header), .jsonl ({\"id\", \"prompt\", ...} a line, with \"prompt_ids\", a list of "
      "token ids, instead of the prompt if you like; or OpenAI's batch form for "
      "/v1/completions), each also with .gz or .zst; or - for standard input. A row has at most "
      "4 MiB.",
      "Column or field that holds the prompt. Default: prompt.");
  line.text("--id-column", "NAME", a.id_column,
            "Column or field that holds the row's id, a string or integer that no other row has. "
            "A row's random numbers are keyed by the first 64 bits of SHA-256(\"medgen row \" + "
            "id), or without an id by its number in the whole input; so order, files, slots, "
            "threads, shards and resuming change no result. Default: id, where there is one.");
  line.text("--carry", lists("NAME,...", setting_names()), a.carry,
            "Columns or fields that are carried through to the result although they are named as "
            "a setting, or nearly: a fever called temperature. All others are carried anyway.");
  line.flag("--trust-ids", a.trust_ids,
            "Do not check for duplicate ids, which takes up to 55 bytes of memory per id.");
  line.flag("--specials", a.specials,
            "Read spellings such as <|endoftext|> in prompts as special tokens. Without it they "
            "are text like any other. A row's field specials says so for that row.");
  line.text("--shard", "I/N", a.shard,
            "Only the rows whose position is I - 1 modulo N, for one of N machines; needs --seed. "
            "`medgen merge` puts the outputs together.");
}

void declare_model(CommandLine& line, BatchArguments& a) {
  declare_model(line, a.model, a.tokenizer);
  declare(line, a.backend);
  declare_slots(line, a.slots);
  declare(line, a.decoding);
  line.config_file();
}

namespace {

void declare_output(CommandLine& line, BatchArguments& a) {
  line.text("-o,--output", writes_file("FILE"), a.output,
            "Where results go; - is standard output: each row at once, without resuming.");
  line.choice("--format", {"jsonl", "csv", "txt"}, a.format,
              "How results are written: jsonl, an object per row; csv, a record per continuation, "
              "with a column for each field that rows carry through; "
              "txt, a line per continuation, with line breaks as \\n. Default: jsonl.");
  declare_raw_cells(line, a.raw_cells, "csv");
  line.flag("--unordered", a.unordered,
            "Write results as they are finished instead of in the order of the input.");
  line.flag(
      "--check", a.check,
      "Only check every row of the input, list the bad ones on standard output, and exit with "
      "4 if there are any. Loads no model weights and writes no file.");
  line.flag("--restart", a.restart, "Start over: overwrite the output and its journal.");
  line.flag("--retry-errors", a.retry_errors,
            "Run the failed rows of a complete jsonl or csv output again and keep the others. The "
            "input may "
            "have been corrected in those rows only.");
  line.exclude("--restart", "--retry-errors");
  line.number("--max-errors", a.max_errors,
              "Stop with status 4 when more rows than this have failed; 0 or more. For files this "
              "is known before the model is loaded. Default: no limit.");
  line.text("--stats", writes_file("FILE"), a.stats, "Write the summary to FILE as JSON.");
  line.flag("--quiet", a.quiet, "Print no notes, progress or summary on standard error.");
}

}  // namespace

void declare(CommandLine& line, BatchArguments& a) {
  declare_input(line, a);
  std::vector<std::string> acting = setting_names();
  acting.insert(acting.end(), {"n", "all"});
  line.text("--row-settings", lists("NAME,...", acting), a.row_settings,
            "Columns or fields of a row that set the setting of their name for it: temperature,n; "
            "or all. Without this a row with such a field is refused, unless --carry names it. A "
            "null or an empty cell sets nothing, and a name that no row has changes nothing. The "
            "object \"settings\" of a JSONL row and OpenAI's form need no --row-settings.");
  line.number("--limit", a.limit,
              "Read only the first N rows of the input, all shards together; 1 or more. Default: "
              "all.");
  line.flag("--truncate-prompt", a.truncate_prompt,
            "Keep only the end of prompts that do not fit, leaving room to continue, instead of "
            "an error.");
  line.choice(
      "--identifiers", {"off", "warn", "refuse", "mask"}, a.identifiers,
      "What to do about what may identify a patient (see medgen screen) in prompts: warn, "
      "count it; refuse, give an error record; mask, put its class in its place, such as "
      "[date], before the model sees it. Negative prompts count as prompts; other fields of "
      "a row are not searched. Generated texts are looked at too, marked, and never changed. "
      "Some is missed. Default: off.");
  declare_output(line, a);
  declare_model(line, a);
}

void validate(const BatchArguments& a) {
  if (!a.output && !a.check) {
    base::refuse("no output: give -o FILE, or -o - for standard output, or --check");
  }
  validate_slots(a.slots);
  if (a.max_errors && *a.max_errors < 0) {
    base::refuse_value("max-errors", fmt::to_string(*a.max_errors), "at least 0");
  }
  if (a.limit && *a.limit < 1) {
    base::refuse_value("limit", fmt::to_string(*a.limit), "at least 1", "leave it out to read all");
  }
  if (a.raw_cells && a.format != "csv") {
    base::refuse("--raw-cells is about the cells of a csv: give --format csv, or leave it out");
  }
  if (a.stats) {
    const std::filesystem::path folder = std::filesystem::path(*a.stats).parent_path();
    if (!folder.empty() && !std::filesystem::is_directory(folder)) {
      base::refuse("stats is \"" + *a.stats + "\": no such folder; name a file in one that exists");
    }
  }
  if (a.retry_errors &&
      (to_standard_output(a) || a.unordered || record_form(a) == records::Form::kText)) {
    base::refuse(
        "--retry-errors works on a jsonl or csv file in the order of the input: leave out -o -, "
        "--unordered and --format txt");
  }
  const batch::InputOptions input = input_options(a);
  batch::check(input);
  if (input.shard.count > 1 && !given_settings(a.decoding).contains("seed")) {
    base::refuse("--shard needs --seed, so that all shards use one seed: give the same to each");
  }
  if (batch::is_standard_input(input) && a.check && a.output) {
    base::refuse("--check reads standard input to its end, so nothing can be run after it");
  }
}

jobs::BatchAsked asked(const BatchArguments& a, const Messages& messages) {
  jobs::BatchAsked asked;
  asked.input = input_options(a);
  asked.input.warn = [messages](const std::string& text) { messages.note(with_flags(text)); };
  asked.model = a.model;
  asked.tokenizer = a.tokenizer;
  check(a.decoding);
  asked.settings = given_settings(a.decoding);
  asked.backend = resolve(a.backend, messages);
  asked.slots = a.slots;
  asked.wording = [](const std::string& message) { return with_flags(message); };
  asked.specials = a.specials;
  asked.truncate_prompt = a.truncate_prompt;
  asked.form = record_form(a);
  asked.in_order = !a.unordered;
  if (to_standard_output(a)) {
    asked.descriptor = STDOUT_FILENO;
  } else if (a.output) {
    asked.output = *a.output;
  }
  asked.restart = a.restart;
  asked.retry_errors = a.retry_errors;
  if (a.max_errors) asked.max_errors = static_cast<std::uint64_t>(*a.max_errors);
  return asked;
}

}  // namespace medgen::cli
