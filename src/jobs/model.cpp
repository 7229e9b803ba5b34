// The public door: what the commands of medgen go through as well.
#include "medgen/model.h"

#include <fmt/format.h>

#include <utility>

#include "engine/settings.h"
#include "jobs/model_files.h"

namespace medgen {
namespace {

// Gathers what generate() reports.
class Gatherer : public GenerationObserver {
 public:
  Gatherer(std::size_t prompts, const Generator::OnText& on_text)
      : completions_(prompts), on_text_(on_text) {}

  void on_text(std::uint64_t, int index, std::string_view piece) override {
    if (on_text_) on_text_(index, piece);
  }
  void on_finish(std::uint64_t, const Completion&) override {}
  void on_request_finish(const Request& request, std::vector<Completion>&& completions) override {
    completions_[request.id] = std::move(completions);
  }

  std::vector<std::vector<Completion>> take() { return std::move(completions_); }

 private:
  std::vector<std::vector<Completion>> completions_;
  const Generator::OnText& on_text_;
};

// For generate(), which checks it.
Request unchecked_request(std::vector<TokenId> prompt, const DecodingSettings& settings,
                          std::uint64_t id) {
  Request request;
  request.id = id;
  request.prompt = std::move(prompt);
  request.num_return_sequences = settings.num_return_sequences;
  request.sampling = settings.sampling;
  request.stopping = settings.stopping;
  return request;
}

}  // namespace

Model Model::open(const std::filesystem::path& path,
                  const std::optional<std::filesystem::path>& tokenizer) {
  std::optional<std::string> folder;
  if (tokenizer) folder = tokenizer->string();
  return Model(std::make_shared<const jobs::ModelFiles>(jobs::open_model(path.string(), folder)));
}

const std::string& Model::name() const { return files_->name; }
const std::string& Model::sha256() const { return files_->sha256; }
const ModelConfig& Model::config() const { return files_->config; }
const Tokenizer& Model::tokenizer() const { return *files_->tokenizer; }
const Templates& Model::templates() const { return files_->templates; }
DecodingSettings Model::defaults() const {
  return engine::settings_for(engine::SettingsJson::object(), files_->defaults);
}
const std::vector<std::string>& Model::notes() const { return files_->defaults.notes; }

std::vector<TokenId> Model::prompt_tokens(std::string_view prompt, Specials specials) const {
  return jobs::prompt_tokens(*files_, prompt, specials);
}

Request Model::request(std::string_view prompt, const DecodingSettings& settings,
                       std::uint64_t id) const {
  validate(settings);
  return request(prompt_tokens(prompt), settings, id);
}

Request Model::request(std::vector<TokenId> prompt, const DecodingSettings& settings,
                       std::uint64_t id) const {
  validate(settings);  // before texts become ids, after which nobody can tell them apart
  Request request = unchecked_request(std::move(prompt), settings, id);
  engine::resolve_texts(request.sampling, tokenizer());
  return request;
}

Generator::Generator(const Model& model, const BackendOptions& options)
    : model_(model), backend_(jobs::open_backend(model.files(), options)) {}
Generator::Generator(Generator&&) noexcept = default;
Generator& Generator::operator=(Generator&&) noexcept = default;
Generator::~Generator() = default;

std::vector<Completion> Generator::generate(std::string_view prompt,
                                            const DecodingSettings& settings) {
  return generate(prompt, settings, OnText());
}

std::vector<Completion> Generator::generate(std::string_view prompt,
                                            const DecodingSettings& settings,
                                            const OnText& on_text) {
  Gatherer gatherer(1, on_text);
  medgen::generate(*backend_, model_.tokenizer(),
                   {unchecked_request(model_.prompt_tokens(prompt), settings, 0)}, gatherer);
  return std::move(gatherer.take().front());
}

std::vector<std::vector<Completion>> Generator::generate(std::span<const std::string> prompts,
                                                         const DecodingSettings& settings) {
  std::vector<Request> requests;
  for (const std::string& prompt : prompts) {
    try {
      requests.push_back(
          unchecked_request(model_.prompt_tokens(prompt), settings, requests.size()));
    } catch (const Error& error) {
      throw Error(error.code(), fmt::format("prompt {} of {}: {}", requests.size() + 1,
                                            prompts.size(), error.what()));
    }
  }
  const OnText none;
  Gatherer gatherer(requests.size(), none);
  medgen::generate(*backend_, model_.tokenizer(), requests, gatherer);
  return gatherer.take();
}

}  // namespace medgen
