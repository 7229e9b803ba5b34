// What people and programs write about runs, as a fuzzer feeds it: records, choices, settings,
// configuration files, corpora. Any bytes must give values within their bounds, or an Error.
#pragma once

#include <cmath>
#include <string>

#include "batch/row_settings.h"
#include "cli/options/config_file.h"
#include "corpus/documents.h"
#include "engine/settings.h"
#include "fuzz/input_file.h"
#include "fuzz/model_text.h"
#include "records/record_file.h"
#include "research/evaluation.h"
#include "research/sample.h"
#include "why/agree_terms.h"
#include "why/marked_text.h"

namespace medgen::fuzz {

inline void use_record(const records::RecordReader& record) {
  try_reading([&] {
    for (const research::Sample& sample : research::samples_of(record, "setting", "id")) {
      require_bounded(sample.num_tokens >= 0 && sample.index >= 0);
      require_bounded(!text::find_invalid_utf8(sample.text));
      require_bounded(sample.tokens.empty() ||
                      sample.tokens.size() == static_cast<std::size_t>(sample.num_tokens));
      for (const TokenId id : sample.tokens) require_bounded(id >= 0);
      require_bounded(std::isfinite(sample.logprob.value_or(0)));
    }
  });
  try_reading([&] { record.origin(); });
  try_reading([&] {
    const records::RecordedRun run = record.run();
    require_bounded(!run.obstacle || !text::find_invalid_utf8(*run.obstacle));
    if (!run.obstacle) engine::settings_json(run.settings);
    record.is_of(run.id, run.prompt, {});
    record.is_openai_of(run.id);
  });
  record.num_tokens();
}

inline void run_records(const std::string& data) {
  static InputFolder folder("records");
  const auto file = folder.write("records.jsonl", data);
  try_reading([&] { records::read_records(file, use_record); });
}

inline void run_table(const std::string& data) {
  static InputFolder folder("tables");
  const auto file = folder.write("table.csv", data);
  try_reading([&] { records::read_records(file, use_record); });
}

inline void require_apart(const std::vector<why::Span>& spans, const std::string& text) {
  std::size_t end = 0;
  for (const why::Span& span : spans) {
    require_bounded(span.begin >= end && span.end > span.begin);
    end = span.end;
  }
  require_bounded(end <= text.size());
}

// The first line is a text, those after it quote its parts.
inline void run_why_spans(const std::string& data) {
  try_reading([&] {
    const why::BracketedText read = why::read_brackets(data);
    require_bounded(read.text.size() <= data.size());
    require_apart(read.spans, read.text);
  });
  const std::size_t end = std::min(data.find('\n'), data.size());
  const std::string text = data.substr(0, end);
  try_reading([&] {
    require_apart(why::quoted_spans(text, std::string_view(data).substr(end), "spans.txt"), text);
  });
}

inline void run_choices(const std::string& data) {
  static InputFolder folder("choices");
  const auto file = folder.write("choices.jsonl", data);
  try_reading([&] {
    for (const research::ChoiceItem& item : research::read_choices(file)) {
      require_bounded(item.choices.size() >= 2 && item.answer >= 0);
      require_bounded(static_cast<std::size_t>(item.answer) < item.choices.size());
    }
  });
}

// A list of terms, looked for in the list itself, where each of them is.
inline void run_terms(const std::string& data) {
  try_reading([&] {
    const std::vector<std::string> terms = why::parse_terms(data);
    require_bounded(!terms.empty() && terms.size() <= why::kMostTerms);
    if (text::find_invalid_utf8(data)) return;
    const std::string_view text = data;
    for (const why::Term& term : why::find_terms(terms, {&text, 1})) {
      require_bounded(!term.text.empty() && term.members == std::vector<int>{0});
    }
  });
}

// A cell of every setting, and the whole as an object of settings.
inline void run_row_settings(const std::string& data) {
  const std::size_t end = std::min(data.find('='), data.size());
  const std::string name = data.substr(0, end);
  const std::string cell = data.substr(std::min(end + 1, data.size()));
  if (text::find_invalid_utf8(data)) return;  // rows are valid
  try_reading([&] {
    engine::SettingsJson given;
    given[name] = batch::setting_of_text(name, cell);
    batch::openai_setting(name, given[name]);
    engine::make_settings(given);
  });
  try_reading([&] {
    const auto given = base::parse_json<engine::SettingsJson>(data);
    if (!given.is_object()) return;
    const DecodingSettings settings = engine::make_settings(given);
    const auto again = engine::make_settings(engine::settings_json(settings));
    require_bounded(again.num_return_sequences == settings.num_return_sequences);
  });
}

inline void run_config_file(const std::string& data) {
  try_reading([&] {
    const auto items = cli::parse_config(data, "input");
    for (const cli::ConfigItem& item : items) {
      require_bounded(item.name.size() <= data.size());
      for (const auto kind :
           {cli::ConfigKind::kOne, cli::ConfigKind::kJson, cli::ConfigKind::kMany}) {
        try_reading([&] { cli::config_values(item, "input", kind); });
      }
    }
  });
}

inline void run_corpus(const std::string& data, const char* name) {
  static InputFolder folder("corpus");
  const auto file = folder.write(name, data);
  corpus::ReadOptions options;
  options.max_record_bytes = 4096;
  options.on_bad = [&](const corpus::BadRecord& bad) {
    require_bounded(bad.line > 0 && !text::find_invalid_utf8(bad.why));
  };
  std::size_t bytes = 0;
  try_reading([&] {
    corpus::read_documents(
        file,
        [&](corpus::Document&& document) {
          bytes += document.text.size();
          require_bounded(!text::find_invalid_utf8(document.text));
          require_bounded(!text::find_invalid_utf8(document.source));
        },
        options);
  });
  require_bounded(bytes <= data.size() * 20 + 64);  // "Question: " and "Answer: " are added
}

}  // namespace medgen::fuzz
