// See the header.
#include "cli/options/input_options.h"

#include <cctype>

#include "base/refuse.h"
#include "base/text_blocks.h"
#include "base/value_shown.h"

namespace medgen::cli {
namespace {

batch::FileForm file_form(const std::optional<std::string>& delimiter,
                          const std::optional<std::string>& encoding) {
  batch::FileForm form;
  if (encoding) form.encoding = *base::encoding_named(*encoding);
  if (!delimiter) return form;
  form.separator_of_header = *delimiter == "auto";
  if (form.separator_of_header) return form;
  const std::string text = *delimiter == "tab" || *delimiter == "\\t" ? "\t" : *delimiter;
  const auto c = static_cast<unsigned char>(text.empty() ? 'a' : text[0]);
  if (text.size() != 1 || c >= 0x80 || std::isalnum(c) != 0 || c == '"' ||
      (c < 0x20 && c != '\t') || c == 0x7F) {
    base::refuse_value("delimiter", base::word_shown(*delimiter, {"tab", "auto"}),
                       "one character that is no letter, digit or quote; or tab, or auto");
  }
  form.separator = text[0];
  return form;
}

}  // namespace

void declare(CommandLine& line, InputArguments& a, const char* name, const std::string& help,
             const std::string& column_help) {
  line.positionals(reads(name), a.names, true, help);
  line.choice("--input-format", {"txt", "csv", "tsv", "jsonl"}, a.format,
              "The input's format, where its name does not say. Required for standard input.");
  line.text("--delimiter", offers("CHARACTER", {"tab", "auto"}), a.delimiter,
            "What separates the columns of a .csv or .tsv: a character such as \";\", or tab; "
            "auto takes what the header uses. Other formats have none. Default: a comma, in .tsv a "
            "tab.");
  line.choice("--encoding", {"utf-8", "utf-16", "windows-1252", "latin-1"}, a.encoding,
              "The input's encoding. UTF-16 needs its mark at the beginning (bytes FF FE or FE "
              "FF). Default: utf-8.");
  line.text("--prompt-column", "NAME", a.prompt_column, column_help);
  line.flag("--skip-blank", a.skip_blank,
            "Pass over lines that hold nothing but blanks; without it each is a row without a "
            "prompt. They count either way, so that rows keep their numbers.");
}

batch::InputOptions input_options(const InputArguments& a) {
  batch::InputOptions options;
  options.names = a.names.value_or(std::vector<std::string>{});
  if (a.format) options.format = batch::format_of_name("input." + *a.format);
  options.form = file_form(a.delimiter, a.encoding);
  options.columns.prompt = a.prompt_column;
  options.skip_blank = a.skip_blank;
  return options;
}

}  // namespace medgen::cli
