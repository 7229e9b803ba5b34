// medgen-files(5): what the files are, for whoever has one before him. The numbers of formats and
// the names of members come from the code that reads and writes them.
#include <fmt/format.h>

#include <map>
#include <utility>

#include "batch/journal.h"
#include "bundle/manifest.h"
#include "cli/documents/manual.h"
#include "records/record.h"

namespace medgen::cli {
namespace {

using Items = std::vector<std::pair<std::string, std::string>>;

void write_items(RoffPage& page, const Items& items) {
  for (const auto& [name, meaning] : items) page.item(roff_bold(name), meaning);
}

void write_bundle(RoffPage& page) {
  page.subsection("A model: a bundle");
  page.paragraph(fmt::format(
      "A folder that `medgen convert` or `medgen train` made, of format {}. It may be copied and "
      "passed on as it is. A Hugging Face folder of a GPT-2 is taken in its place, and converted "
      "into the user's cache on first use.",
      bundle::kBundleFormatVersion));
  write_items(
      page,
      {{"manifest.json",
        "The name, the format, the precision that was found faithful, and size and SHA-256 of "
        "every file. Each start checks them; model.pt where it is read, or with --verify full."},
       {"model.pt",
        "The parameters, as TorchScript that plain libtorch also runs. medgen reads it as data."},
       {"config.json", "The shape of the GPT-2."},
       {"generation_config.json", "The settings that texts have where nobody sets another."},
       {"tokenizer.model, or tokenizer.json, vocab.json and merges.txt", "The tokenizer."},
       {"templates.json", "The forms of the tasks that it was trained on; may be missing."},
       {"MODEL_CARD.md", "Who trained it on what, and how it fails."},
       {"packed-*.bin",
        "The parameters as the kernels want them, made on first use and sealed with the user's "
        "key. It may be removed at any time."}});
}

void write_rows(RoffPage& page) {
  page.subsection("Rows of prompts");
  page.paragraph(
      "What `batch`, `sweep` and `screen` read: .txt with a prompt a line; .csv and .tsv with a "
      "header and a column prompt; .jsonl with an object a line, or OpenAI's batch form; each also "
      "as .gz or .zst. A row may have an id. Other columns and fields are carried through. One "
      "that is named as a setting is refused until --row-settings or --carry says what it is.");
  page.code(
      "{\"id\": \"a1\", \"prompt\": \"My knee hurts when\"}\n"
      "{\"id\": \"a2\", \"prompt\": \"I feel\", \"settings\": {\"top_p\": 0.9}}");
}

void write_records(RoffPage& page) {
  page.subsection("Records");
  page.paragraph(fmt::format(
      "What `generate --json`, `batch`, `sweep` and `/save` write: a JSON object a line, of format "
      "{} or {}; a newer one is refused by name. `medgen reproduce` makes its texts again and "
      "compares them. Besides the fields that a row carries through it has:",
      records::kRecordFormat, records::kNewestRecordFormat));
  const std::map<std::string_view, std::string> meanings = {
      {"id", "That of the row, or its number."},
      {"format", "The number of the format."},
      {"prompt", "What was continued. Prompts that were given as ids are in prompt_ids too."},
      {"completions",
       "For each text its index, text, finish_reason, num_tokens and logprob: the sum of the "
       "tokens' natural log-probabilities under the model itself. With --logprobs, each token."},
      {"error", "In place of texts, for a row that failed: code and message, never its text."},
      {"provenance",
       "All that is needed to make it again: medgen's version, the model with its SHA-256, "
       "backend, precision, seed, sampling, and the key of its random numbers."},
      {"generated", "true: a machine wrote it."},
      {"notice", "That it may be wrong, and is no advice."}};
  for (const std::string_view member : records::kMembers) {
    page.item(roff_bold(member), meanings.at(member));
  }
}

void write_journal(RoffPage& page) {
  page.subsection("Journals");
  page.paragraph(fmt::format(
      "OUT.journal beside the output OUT of `batch` and `sweep`, of format {}: the first line says "
      "which job it is (hashes of the input's rows, the model, the settings, medgen's version), "
      "those behind it how much of the output is safely on disk, and hold records that wait for "
      "their turn. Each line is 16 digits of a checksum, a blank, and JSON. The same command goes "
      "on where it was; a different one is refused with what differs. Once the job is complete a "
      "journal holds no text. `merge` and --retry-errors read it, and `medgen clean` removes it.",
      batch::kJournalFormat));
}

void write_configuration(RoffPage& page) {
  page.subsection("Configuration");
  page.paragraph(
      "What --config or the variable MEDGEN_CONFIG names. Each line is empty, a comment that "
      "begins with #, or an option's name without its dashes, an = and the value, which is the "
      "rest of the line. A value that begins with a double quote is a JSON string; an option that "
      "may be given several times takes a JSON list, or several lines; an option that takes JSON "
      "is given JSON. Any other option takes one value. The file is UTF-8, perhaps as .gz or .zst. "
      "--show-config prints what came of it.");
  page.code(
      "# medgen.cfg\n"
      "top-k = 40\n"
      "stop = [\"the end\", \"\\n\"]\n"
      "negative-prompt = I feel fine");
}

}  // namespace

void write_files(RoffPage& page) {
  page.section("DESCRIPTION");
  page.paragraph(
      "What medgen reads, it reads as data and within limits. What it writes is for its user "
      "alone, unless --umask says otherwise, and each of its own formats has a number: a newer one "
      "is refused by name.");
  write_bundle(page);
  write_rows(page);
  write_records(page);
  write_journal(page);
  write_configuration(page);
  page.section("FILES");
  write_items(page,
              {{"$XDG_CONFIG_HOME/medgen/key",
                "The user's key, with which packed weights are sealed; else ~/.config/medgen/key. "
                "Without it they are packed anew at each start."},
               {"$XDG_CACHE_HOME/medgen",
                "Packed weights of models in folders that may not be written, and converted "
                "models; else ~/.cache/medgen. It may be removed at any time."}});
}

}  // namespace medgen::cli
