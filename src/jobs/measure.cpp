// See the header.
#include "jobs/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/byte_reader.h"
#include "jobs/features.h"
#include "jobs/sweep_report.h"
#include "medgen/error.h"
#include "medgen/version.h"
#include "records/reader.h"
#include "records/record_file.h"
#include "research/sweep_reference.h"
#include "safety/notice.h"

namespace medgen::jobs {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

void add_origin(const records::RecordedOrigin& origin, const std::string& setting,
                GatheredTexts& gathered) {
  if (origin.model_name) gathered.models.insert(*origin.model_name);
  if (origin.model_sha256) gathered.hashes.insert(*origin.model_sha256);
  if (origin.sampling.is_object() && !gathered.settings.contains(setting)) {
    gathered.settings[setting] = origin.sampling;
  }
}

void add(const records::RecordReader& record, const std::string& setting, const std::string& id,
         bool specials, GatheredTexts& gathered) {
  const std::size_t before = gathered.samples.size();
  const bool says = record.json().is_object() && record.json().contains("provenance");
  for (research::Sample& sample : research::samples_of(record, setting, id)) {
    if (!says) sample.specials = specials;
    gathered.samples.push_back(std::move(sample));
  }
  if (gathered.samples.size() == before) {
    ++gathered.failed;
  } else {
    add_origin(record.origin(), gathered.samples.back().setting, gathered);
  }
}

// A file's name without what says how it is written.
std::string name_of(const fs::path& path) { return base::uncompressed_name(path).stem().string(); }

// Before the number that stands for an id, so that it is no id that a record gives.
constexpr const char* kNumber = "\x1F";

void gather_file(const std::string& path, const std::string& setting, bool specials,
                 GatheredTexts& gathered) {
  if (fs::is_directory(path)) {
    throw Error(ErrorCode::kUsage, path + " is a folder: give its .jsonl file");
  }
  const std::size_t before = gathered.samples.size();
  records::read_placed_records(path, [&](const records::RecordReader& record) {
    add(record, setting, kNumber + record.number(), specials, gathered);
  });
  if (gathered.samples.size() == before) {
    throw Error(ErrorCode::kUsage, path +
                                       " holds no texts: expected lines such as {\"text\": "
                                       "\"...\"}, or what medgen batch writes");
  }
}

// Scores texts whose log-probability is unknown with the model.
void score_unknown(Backend& backend, const ModelFiles& model,
                   std::vector<research::Sample>& samples) {
  std::vector<research::Sample> unknown;
  for (const research::Sample& sample : samples) {
    if (!sample.logprob) unknown.push_back(sample);
  }
  research::score_texts(backend, *model.tokenizer, model.prompt_prefix, unknown);
  auto next = unknown.begin();
  for (research::Sample& sample : samples) {
    if (!sample.logprob) sample = std::move(*next++);
  }
}

std::string only(const std::set<std::string>& values) {
  return values.size() == 1 ? *values.begin() : std::string();
}

// The numeric settings that differ between some rows.
std::map<std::string, std::map<std::string, double>> varied_numbers(const Json& settings) {
  std::map<std::string, std::map<std::string, double>> all;
  for (const auto& [setting, values] : settings.items()) {
    for (const auto& [name, value] : values.items()) {
      if (value.is_number()) all[name][setting] = value.get<double>();
    }
  }
  return all;
}

}  // namespace

GatheredTexts gather_texts(const MeasureAsked& asked) {
  GatheredTexts gathered;
  for (const std::string& path : asked.files) {
    const auto same_stem =
        std::count_if(asked.files.begin(), asked.files.end(),
                      [&](const std::string& other) { return name_of(other) == name_of(path); });
    gather_file(path, same_stem > 1 ? path : name_of(path), asked.specials, gathered);
  }
  if (asked.reference) gathered.reference = read_reference(*asked.reference);
  for (research::Sample& sample : gathered.reference) sample.specials = asked.specials;
  return gathered;
}

MeasuringModels open_models(const MeasureAsked& asked) {
  MeasuringModels models;
  if (asked.tokenizer) models.tokenizer = load_tokenizer(fs::path(*asked.tokenizer));
  if (asked.model) {
    models.model = open_model(asked.model, std::nullopt);
    models.model_backend = open_backend(*models.model, asked.backend);
    models.tokenizer = models.model->tokenizer;
  }
  if (asked.mauve) {
    models.mauve = open_model(asked.mauve, std::nullopt);
    models.mauve_backend = open_backend(*models.mauve, asked.backend);
  }
  return models;
}

research::Metrics measure(const MeasureAsked& asked, const MeasuringModels& models,
                          GatheredTexts& texts) {
  research::MetricsOptions options = asked.options;
  options.tokenizer = models.tokenizer.get();
  if (models.model) {
    score_unknown(*models.model_backend, *models.model, texts.samples);
    score_unknown(*models.model_backend, *models.model, texts.reference);
  }
  if (models.mauve) {
    options.mauve =
        add_features(*models.mauve, *models.mauve_backend, texts.samples, texts.reference);
  }
  return research::compute_metrics(texts.samples, texts.reference, options);
}

report::ReportContext report_context_of(const MeasureAsked& asked, const GatheredTexts& texts) {
  report::ReportContext context;
  context.notices = {std::string(safety::notice())};
  context.program = "medgen " + std::string(version());
  context.model_name = only(texts.models);
  context.model_sha256 = only(texts.hashes);
  context.settings = texts.settings;
  context.swept = varied_numbers(texts.settings);
  if (asked.reference) context.reference_name = fs::path(*asked.reference).filename().string();
  return context;
}

}  // namespace medgen::jobs
