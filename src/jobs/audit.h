// Does a model recite what it was trained on? Continuations of training documents against those of
// documents that it never saw, and canaries that were planted in its training text.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "jobs/model_files.h"
#include "research/bootstrap.h"
#include "why/audit.h"
#include "why/suffix_index.h"

namespace medgen::jobs {

struct AuditAsked {
  std::optional<std::string> model, tokenizer;  // see open_model()
  BackendOptions backend;
  std::filesystem::path index;
  std::filesystem::path held_out;  // a prepared corpus, whose valid part is taken, or a text file;
                                   // empty: none
  std::filesystem::path canaries;  // see corpus/canaries.h; empty: none
  int documents = 300;             // of each kind; >= 1
  int prefix_tokens = 100;         // of a document that are given; >= 1
  int new_tokens = 50;             // that are generated after them; >= 1
  int least_tokens = 25;           // of a passage that counts as recited; 1 to new_tokens
  int samples = 1;                 // that are drawn besides the greedy continuation; 0: none
  int candidates = 1023;           // other texts that a canary is compared with; >= 99
  std::uint64_t seed = 0;          // of the documents, the draws and the candidates
  // Called once the model is loaded and the files are open.
  std::function<void()> loaded = {};
  // Called with what is being done and how much of it; may throw to end the audit.
  std::function<void(const char* what, std::uint64_t done, std::uint64_t all)> progress = {};
  const std::atomic<bool>* interrupted = nullptr;
};

// A share with its interval, at 95 %: Wilson's, with as many independent texts as vary as much.
struct AuditShare {
  std::uint64_t hits = 0, all = 0;
  research::Interval interval;
  double value() const { return static_cast<double>(hits) / static_cast<double>(all); }
};

// Continuations of documents of one kind, made one way.
struct AuditedTexts {
  bool training = false;  // documents of the index, or held-out ones
  bool sampled = false;   // or greedy
  std::uint64_t documents = 0;
  struct Length {
    int tokens = 0;
    AuditShare own;       // go on with the document's own next tokens, so many
    AuditShare anywhere;  // hold a passage of so many tokens that stands in the index
  };
  std::vector<Length> lengths;  // ascending
  AuditShare recited;           // tokens in passages of least_tokens or more
};

struct AuditedCanary {
  std::size_t number = 0;  // line of its file, from 1, blank ones not counted
  int times = 0;
  why::Exposure exposure;
  double p_value = 1;  // Holm's, over all canaries
};

// Canaries that stand equally often in the training text.
struct AuditedCanaries {
  int times = 0;
  std::uint64_t count = 0, found = 0;          // found: p at most 0.05
  double bits = 0;                             // mean exposure
  std::optional<research::Interval> interval;  // bootstrap over the canaries; unset for one
};

struct AuditResult {
  std::string model_name, model_sha256;
  std::uint64_t index_documents = 0, index_tokens = 0;
  std::uint64_t held_out_documents = 0;  // long enough
  std::uint64_t held_out_in_index = 0;   // left out, because they stand in the index
  std::vector<AuditedTexts> texts;
  // Of the documents' own words where the model's stand in `texts`: how many of these are in such
  // passages. Unset without held-out documents.
  std::optional<AuditShare> written;
  std::vector<AuditedCanary> canaries;
  std::vector<AuditedCanaries> by_times;
  std::vector<std::string> notes;  // what limits the answers, a sentence each
};

// Throws Error(kUsage) for settings out of range and an index of another tokenizer,
// Error(kRuntime) if no document is long enough, what opening and reading throw.
AuditResult audit(const AuditAsked& asked);

}  // namespace medgen::jobs
