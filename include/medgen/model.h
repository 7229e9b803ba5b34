// The way in: open a model, generate text from text.
//
//   const medgen::Model model = medgen::Model::open("models/default");
//   medgen::Generator generator(model);
//   for (const auto& text : generator.generate("I have a fever and", model.defaults())) ...
//
// What a program shows of the texts should say that a machine made them and that they may be wrong.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "medgen/backend.h"
#include "medgen/backend_options.h"
#include "medgen/export.h"
#include "medgen/generate.h"
#include "medgen/model_config.h"
#include "medgen/params.h"
#include "medgen/templates.h"
#include "medgen/tokenizer.h"

namespace medgen {

namespace jobs {
struct ModelFiles;
}

// What is known of a model before its weights are loaded. Immutable and cheap to copy, so safe to
// use from several threads.
class MEDGEN_API Model {
 public:
  // A folder made by `medgen convert` or `medgen train`; or a TorchScript GPT-2 file with the
  // folder of its `tokenizer`. Checks everything but the weights, and runs nothing that the files
  // hold. Throws Error(kModel) for what cannot be used, Error(kUsage) for a file without tokenizer
  // or a folder with one.
  static Model open(const std::filesystem::path& path,
                    const std::optional<std::filesystem::path>& tokenizer = {});

  const std::string& name() const;
  const std::string& sha256() const;  // of model.pt; 64 lower-case hexadecimal digits
  const ModelConfig& config() const;
  const Tokenizer& tokenizer() const;
  const Templates& templates() const;  // the tasks it was trained for; may be empty

  // The model's generation_config.json over the defaults of params.h. The seed is 0.
  DecodingSettings defaults() const;
  // What that file asks for and medgen does not do, a sentence each, for the user to read. Key
  // names in them come from the file.
  const std::vector<std::string>& notes() const;

  // What the model is fed: its BOS, if it wants one before every prompt, and the prompt's tokens.
  // An empty prompt is BOS, or else EOS. Throws Error(kUsage) if `prompt` is not UTF-8.
  std::vector<TokenId> prompt_tokens(std::string_view prompt,
                                     Specials specials = Specials::kAsText) const;

  // A request for generate(), with the settings' texts (bad_words_texts, negative_prompt) made
  // token ids. `id` keys the random numbers: prompts that share one draw the same coins.
  Request request(std::string_view prompt, const DecodingSettings& settings,
                  std::uint64_t id = 0) const;
  // The same for a prompt of tokens, which the model is fed as they are.
  Request request(std::vector<TokenId> prompt, const DecodingSettings& settings,
                  std::uint64_t id = 0) const;

  const jobs::ModelFiles& files() const { return *files_; }  // for medgen itself

 private:
  explicit Model(std::shared_ptr<const jobs::ModelFiles> files) : files_(std::move(files)) {}
  std::shared_ptr<const jobs::ModelFiles> files_;
};

// A model that runs. One thread at a time; its own threads come from BackendOptions. One that was
// moved from can only be assigned to or destroyed; so too a Model.
class MEDGEN_API Generator {
 public:
  // Loads the weights, or packs them where that was not done before. Throws Error(kUsage) for
  // options that contradict each other or the model, Error(kModel) for a model that cannot be used.
  explicit Generator(const Model& model, const BackendOptions& options = {});
  Generator(Generator&&) noexcept;
  Generator& operator=(Generator&&) noexcept;
  ~Generator();

  const Model& model() const { return model_; }
  Backend& backend() { return *backend_; }  // for generate() and requests of your own

  // The continuations of one prompt, by index: settings.num_return_sequences of them. A seed gives
  // the same texts whatever the options. Throws Error(kUsage) for settings out of range or a prompt
  // that does not fit the context, before anything is computed; Error(kRuntime) if a step fails.
  std::vector<Completion> generate(std::string_view prompt, const DecodingSettings& settings);

  // The same, and hands on every piece of text as it is made, on this thread. Pieces of one index
  // add up to its Completion::text; whole UTF-8 characters.
  using OnText = std::function<void(int index, std::string_view piece)>;
  std::vector<Completion> generate(std::string_view prompt, const DecodingSettings& settings,
                                   const OnText& on_text);

  // All prompts together, which is faster than one after the other. The texts of prompt i are those
  // that its request with id i gives. Prompts are checked before anything is computed.
  std::vector<std::vector<Completion>> generate(std::span<const std::string> prompts,
                                                const DecodingSettings& settings);
  std::vector<std::vector<Completion>> generate(std::initializer_list<std::string> prompts,
                                                const DecodingSettings& settings) {
    return generate(std::span(prompts.begin(), prompts.size()), settings);
  }

 private:
  Model model_;
  std::unique_ptr<Backend> backend_;
};

}  // namespace medgen
