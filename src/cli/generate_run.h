// From the options of `generate` to what runs: the prompt, the model, the request, the back end.
// The same for every command that continues one text.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/options/generate_options.h"
#include "cli/output.h"
#include "jobs/identifier_watch.h"
#include "medgen/generate.h"
#include "medgen/model.h"
#include "safety/sandbox.h"

namespace medgen::cli {

// What is continued: a text, or the ids of tokens and what they spell.
struct GeneratePrompt {
  std::string text;
  std::vector<TokenId> ids = {};
  bool specials = false;  // the text's special tokens are read as such

  std::vector<TokenId> tokens(const Model& model) const;
};

struct GenerateRun {
  GeneratePrompt prompt;
  Model model;
  std::optional<TaskTemplate> task;
  jobs::PromptIdentifiers identifiers;
  Request request;
};

// Reads the prompt, opens the model and settles everything that the options say; notes go to
// `messages`. Throws what these throw.
GenerateRun prepare_run(const GenerateArguments& arguments, const Messages& messages);

// Loads the model; cuts the prompt where that was asked for. No code is loaded afterwards, and
// nothing written but `writes`.
Generator open_generator(const GenerateArguments& arguments, GenerateRun& run,
                         const Messages& messages, safety::Writes writes);

// Before any text: the notice, and the task's own.
void print_notice(const GenerateArguments& arguments, const GenerateRun& run);

// The completions of one request.
class GatheredCompletions : public GenerationObserver {
 public:
  void on_text(std::uint64_t, int, std::string_view) override {}
  void on_finish(std::uint64_t, const Completion& completion) override {
    completions_.push_back(completion);
  }
  std::vector<Completion> in_order() &&;

 private:
  std::vector<Completion> completions_;
};

}  // namespace medgen::cli
