// A prompt's completions as one line of JSON.
// Must not know of terminals or of how text is made.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "medgen/backend.h"
#include "medgen/generate.h"

namespace medgen::records {

// Where a text came from: enough to regenerate it. `key` is what its random numbers are
// keyed by, besides the seed and the number of the sample.
struct Provenance {
  std::string model_name;
  std::string model_sha256;
  BackendInfo backend;
  Request request;
  const Tokenizer* tokenizer =
      nullptr;  // for the texts of single tokens, where these are asked for
};

// The parts of the line that batch records have too.
nlohmann::ordered_json completion_json(const Completion& completion, const Tokenizer* tokenizer);
nlohmann::ordered_json provenance_json(const Provenance& provenance);

// Gathers completions; record() gives them in order of index.
class JsonWriter : public GenerationObserver {
 public:
  JsonWriter(std::string prompt, Provenance provenance);

  void on_text(std::uint64_t, int, std::string_view) override {}
  void on_finish(std::uint64_t request_id, const Completion& completion) override;
  std::string record();  // with its line break

 private:
  std::string prompt_;
  Provenance provenance_;
  std::vector<Completion> completions_;
};

}  // namespace medgen::records
