// See the header. A configuration comes from outside: every number is bounded before anything is
// computed from it, so that no product overflows and no allocation is excessive.
#include "bundle/config.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "bundle/activation.h"
#include "bundle/fail.h"
#include "bundle/json_text.h"
#include "medgen/error.h"

namespace medgen::bundle {
namespace {

using nlohmann::json;

constexpr int kMaxVocab = 1 << 20;  // four times the largest in use
constexpr int kMaxPositions = 1 << 20;
constexpr int kMaxWidth = 1 << 16;
constexpr int kMaxInner = 1 << 20;
constexpr int kMaxLayers = 1 << 8;
constexpr std::int64_t kMaxParameters = std::int64_t{1} << 34;  // 64 GiB as float32

void check_range(const char* key, int value, int highest) {
  if (value < 1 || value > highest) {
    fail(fmt::format("{} is {}; it must lie in 1 .. {}", key, value, highest));
  }
}

// A value as a message shows it, cut so that a hostile file cannot flood a terminal.
std::string shown(const json& value) {
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > 80) text = text.substr(0, 77) + "...";
  return text;
}

// Reads keys of one config.json; every message names file, key and value.
class ConfigReader {
 public:
  ConfigReader(const json& object, const std::string& source) : object_(object), source_(source) {}

  // The value under one of several names of the same setting; nullptr if absent or null.
  const json* find(std::initializer_list<const char*> keys) const {
    const json* found = nullptr;
    const char* found_key = nullptr;
    for (const char* key : keys) {
      const auto entry = object_.find(key);
      if (entry == object_.end() || entry->is_null()) continue;
      if (found != nullptr && *found != *entry) {
        fail(source_ + ": " + found_key + " is " + shown(*found) + " but " + key +
             ", another name for it, is " + shown(*entry) + "; keep one of them");
      }
      found = &*entry;
      found_key = key;
    }
    return found;
  }

  int required_int(std::initializer_list<const char*> keys) const {
    const json* value = find(keys);
    if (value == nullptr) {
      fail(source_ + ": " + *keys.begin() +
           " is missing; a GPT-2 configuration needs it: add the value used in training");
    }
    return to_int(*keys.begin(), *value);
  }

  int int_or(const char* key, int fallback) const {
    const json* value = find({key});
    return value == nullptr ? fallback : to_int(key, *value);
  }

  bool bool_or(const char* key, bool fallback) const {
    const json* value = find({key});
    if (value == nullptr) return fallback;
    if (!value->is_boolean()) bad(key, *value, "true or false");
    return value->get<bool>();
  }

  double number_or(const char* key, double fallback) const {
    const json* value = find({key});
    if (value == nullptr) return fallback;
    if (!value->is_number()) bad(key, *value, "a number");
    return value->get<double>();
  }

  std::string string_or(const char* key, const std::string& fallback) const {
    const json* value = find({key});
    if (value == nullptr) return fallback;
    if (!value->is_string()) bad(key, *value, "a string");
    return value->get<std::string>();
  }

  // A token id. Hugging Face leaves GPT-2's 50256 in configurations of smaller vocabularies; an id
  // without a token can never occur, which is the same as none.
  std::optional<int> token_id(const char* key, int vocab_size) const {
    const json* value = find({key});
    if (value == nullptr) return std::nullopt;
    // Of several the first is the one to begin and end documents with; all of them end a text, see
    // engine/generation_config.h.
    const bool several = value->is_array() && std::string_view(key) == "eos_token_id";
    if (value->is_array() && (several ? !value->empty() : value->size() == 1)) {
      value = &value->front();
    }
    if (value->is_array()) bad(key, *value, several ? "a token id or several" : "one token id");
    const int id = to_int(key, *value);
    if (id < 0) bad(key, *value, "a token id of 0 or more, or null");
    return id < vocab_size ? std::optional<int>(id) : std::nullopt;
  }

  [[noreturn]] void bad(const char* key, const json& value, const std::string& allowed) const {
    fail(source_ + ": " + key + " is " + shown(value) + "; expected " + allowed);
  }

