// See the header.
#include "cli/sweep_report.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/files.h"
#include "base/lines.h"
#include "corpus/documents.h"
#include "medgen/error.h"
#include "records/reader.h"
#include "report/rating_pack.h"

namespace medgen::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// Of a file of JSON lines: records of medgen, or {"text", "prompt"?, "id"?}.
std::vector<research::Sample> read_samples(const fs::path& file, const std::string& setting) {
  base::Lines lines(base::plain_file_blocks(file, ErrorCode::kUsage), base::Lines::kAnyLength);
  std::vector<research::Sample> samples;
  for (base::Line line; lines.next(line);) {
    if (line.text.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string where = file.string() + ", line " + std::to_string(line.number);
    Json json = Json::parse(line.text, nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded()) throw Error(ErrorCode::kUsage, where + " is not JSON");
    const records::RecordReader record(std::move(json), {file.string(), line.number});
    try {
      for (research::Sample& sample :
           research::samples_of(record, setting, std::to_string(line.number))) {
        samples.push_back(std::move(sample));
      }
    } catch (const Error& error) {
      throw Error(ErrorCode::kUsage, where + ": " + error.what());
    }
  }
  return samples;
}

std::vector<research::Sample> read_texts(const fs::path& file) {
  std::vector<research::Sample> texts;
  corpus::read_documents(file, [&](corpus::Document&& document) {
    const auto number = std::to_string(texts.size() + 1);
    texts.push_back({.setting = "human",
                     .prompt_id = document.id.empty() ? number : document.id,
                     .text = std::move(document.text)});
  });
  return texts;
}

}  // namespace

std::vector<research::Sample> read_reference(const fs::path& file) {
  std::vector<research::Sample> reference =
      file.extension() == ".jsonl" ? read_samples(file, "human") : read_texts(file);
  if (reference.empty()) {
    throw Error(ErrorCode::kUsage,
                file.string() +
                    " holds no texts: give .jsonl with a \"text\" in each line, .csv with a column "
                    "\"text\", or .txt with blank lines between texts");
  }
  return reference;
}

WrittenReport write_report(const SweepReport& report) {
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
  write("metrics.csv", research::metrics_csv(metrics));
  write("report.html", report::report_html(metrics, samples, report.context));
  if (report.rating_pack) {
    const report::RatingPack pack =
        report::make_rating_pack(samples, *report.rating_pack, report.context.seed);
    write("rating_pack.csv", pack.texts_csv);
    write("rating_key.csv", pack.key_csv);
  }
  written.table = research::metrics_table(metrics);
  return written;
}

}  // namespace medgen::cli
