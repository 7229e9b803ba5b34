// Texts of files, whoever made them: gathered, then measured.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "jobs/model_files.h"
#include "report/report.h"
#include "research/metrics.h"
#include "research/sample.h"

namespace medgen::jobs {

struct MeasureAsked {
  std::vector<std::string> files;        // lines of JSON: records of medgen, or {"text", ...}
  std::optional<std::string> reference;  // texts that people wrote; see read_reference()
  std::optional<std::string> tokenizer;  // for texts whose tokens the files lack
  std::optional<std::string> model;      // scores texts without log-probabilities
  std::optional<std::string> mauve;      // the model whose features it compares; needs `reference`
  bool specials = false;  // read special tokens as such, in prompts of records that do not say
  BackendOptions backend;
  research::MetricsOptions options;  // the tokenizer is set by measure()
};

// What reads the texts. No code is loaded once it is open.
struct MeasuringModels {
  std::shared_ptr<const Tokenizer> tokenizer;  // null: texts are counted in words
  std::optional<ModelFiles> model, mauve;
  std::unique_ptr<Backend> model_backend, mauve_backend;  // null where none was asked for
};

MeasuringModels open_models(const MeasureAsked& asked);

// The texts, and what the records say about their origin.
struct GatheredTexts {
  std::vector<research::Sample> samples, reference;
  std::uint64_t failed = 0;  // records of rows that have no text
  nlohmann::ordered_json settings =
      nlohmann::ordered_json::object();  // setting -> what it was made with
  std::set<std::string> models, hashes;
};

// Throws Error(kUsage) for a file that holds no texts, Error(kRuntime) for a damaged one.
GatheredTexts gather_texts(const MeasureAsked& asked);

// Scores the texts first, where that was asked for.
research::Metrics measure(const MeasureAsked& asked, const MeasuringModels& models,
                          GatheredTexts& texts);

// What a report says about the origin of the texts.
report::ReportContext report_context_of(const MeasureAsked& asked, const GatheredTexts& texts);

}  // namespace medgen::jobs
