// Where the words of texts stand in training text: of a text as it is given, of continuations that
// are drawn for it, or of recorded ones.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/settings.h"
#include "jobs/model_files.h"
#include "why/trace.h"

namespace medgen::jobs {

struct TraceAsked {
  std::filesystem::path index;
  why::TraceOptions options;
  std::string text;               // what is traced, or with `go_on` the prompt
  std::filesystem::path records;  // trace the generated texts of this file instead; or empty

  // Draw continuations as `generate` does, and trace these.
  bool go_on = false;
  std::optional<std::string> model, tokenizer;  // see open_model()
  BackendOptions backend;
  std::function<DecodingSettings(const engine::ModelDefaults&)> resolve = {};
  const std::atomic<bool>* interrupted = nullptr;

  // Called once all is loaded, before anything is read or drawn.
  std::function<void()> loaded = {};
};

// What every answer says of the documents that it quotes.
inline constexpr const char* kQuotedText =
    "What is quoted is training text. It tells of other people, real or made up, or of nobody, and "
    "says nothing about the person of this text.";

// The most texts of a file of records.
inline constexpr std::size_t kMostTracedTexts = 1000;

struct TracedText {
  std::string name;        // "record 3, text 1", "continuation 2"; empty for a given text
  bool generated = false;  // by a machine, as far as is known
  why::Trace trace;
};

struct TraceResult {
  std::vector<why::IndexedSource> sources;  // of the index
  std::uint64_t index_documents = 0, index_tokens = 0;
  std::string model_name, model_sha256;  // of continuations
  std::vector<TracedText> texts;
};

// Throws Error(kUsage) for options out of range, Error(kRuntime) for an index that is damaged or
// whose tokenizer is not its own, and for records without texts.
TraceResult trace(const TraceAsked& asked);

}  // namespace medgen::jobs
