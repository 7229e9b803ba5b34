// Which words of a prompt led to a continuation: one that is drawn, given, or recorded.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/settings.h"
#include "jobs/model_files.h"
#include "jobs/why_methods.h"
#include "why/account.h"

namespace medgen::jobs {

// A text of a file of records.
struct RecordChoice {
  std::string file;
  std::optional<std::string> id, setting;  // needed where several records are left
  int sample = 1;                          // of the record's texts, from 1
};

struct WhyAsked {
  std::optional<std::string> model, tokenizer;  // see open_model()
  BackendOptions backend;

  // The prompt: a text or its ids; or a record, which has its continuation too.
  std::string text = {};
  std::vector<TokenId> ids = {};
  bool specials = false;
  bool truncate = false;  // where the prompt does not fit: keep its end, and say so
  std::optional<RecordChoice> record = {};

  // Unset, with a text or ids: one is drawn under `given`.
  std::optional<std::string> continuation = {};
  engine::SettingsJson given = engine::SettingsJson::object();

  std::string by = "word";                   // or "sentence", "span"
  std::optional<std::string> spans_of = {};  // a file whose lines quote the spans; else brackets
  bool replace = false;                      // in place of taking out
  std::optional<int> steps = {};             // see DerivativeOptions
  std::optional<std::string> instead = {};
  why::AccountOptions options = {};

  std::function<void()> loaded = {};  // called once nothing more needs to be loaded
  std::function<void(const std::string&)> note = {};
  const std::atomic<bool>* interrupted = nullptr;
};

struct WhyResult {
  why::Account account;
  std::string model_name, model_sha256;
  BackendInfo backend;
  std::string origin;                 // "drawn", "given" or "recorded"
  std::optional<std::uint64_t> seed;  // of what was drawn
};

// Throws Error(kUsage) for what does not fit together, besides what its parts throw.
WhyResult explain_why(const WhyAsked& asked);

}  // namespace medgen::jobs
