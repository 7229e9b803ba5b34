// See the header.
#include "bundle/gpt2_parameters.h"

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <numeric>

#include "bundle/fail.h"
#include "medgen/error.h"

namespace medgen::bundle {
namespace {

constexpr const char* kTokenEmbedding = "transformer.wte.weight";
constexpr const char* kOutputHead = "lm_head.weight";

}  // namespace

Gpt2Parameters::Gpt2Parameters(const ModelConfig& config, TensorSource source)
    : config_(config),
      source_(std::move(source)),
      sources_(match_parameters(config, source_.stored, source_.shown)) {
  settle_head();
}

Gpt2Parameters Gpt2Parameters::open(const std::filesystem::path& model_pt,
                                    const ModelConfig& config) {
  return of(TorchScriptWeights::open(model_pt), model_pt.string(), config);
}

Gpt2Parameters Gpt2Parameters::of(TorchScriptWeights weights, const std::string& shown,
                                  const ModelConfig& config) {
  const auto shared = std::make_shared<const TorchScriptWeights>(std::move(weights));
  TensorSource source;
  source.shown = shown;
  source.stored = shared->specs();
  source.read = [shared](const std::string& name) { return shared->read(name); };
  source.same = [shared](const std::string& a, const std::string& b) { return shared->same(a, b); };
  Gpt2Parameters parameters(config, std::move(source));
  // A few bytes that are referenced a thousand times would be packed a thousand times.
  std::uint64_t bytes = 0;
  for (const ParameterSpec& spec : parameter_specs(parameters.config())) {
    bytes += shared->bytes(parameters.stored_name(spec.name));
  }
  if (bytes > shared->file_bytes()) {
    fail(fmt::format(
        "{}: its parameters have {} bytes, the file only {}; several of them name the same place",
        shown, bytes, shared->file_bytes()));
  }
  return parameters;
}

// transformers versions disagree on which of two different tensors counts. So a
// tied model with another lm_head is refused, and an untied one with the same is stored tied.
void Gpt2Parameters::settle_head() {
  if (!sources_.has_lm_head) return;  // match_parameters() has checked that none is needed
  const std::string& head = stored_name(kOutputHead);
  const bool same =
      head == stored_name(kTokenEmbedding) || source_.same(head, stored_name(kTokenEmbedding));
  if (config_.tie_word_embeddings && !same) {
    fail(source_.shown + ": \"" + stored_name(kOutputHead) + "\" differs from \"" +
         stored_name(kTokenEmbedding) +
         "\" though config.json says tie_word_embeddings true; set it to false to keep both, or "
         "remove the tensor that does not count");
  }
  config_.tie_word_embeddings = same;
}

TensorReader Gpt2Parameters::reader() const {
  return [this](const std::string& name, const std::vector<std::int64_t>& shape) {
    return read(name, shape);
  };
}

const std::string& Gpt2Parameters::stored_name(const std::string& name) const {
  return sources_.stored_name.at(name);
}

std::vector<float> Gpt2Parameters::read(const std::string& name,
                                        const std::vector<std::int64_t>& shape) const {
  std::vector<float> values = source_.read(stored_name(name));
  const std::int64_t expected =
      std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  if (static_cast<std::int64_t>(values.size()) != expected) {
    fail(fmt::format("{}: tensor \"{}\" gave {} values; {} are expected", source_.shown,
                     stored_name(name), values.size(), expected));
  }
  return values;
}

}  // namespace medgen::bundle
