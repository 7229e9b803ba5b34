// `medgen screen`: where files of prompts hold what may identify a patient, and copies without it.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/count_of.h"
#include "base/csv.h"
#include "base/files.h"
#include "base/json.h"
#include "base/refuse.h"
#include "base/text_blocks.h"
#include "batch/input.h"
#include "cli/commands/commands.h"
#include "cli/options/command_line.h"
#include "cli/options/input_options.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/signals.h"
#include "medgen/error.h"
#include "safety/identifiers.h"

namespace medgen::cli {
namespace {

using batch::Json;
using safety::Identifier;

constexpr std::uint64_t kMostRowsNamed = 10;
constexpr std::size_t kCopyBufferBytes = std::size_t{64} << 10U;

struct ScreenArguments {
  InputArguments input;
  std::optional<std::string> output;
  bool json = false, fail = false, mask = false, quiet = false;
};

ScreenArguments parse_screen(const Arguments& words) {
  ScreenArguments a;
  CommandLine line(
      "medgen screen",
      "Looks in files of prompts for what may identify a patient: the eighteen classes of 45 CFR "
      "164.514(b)(2), such as names, places, dates, telephone and record numbers. Prints where "
      "each was found and how many there are of each class, never the text. It goes by patterns "
      "and context and misses some: a file without findings may still identify somebody. Only the "
      "prompt of a row is searched, no other column or field. docs/IDENTIFIERS.md says how much "
      "it finds. Exit status 0 whether or not anything was found; 4 if a row could not be read, or "
      "with --fail if something was found.");
  declare(
      line, a.input, "FILE",
      "Files to search: .txt (a prompt a line), .csv or .tsv (with a header), .jsonl, each also "
      "with .gz or .zst; or - for standard input.",
      "Column or field to search. Default: prompt.");
  line.flag("--json", a.json, "Print a JSON object for each finding, and no table.");
  line.flag("--fail", a.fail, "Exit with 4 if anything was found.");
  line.flag("--mask", a.mask,
            "Copy the rows of one FILE to -o with each finding replaced by its class, such as "
            "[date]. Rows without findings stay as they are; rows that cannot be read are left "
            "out.");
  line.text(
      "-o,--output", writes_file("FILE"), a.output,
      "Where --mask writes, in the format of the input, in UTF-8 and not compressed; must not "
      "exist.");
  line.flag("--quiet", a.quiet, "Print nothing on standard error but errors.");
  line.parse(words);
  return a;
}

void validate_screen(const ScreenArguments& a, const batch::InputOptions& input) {
  batch::check(input);
  if (a.mask != a.output.has_value()) {
    base::refuse(a.mask ? "--mask needs a file to write: give -o FILE"
                        : "-o is where --mask writes: give --mask too, or leave -o out");
  }
  if (!a.mask) return;
  if (input.names.size() > 1) base::refuse("--mask copies one file: give one FILE at a time");
  if (base::is_compressed_name(*a.output)) {
    base::refuse("the output is not compressed, so its name must not end in " +
                 std::filesystem::path(*a.output).extension().string());
  }
}

// Writes a row again with another prompt.
class RowCopier {
 public:
  RowCopier(batch::InputFormat format, std::string prompt_name, char separator)
      : format_(format), prompt_name_(std::move(prompt_name)), separator_(separator) {}

  void take_header(const batch::RawRow& header) {
    const auto found = std::find(header.fields.begin(), header.fields.end(), prompt_name_);
    column_ = static_cast<std::size_t>(found - header.fields.begin());
  }

  std::string with_prompt(const batch::RawRow& raw, batch::RowForm form,
                          const std::string& prompt) const {
    if (format_ == batch::InputFormat::kText) return prompt;
    if (format_ != batch::InputFormat::kJsonl) return record_with(raw.fields, prompt);
    auto json = base::parse_json<Json>(raw.text);
    (form == batch::RowForm::kOpenAi ? json["body"]["prompt"] : json[prompt_name_]) = prompt;
    return json.dump();
  }

 private:
  std::string record_with(std::vector<std::string> fields, const std::string& prompt) const {
    fields.at(column_) = prompt;
    std::string record;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (i > 0) record += separator_;
      std::string field = base::quote_csv(fields[i]);
      const bool cuts = field.find('\t') != field.npos || field.find(separator_) != field.npos;
      if (field == fields[i] && cuts) field = '"' + field + '"';
      record += field;
    }
    return record;
  }

  batch::InputFormat format_;
  std::string prompt_name_;
  char separator_;
  std::size_t column_ = 0;
};

class Screening {
 public:
  Screening(const ScreenArguments& arguments, const std::atomic<bool>& stop)
      : arguments_(arguments), stop_(stop), messages_(arguments.quiet), out_(STDOUT_FILENO) {}