  // Settings that would change what the model computes in a way medgen does not support.
  void refuse_unsupported() const {
    const json* type = find({"model_type"});
    if (type != nullptr && *type != "gpt2") {
      bad("model_type", *type, "\"gpt2\"; other architectures cannot be converted");
    }
    for (const char* key : {"add_cross_attention", "is_encoder_decoder"}) {
      if (bool_or(key, false)) bad(key, true, "false; medgen runs decoder-only models");
    }
    for (const char* key : {"pruned_heads", "quantization_config", "auto_map"}) {
      const json* value = find({key});
      if (value != nullptr && !value->empty()) {
        bad(key, *value, "nothing; save the model as a plain GPT-2 first");
      }
    }
  }

 private:
  int to_int(const char* key, const json& value) const {
    const bool fits = value.is_number_unsigned()
                          ? value.get<std::uint64_t>() <= std::numeric_limits<int>::max()
                          : value.is_number_integer() &&
                                value.get<std::int64_t>() >= std::numeric_limits<int>::min();
    if (!fits) bad(key, value, "a whole number below 2^31");
    return value.get<int>();
  }

  const json& object_;
  const std::string& source_;
};

}  // namespace

std::vector<ParameterSpec> parameter_specs(const ModelConfig& config) {
  const std::int64_t width = config.n_embd;
  const std::int64_t inner = config.n_inner;
  std::vector<ParameterSpec> specs = {
      {"transformer.wte.weight", {config.vocab_size, width}},
      {"transformer.wpe.weight", {config.n_positions, width}},
  };
  for (int layer = 0; layer < config.n_layer; ++layer) {
    const std::string block = fmt::format("transformer.h.{}.", layer);
    specs.insert(specs.end(), {
                                  {block + "ln_1.weight", {width}},
                                  {block + "ln_1.bias", {width}},
                                  {block + "attn.c_attn.weight", {width, 3 * width}},
                                  {block + "attn.c_attn.bias", {3 * width}},
                                  {block + "attn.c_proj.weight", {width, width}},
                                  {block + "attn.c_proj.bias", {width}},
                                  {block + "ln_2.weight", {width}},
                                  {block + "ln_2.bias", {width}},
                                  {block + "mlp.c_fc.weight", {width, inner}},
                                  {block + "mlp.c_fc.bias", {inner}},
                                  {block + "mlp.c_proj.weight", {inner, width}},
                                  {block + "mlp.c_proj.bias", {width}},
                              });
  }
  specs.push_back({"transformer.ln_f.weight", {width}});
  specs.push_back({"transformer.ln_f.bias", {width}});
  if (!config.tie_word_embeddings) specs.push_back({"lm_head.weight", {config.vocab_size, width}});
  return specs;
}

}  // namespace medgen::bundle

namespace medgen {
using namespace bundle;

std::int64_t ModelConfig::parameter_count() const {
  const std::int64_t width = n_embd;
  const std::int64_t inner = n_inner;
  const std::int64_t block = 4 * width + (3 * width + 1) * width + 2 * width + (width + 1) * width +
                             (width + 1) * inner + (inner + 1) * width;
  const std::int64_t embeddings = (std::int64_t{vocab_size} + n_positions) * width;
  const std::int64_t head = tie_word_embeddings ? 0 : std::int64_t{vocab_size} * width;
  return embeddings + n_layer * block + 2 * width + head;
}

void validate(const ModelConfig& config) {
  check_range("vocab_size", config.vocab_size, kMaxVocab);
  check_range("n_positions", config.n_positions, kMaxPositions);
  check_range("n_embd", config.n_embd, kMaxWidth);
  check_range("n_layer", config.n_layer, kMaxLayers);
  check_range("n_head", config.n_head, config.n_embd);
  check_range("n_inner", config.n_inner, kMaxInner);
  if (config.n_embd % config.n_head != 0) {
    fail(fmt::format(
        "n_head is {}, which does not divide n_embd {}; every head must have the same width",
        config.n_head, config.n_embd));
  }
  if (!std::isfinite(config.layer_norm_epsilon) || config.layer_norm_epsilon <= 0 ||
      config.layer_norm_epsilon > 1) {
    fail(fmt::format(
        "layer_norm_epsilon is {:f}; it must be above 0 and at most 1 (GPT-2's is 0.00001)",
        config.layer_norm_epsilon));
  }
  activation_formula(config.activation_function);  // refuses an unknown name
  for (const auto& [key, id] : {std::pair{"bos_token_id", config.bos_token_id},
                                std::pair{"eos_token_id", config.eos_token_id}}) {
    if (id && (*id < 0 || *id >= config.vocab_size)) {
      fail(fmt::format("{} is {}; it must lie in 0 .. {}", key, *id, config.vocab_size - 1));
    }
  }
  if (config.parameter_count() > kMaxParameters) {
    fail(
        fmt::format("the configuration describes {} parameters; at most {} are supported, check "
                    "vocab_size, n_embd and n_layer",
                    config.parameter_count(), kMaxParameters));
  }
}

}  // namespace medgen

