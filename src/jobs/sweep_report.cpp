// See the header.
#include "jobs/sweep_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/byte_reader.h"
#include "base/files.h"
#include "base/sha256.h"
#include "corpus/documents.h"
#include "medgen/error.h"
#include "medgen/version.h"
#include "records/reader.h"
#include "records/record_file.h"
#include "report/rating_pack.h"
#include "research/sweep_reference.h"
#include "safety/notice.h"

namespace medgen::jobs {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

bool holds_records(const fs::path& file) {
  const std::string format = base::uncompressed_name(file).extension().string();
  return format == ".jsonl" || format == ".ndjson" || format == ".json";
}

// Of a file of JSON lines: records of medgen, or {"text", "prompt"?, "id"?}.
std::vector<research::Sample> read_samples(const fs::path& file, const std::string& setting) {
  std::vector<research::Sample> samples;
  records::read_records(
      file,
      [&](const records::RecordReader& record) {
        try {
          for (research::Sample& sample : research::samples_of(record, setting, record.number())) {
            samples.push_back(std::move(sample));
          }
        } catch (const Error& error) {
          throw Error(ErrorCode::kUsage,
                      fmt::format("{}, {}: {}", file.string(), record.place(), error.what()));
        }
      },
      records::Damaged::kRefuse);
  return samples;
}

std::vector<research::Sample> read_texts(const fs::path& file) {
  std::vector<research::Sample> texts;
  corpus::read_documents(file, [&](corpus::Document&& document) {
    const std::string number = fmt::format("{}", texts.size() + 1);
    texts.push_back({.setting = "human",
                     .prompt_id = document.id.empty() ? number : document.id,
                     .text = std::move(document.text)});
  });
  return texts;
}

// What the report says about the origin of its texts.
report::ReportContext report_context(const BatchResolved& sweep,
                                     const std::vector<research::SweepCell>& cells) {
  report::ReportContext context;
  context.program = "medgen " + std::string(version());
  context.model_name = sweep.model.name;
  context.model_sha256 = sweep.model.sha256;
  const batch::InputOptions& input = sweep.asked.input;
  if (input.names.size() == 1 && !batch::is_standard_input(input)) {
    context.prompts_name = input.names[0];
    context.prompts_sha256 = base::sha256_of_file(input.names[0]);
  }
  context.seed = sweep.seed();
  context.has_seed = true;
  for (const batch::NamedSettings& setting : sweep.variants) {
    context.samples_per_prompt =
        std::max(context.samples_per_prompt, setting.settings.num_return_sequences);
    context.settings[setting.name] = engine::settings_json(setting.settings);
  }
  context.swept = research::swept_numbers(cells);
  context.notices = {std::string(safety::notice())};
  if (input.shard.count > 1) {
    context.notices.push_back(
        fmt::format("This is shard {} of {}: the numbers cover its prompts only.",
                    input.shard.index, input.shard.count));
  }
  return context;
}

}  // namespace

std::vector<research::Sample> read_reference(const fs::path& file) {
  std::vector<research::Sample> reference =
      holds_records(file) ? read_samples(file, "human") : read_texts(file);
  if (reference.empty()) {
    throw Error(ErrorCode::kUsage,
                file.string() +
                    " holds no texts: give .jsonl with a \"text\" in each line, .csv with a column "
                    "\"text\", or .txt with blank lines between texts");
  }
  return reference;
}

WrittenReport write_report(SweepReport report, const BatchResolved& sweep,
                           const std::vector<research::SweepCell>& cells) {
  const Tokenizer& tokenizer = *sweep.model.tokenizer;
  report.metrics.tokenizer = &tokenizer;
  if (!report.reference.empty()) {
    research::score_texts(*open_backend(sweep), tokenizer, sweep.model.prompt_prefix,
                          report.reference);
  }
  report::ReportContext context = report_context(sweep, cells);
  context.reference_name = report.reference_name;
  const std::vector<research::Sample> samples = read_samples(report.samples, "");
  if (samples.empty()) {
    throw Error(ErrorCode::kRuntime, report.samples.string() +
                                         " holds no texts, so there is nothing to measure: every "
                                         "prompt failed; its records say why");
  }
  const fs::path folder = report.samples.parent_path();
  WrittenReport written;
  const auto write = [&](const char* name, const std::string& content) {
    base::write_file_atomically(folder / name, content);
    written.files.emplace_back(name);
  };
  const research::Metrics metrics =
      research::compute_metrics(samples, report.reference, report.metrics);
  write("metrics.json", research::metrics_json(metrics).dump(2) + "\n");
  write("metrics.csv", research::metrics_csv(metrics, report.raw_cells));
  write("report.html", report::report_html(metrics, samples, context));
  if (report.rating_pack) {
    const report::RatingPack pack =
        report::make_rating_pack(samples, *report.rating_pack, context.seed, report.raw_cells);
    write("rating_pack.csv", pack.texts_csv);
    write("rating_key.csv", pack.key_csv);
  }
  written.table = research::metrics_table(metrics);
  return written;
}

}  // namespace medgen::jobs
