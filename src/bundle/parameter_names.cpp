// See the header.
#include "bundle/parameter_names.h"

#include <fmt/format.h>

#include <string_view>

#include "bundle/fail.h"
#include "medgen/error.h"

namespace medgen::bundle {
namespace {

constexpr std::string_view kEmbedding = "wte.weight";
constexpr std::string_view kTransformer = "transformer.";
constexpr std::string_view kHead = "lm_head.weight";

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t size : shape) {
    text += text.empty() ? "[" : ", ";
    text += fmt::to_string(size);
  }
  return text.empty() ? "[]" : text + "]";
}

// What stands before "wte.weight": "transformer." in a GPT2LMHeadModel, nothing in a GPT2Model.
std::string find_prefix(const std::vector<ParameterSpec>& stored, const std::string& source) {
  const ParameterSpec* found = nullptr;
  for (const ParameterSpec& tensor : stored) {
    const std::string_view name = tensor.name;
    if (!name.ends_with(kEmbedding)) continue;
    if (name.size() > kEmbedding.size() && name[name.size() - kEmbedding.size() - 1] != '.')
      continue;
    if (found != nullptr) {
      fail(source + " holds both \"" + found->name + "\" and \"" + tensor.name +
           "\"; a GPT-2 has one token embedding");
    }
    found = &tensor;
  }
  if (found == nullptr) {
    fail(source + " has no tensor \"transformer.wte.weight\" or \"wte.weight\": it is not a GPT-2");
  }
  return found->name.substr(0, found->name.size() - kEmbedding.size());
}

// "h.<number>.attn.bias" and "h.<number>.attn.masked_bias": the causal mask, not a parameter.
bool is_mask(std::string_view name) {
  if (!name.starts_with("h.")) return false;
  name.remove_prefix(2);
  const std::size_t digits = name.find_first_not_of("0123456789");
  if (digits == 0 || digits == std::string_view::npos) return false;
  name.remove_prefix(digits);
  return name == ".attn.bias" || name == ".attn.masked_bias";
}

// What stands before "lm_head.weight".
std::string outer_prefix(const std::string& prefix) {
  return prefix.ends_with(kTransformer) ? prefix.substr(0, prefix.size() - kTransformer.size())
                                        : prefix;
}

// The stored tensor's name in a bundle; empty for a mask, unchanged if it is neither.
std::string our_name(const std::string& stored, const std::string& prefix) {
  if (stored == outer_prefix(prefix).append(kHead)) return std::string(kHead);
  if (!stored.starts_with(prefix)) return stored;
  const std::string_view rest = std::string_view(stored).substr(prefix.size());
  return is_mask(rest) ? std::string() : std::string(kTransformer).append(rest);
}

}  // namespace

ParameterSources match_parameters(const ModelConfig& config,
                                  const std::vector<ParameterSpec>& stored,
                                  const std::string& source) {
  const std::string prefix = find_prefix(stored, source);
  ModelConfig with_head = config;
  with_head.tie_word_embeddings = false;
  std::map<std::string, std::vector<std::int64_t>> wanted;
  for (const ParameterSpec& spec : parameter_specs(with_head)) wanted[spec.name] = spec.shape;

  ParameterSources sources;
  for (const ParameterSpec& tensor : stored) {
    const std::string name = our_name(tensor.name, prefix);
    if (name.empty()) continue;
    const auto shape = wanted.find(name);
    if (shape == wanted.end()) {
      fail(
          fmt::format("{} holds the tensor \"{}\", which a GPT-2 of this config.json (n_layer {}) "
                      "does not have; check that both belong to the same model",
                      source, tensor.name, config.n_layer));
    }
    if (shape->second != tensor.shape) {
      fail(source + ": tensor \"" + tensor.name + "\" has shape " + shape_text(tensor.shape) +
           "; config.json implies " + shape_text(shape->second) +
           ", check that both belong to the same model");
    }
    if (!sources.stored_name.emplace(name, tensor.name).second) {
      fail(source + " holds \"" + tensor.name + "\" and \"" + sources.stored_name[name] +
           "\", which are the same parameter");
    }
  }
  sources.has_lm_head = sources.stored_name.count(std::string(kHead)) != 0;
  for (const ParameterSpec& spec : parameter_specs(config)) {
    if (sources.stored_name.count(spec.name) != 0) continue;
    const bool head = spec.name == kHead;
    fail(
        source + " lacks the tensor \"" +
        (head ? outer_prefix(prefix) + spec.name : prefix + spec.name.substr(kTransformer.size())) +
        "\"" +
        (head ? ", which config.json asks for with tie_word_embeddings false"
              : "; get the checkpoint again, or check n_layer in config.json"));
  }
  return sources;
}

}  // namespace medgen::bundle