namespace medgen::bundle {

ModelConfig parse_config(std::string_view text, const std::string& source) {
  const json object = parse_json_object(text, source);
  const ConfigReader reader(object, source);
  reader.refuse_unsupported();
  ModelConfig config;
  config.vocab_size = reader.required_int({"vocab_size"});
  // Early releases wrote n_ctx; if both are present, the model's table follows n_positions.
  config.n_positions = reader.find({"n_positions", "max_position_embeddings"}) != nullptr
                           ? reader.required_int({"n_positions", "max_position_embeddings"})
                           : reader.required_int({"n_positions", "n_ctx"});
  config.n_embd = reader.required_int({"n_embd", "hidden_size"});
  config.n_layer = reader.required_int({"n_layer", "num_hidden_layers"});
  config.n_head = reader.required_int({"n_head", "num_attention_heads"});
  // Bounded before 4 * n_embd is computed.
  if (config.n_embd > kMaxWidth) check_range("n_embd", config.n_embd, kMaxWidth);
  config.n_inner = reader.int_or("n_inner", 4 * config.n_embd);
  config.activation_function = reader.string_or("activation_function", "gelu_new");
  config.layer_norm_epsilon = reader.number_or("layer_norm_epsilon", 1e-5);
  config.scale_attn_weights = reader.bool_or("scale_attn_weights", true);
  config.scale_attn_by_inverse_layer_idx = reader.bool_or("scale_attn_by_inverse_layer_idx", false);
  config.reorder_and_upcast_attn = reader.bool_or("reorder_and_upcast_attn", false);
  config.tie_word_embeddings = reader.bool_or("tie_word_embeddings", true);
  config.bos_token_id = reader.token_id("bos_token_id", config.vocab_size);
  config.eos_token_id = reader.token_id("eos_token_id", config.vocab_size);
  try {
    validate(config);
  } catch (const Error& error) {
    throw Error(error.code(), source + ": " + error.what());
  }
  return config;
}

ModelConfig read_config(const std::filesystem::path& config_json) {
  constexpr std::uint64_t kMaxBytes = 16U << 20U;
  return parse_config(base::read_file(config_json, kMaxBytes, ErrorCode::kModel),
                      config_json.string());
}

std::string config_to_json(const ModelConfig& config) {
  const auto id = [](const std::optional<int>& token) { return token ? json(*token) : json(); };
  const nlohmann::ordered_json object = {
      {"model_type", "gpt2"},
      {"architectures", {"GPT2LMHeadModel"}},
      {"vocab_size", config.vocab_size},
      {"n_positions", config.n_positions},
      {"n_embd", config.n_embd},
      {"n_layer", config.n_layer},
      {"n_head", config.n_head},
      {"n_inner", config.n_inner},
      {"activation_function", config.activation_function},
      {"layer_norm_epsilon", config.layer_norm_epsilon},
      {"scale_attn_weights", config.scale_attn_weights},
      {"scale_attn_by_inverse_layer_idx", config.scale_attn_by_inverse_layer_idx},
      {"reorder_and_upcast_attn", config.reorder_and_upcast_attn},
      {"tie_word_embeddings", config.tie_word_embeddings},
      {"bos_token_id", id(config.bos_token_id)},
      {"eos_token_id", id(config.eos_token_id)},
  };
  return object.dump(2) + "\n";
}

}  // namespace medgen::bundle