  int run() {
    batch::InputOptions input = input_options(arguments_.input);
    input.columns.fields.all_carried = true;  // nothing is run
    validate_screen(arguments_, input);
    if (arguments_.mask) copy_.emplace(*arguments_.output, base::StagedFile::Existing::kRefuse);
    for (const std::string& name : input.names) read(name, input);
    if (stop_) return kExitInterrupted;
    if (copy_) {
      copy_->write(std::exchange(copied_, {}));
      copy_->commit();
    }
    if (!arguments_.json) print_table();
    out_.flush();
    summarize();
    const bool failed = unread_ > 0 || (arguments_.fail && rows_found_ > 0);
    return failed ? kExitSomeFailed : kExitFine;
  }

 private:
  void read(const std::string& name, const batch::InputOptions& options) {
    const bool standard = name == "-";
    const std::string shown = standard ? "standard input" : name;
    const batch::InputFormat format =
        options.format ? *options.format : batch::format_of_name(name);
    batch::RowSplitter splitter(
        standard ? base::descriptor_blocks(STDIN_FILENO, shown, ErrorCode::kRuntime, &stop_)
                 : base::file_blocks(name),
        format, shown, options.form);
    batch::RowNames names = options.columns;
    names.encoding = options.form.encoding;
    batch::RowParser parser(format, names, shown);
    RowCopier copier(format, names.prompt.value_or("prompt"), splitter.separator());
    std::uint64_t position = 0;
    for (batch::RawRow raw; !stop_ && splitter.next(raw);) {
      if (parser.wants_header()) {
        parser.take_header(raw);
        copier.take_header(raw);
        copy(raw.text);
      } else if ((format == batch::InputFormat::kText && raw.text.empty()) ||
                 (options.skip_blank && !raw.too_long && base::is_blank(raw.text))) {
        ++position;
        copy(raw.text);  // a blank line is no prompt, and holds nothing either
      } else {
        screen(shown, raw, parser.parse(raw, position++), copier);
      }
    }
  }

  void screen(const std::string& file, const batch::RawRow& raw, const batch::BatchRow& row,
              const RowCopier& copier) {
    ++rows_;
    if (row.error || !row.prompt_ids.empty() || !row.prompts.empty()) {
      if (++unread_ <= kMostRowsNamed) {
        messages_.note(fmt::format("{}:{}: not searched: {}", file, raw.line,
                                   row.error ? row.error->message
                                   : row.prompts.empty()
                                       ? "its prompt is token ids: give its text"
                                       : "it has several prompts: give each its own row"));
      }
      return;
    }
    const std::vector<Identifier> found = safety::find_identifiers(row.prompt);
    rows_found_ += found.empty() ? 0 : 1;
    print_places(file, raw.line, row.position + 1, found, safety::places_of(row.prompt, found));
    if (!copy_) return;
    copy(found.empty()
             ? raw.text
             : copier.with_prompt(raw, row.form, safety::mask_identifiers(row.prompt, found)));
  }

  void copy(const std::string& row) {
    if (!copy_) return;
    copied_ += row + "\n";
    if (copied_.size() >= kCopyBufferBytes) copy_->write(std::exchange(copied_, {}));
  }

  void print_places(const std::string& file, std::uint64_t line, std::uint64_t row,
                    const std::vector<Identifier>& found,
                    const std::vector<safety::IdentifierPlace>& places) {
    for (std::size_t i = 0; i < found.size(); ++i) {
      const std::string kind(safety::name_of(found[i].kind));
      ++counts_.at(static_cast<std::size_t>(found[i].kind));
      if (arguments_.json) {
        const Json json{{"class", kind},
                        {"file", file},
                        {"row", row},
                        {"line", line},
                        {"column", places[i].column},
                        {"length", places[i].length}};
        out_.write(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
      } else {
        out_.write(fmt::format("{}:{}:{}: {}, {} characters\n", file, line, places[i].column, kind,
                               places[i].length));
      }
    }
    out_.flush();
  }

  void print_table() {
    if (rows_found_ > 0) out_.write("\n");
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      out_.write(fmt::format("{:<14}{:>10}\n",
                             safety::name_of(static_cast<safety::IdentifierClass>(i)),
                             counts_.at(i)));
    }
  }

  void summarize() const {
    if (unread_ > 0)
      messages_.note(base::count_of(unread_, "row") + " could not be read and " +
                     (unread_ == 1 ? "was" : "were") + " not searched");
    messages_.note(
        fmt::format("what may identify somebody was found in {} of {}; patterns miss some "
                    "(docs/IDENTIFIERS.md)",
                    rows_found_, base::count_of(rows_, "row")));
  }

  const ScreenArguments& arguments_;
  const std::atomic<bool>& stop_;
  const Messages messages_;
  Output out_;
  std::optional<base::StagedFile> copy_;
  std::string copied_;  // not written yet
  safety::IdentifierCounts counts_{};
  std::uint64_t rows_ = 0, rows_found_ = 0, unread_ = 0;
};

}  // namespace

int screen_command(const Arguments& words) {
  const ScreenArguments arguments = parse_screen(words);
  finish_loading(arguments.mask ? safety::Writes::kAsBefore : safety::Writes::kNothing);
  const InterruptScope interrupt;
  return Screening(arguments, interrupt.flag()).run();
}

}  // namespace medgen::cli
