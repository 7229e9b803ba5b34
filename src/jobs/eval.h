// How well a model predicts texts, and how often it prefers the right one of several answers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "corpus/documents.h"
#include "jobs/model_files.h"
#include "research/evaluation.h"
#include "research/paired_evaluation.h"

namespace medgen::jobs {

struct EvalAsked {
  std::optional<std::string> model, tokenizer;  // see open_model()
  std::optional<std::string> compare;           // another model, for compare_models()
  BackendOptions backend;
  std::vector<std::filesystem::path> data;  // texts
  std::string text_field = "text";
  research::Windows windows = research::Windows::kDocuments;
  int stride = 0;                            // see research::TextEvaluationOptions
  std::optional<std::string> choices, form;  // a file of multiple choice; how it is put
  int shots = 0;                             // see research::ChoiceOptions
  std::uint64_t seed = 0;                    // of the shots
  std::optional<std::uint64_t> limit;        // of documents, and of items
  bool calibration = false;                  // of the texts' next tokens
  // Called once the model is loaded, before texts are read.
  std::function<void()> loaded;
  // Called with "document" or "item" and how many are done; may throw to end the evaluation.
  std::function<void(const char* what, std::uint64_t count)> progress;
  // Called for a record that is skipped.
  std::function<void(const std::filesystem::path& file, const corpus::BadRecord& bad)> on_bad;
};

struct EvaluatedText {
  research::TextEvaluation evaluation;
  std::uint64_t bad_records = 0;
  bool packed = false, has_prefix = false;
  std::optional<research::Calibration> calibration;
};

struct EvalResult {
  std::string model_name, model_sha256;
  int context = 0;
  std::optional<EvaluatedText> text;
  std::optional<research::ChoiceEvaluation> choices;
  std::string form;  // of the choices
  int shots = 0;
};

struct ComparedResult {
  EvalResult first, second;  // of the model, and of the one to compare
  std::optional<research::PairedTexts> text;
  std::optional<research::PairedChoices> choices, choices_normalized;
};

// Throws Error(kRuntime) if there is no text in the data; what reading and opening throw.
EvalResult evaluate(const EvalAsked& asked);

// The same data through both models, one after the other.
ComparedResult compare_models(const EvalAsked& asked);

// A line of JSON for each document, then for each item: its number, where it is from, its
// log-probabilities. No text.
std::string items_jsonl(const EvalResult& result);

}  // namespace medgen::jobs
