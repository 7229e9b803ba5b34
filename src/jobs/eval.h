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

namespace medgen::jobs {

struct EvalAsked {
  std::optional<std::string> model, tokenizer;  // see open_model()
  BackendOptions backend;
  std::vector<std::filesystem::path> data;  // texts
  std::string text_field = "text";
  research::Windows windows = research::Windows::kDocuments;
  int stride = 0;                            // see research::TextEvaluationOptions
  std::optional<std::string> choices, form;  // a file of multiple choice; how it is put
  std::optional<std::uint64_t> limit;        // of documents, and of items
  // Called with "document" or "item" and how many are done; may throw to end the evaluation.
  std::function<void(const char* what, std::uint64_t count)> progress;
  // Called for a record that is skipped.
  std::function<void(const std::filesystem::path& file, const corpus::BadRecord& bad)> on_bad;
};

struct EvaluatedText {
  research::TextEvaluation evaluation;
  std::uint64_t bad_records = 0;
  bool packed = false, has_prefix = false;
};

struct EvalResult {
  std::string model_name, model_sha256;
  int context = 0;
  std::optional<EvaluatedText> text;
  std::optional<research::ChoiceEvaluation> choices;
  std::string form;  // of the choices
};

// Throws Error(kRuntime) if there is no text in the data; what reading and opening throw.
EvalResult evaluate(const EvalAsked& asked);

}  // namespace medgen::jobs
