// See the header.
#include "bundle/parameter_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "bundle/fail.h"
#include "medgen/error.h"

namespace medgen::bundle {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kEmbedding = "wte.weight";
constexpr std::string_view kPositions = "wpe.weight";
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

// The tensor that is called `name`, perhaps below modules that wrap the model; null if none is.
const ParameterSpec* find_stored(const std::vector<ParameterSpec>& stored, std::string_view wanted,
                                 const std::string& source) {
  const ParameterSpec* found = nullptr;
  for (const ParameterSpec& tensor : stored) {
    const std::string_view name = tensor.name;
    if (!name.ends_with(wanted)) continue;
    if (name.size() > wanted.size() && name[name.size() - wanted.size() - 1] != '.') continue;
    if (found != nullptr) {
      fail(source + " holds both \"" + found->name + "\" and \"" + tensor.name +
           "\"; a GPT-2 has one token embedding");
    }
    found = &tensor;
  }
  return found;
}

// What stands before "wte.weight": "transformer." in a GPT2LMHeadModel, nothing in a GPT2Model.
// Where the embedding is stored as the head alone, what stands before "wpe.weight".
std::string find_prefix(const std::vector<ParameterSpec>& stored, const ModelConfig& config,
                        const std::string& source) {
  if (const ParameterSpec* found = find_stored(stored, kEmbedding, source)) {
    return found->name.substr(0, found->name.size() - kEmbedding.size());
  }
  const ParameterSpec* positions = find_stored(stored, kPositions, source);
  const bool has_head = find_stored(stored, kHead, source) != nullptr;
  if (positions == nullptr || !has_head) {
    fail(source + " has no tensor \"transformer.wte.weight\" or \"wte.weight\": it is not a GPT-2");
  }
  if (!config.tie_word_embeddings) {
    fail(source +
         " lacks the tensor \"transformer.wte.weight\", and config.json says tie_word_embeddings "
         "false, so that lm_head.weight cannot stand for it");
  }
  return positions->name.substr(0, positions->name.size() - kPositions.size());
}

// "h.<number>.attn.bias" as "h.*.attn.bias"; other names as they are.
std::string for_all_layers(std::string_view name) {
  if (!name.starts_with("h.")) return std::string(name);
  const std::size_t end = name.find_first_not_of("0123456789", 2);
  if (end == 2 || end == std::string_view::npos) return std::string(name);
  return std::string("h.*").append(name.substr(end));
}

// Buffers, not parameters: the causal mask of each layer, and the positions.
bool is_buffer(std::string_view name) {
  const std::string pattern = for_all_layers(name);
  return pattern == "h.*.attn.bias" || pattern == "h.*.attn.masked_bias" || name == "position_ids";
}

// Of a classifier, of multiple choice, of a question's answer, of a value function.
bool is_other_head(std::string_view name) {
  constexpr std::array kHeads = {"score."sv, "classifier."sv, "multiple_choice_head."sv,
                                 "qa_outputs."sv, "v_head."sv};
  return std::any_of(kHeads.begin(), kHeads.end(),
                     [&](std::string_view head) { return name.starts_with(head); });
}

// What stands before "lm_head.weight".
std::string outer_prefix(const std::string& prefix) {
  return prefix.ends_with(kTransformer) ? prefix.substr(0, prefix.size() - kTransformer.size())
                                        : prefix;
}

// `name` after `prefix`; as it is if it begins otherwise.
std::string_view after(std::string_view name, std::string_view prefix) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

// The stored tensor's name in a bundle; unchanged if it is no parameter.
std::string our_name(const std::string& stored, const std::string& prefix) {
  if (stored == outer_prefix(prefix).append(kHead)) return std::string(kHead);
  if (!stored.starts_with(prefix)) return stored;
  return std::string(kTransformer).append(after(stored, prefix));
}

}  // namespace

ParameterSources match_parameters(const ModelConfig& config,
                                  const std::vector<ParameterSpec>& stored,
                                  const std::string& source) {
  const std::string prefix = find_prefix(stored, config, source);
  ModelConfig with_head = config;
  with_head.tie_word_embeddings = false;
  std::map<std::string, std::vector<std::int64_t>> wanted;
  for (const ParameterSpec& spec : parameter_specs(with_head)) wanted[spec.name] = spec.shape;

  ParameterSources sources;
  for (const ParameterSpec& tensor : stored) {
    const std::string_view bare = after(tensor.name, prefix);
    if (is_buffer(bare) || is_other_head(after(tensor.name, outer_prefix(prefix)))) {
      sources.ignored.insert(for_all_layers(bare));
      continue;
    }
    const std::string name = our_name(tensor.name, prefix);
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
  const auto stored_head = sources.stored_name.find(std::string(kHead));
  sources.has_lm_head = stored_head != sources.stored_name.end();
  if (sources.has_lm_head && config.tie_word_embeddings) {  // see find_prefix()
    sources.stored_name.emplace(std::string(kTransformer).append(kEmbedding), stored_head->second);
  }
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
