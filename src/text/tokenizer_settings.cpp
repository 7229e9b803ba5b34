// See the header. docs/MODELS.md says of every key what becomes of it.
#include "text/tokenizer_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "text/vocabulary_builder.h"

namespace medgen::text {
namespace {

using Json = nlohmann::json;
using Path = std::filesystem::path;

constexpr std::array kRoles = {"bos_token", "eos_token", "unk_token", "sep_token",
                               "pad_token", "cls_token", "mask_token"};
constexpr std::array kListsOfSpecialTokens = {"additional_special_tokens", "extra_special_tokens",
                                              "model_specific_special_tokens"};

// Keys of tokenizer_config.json that change no ids in the classes that are read.
constexpr std::array kWithoutEffect = {"auto_map",
                                       "backend",
                                       "chat_template",
                                       "clean_up_tokenization_spaces",
                                       "device_map",
                                       "errors",
                                       "is_local",
                                       "local_files_only",
                                       "max_len",
                                       "max_length",
                                       "merges_file",
                                       "model_input_names",
                                       "model_max_length",
                                       "name_or_path",
                                       "pad_to_multiple_of",
                                       "pad_token_type_id",
                                       "padding",
                                       "padding_side",
                                       "processor_class",
                                       "response_schema",
                                       "return_token_type_ids",
                                       "sp_model_kwargs",
                                       "spaces_between_special_tokens",
                                       "special_tokens_map_file",
                                       "split_special_tokens",
                                       "stride",
                                       "tokenizer_file",
                                       "torch_dtype",
                                       "trim_offsets",
                                       "truncation",
                                       "truncation_side",
                                       "truncation_strategy",
                                       "unk_id",
                                       "use_default_system_prompt",
                                       "use_fast",
                                       "verbose",
                                       "vocab_file",
                                       "_commit_hash",
                                       "_from_auto",
                                       "transformers_version"};

template <typename List>
bool holds(const List& list, std::string_view word) {
  return std::ranges::find(list, word) != std::ranges::end(list);
}

std::set<std::string> texts_of(const std::vector<TokenizerSettings::Named>& tokens) {
  std::set<std::string> texts;
  for (const TokenizerSettings::Named& named : tokens) texts.insert(named.rule.text);
  return texts;
}

bool file_is_there(const Path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

Json read_object(const Path& file) {
  Json root = read_bounded_json(file);
  if (!root.is_object()) refuse_file(file, "is not a JSON object");
  return root;
}

// Fills settings from one folder.
class SettingsReader {
 public:
  explicit SettingsReader(const Path& folder) : folder_(folder) {}
  TokenizerSettings read();

 private:
  std::optional<bool> flag(const Json& root, const char* key) const;
  void read_config(const Json& root);
  void read_decoder(const Json& decoder);
  void read_names(const Path& file, const Json& root);
  void read_name(const Path& file, const std::string& role, const std::string& key,
                 const Json& value);
  void read_special_tokens_map();
  void read_added_tokens();

  Path folder_;
  TokenizerSettings settings_;
};

std::optional<bool> SettingsReader::flag(const Json& root, const char* key) const {
  const auto found = root.find(key);
  if (found == root.end() || found->is_null()) return std::nullopt;
  if (!found->is_boolean()) {
    refuse_file(settings_.config, fmt::format("{} is {}; it must be true or false", key,
                                              in_quotes(found->dump(-1, ' ', true))));
  }
  return found->get<bool>();
}

// A token is a text, or an object as in added_tokens_decoder.
void SettingsReader::read_name(const Path& file, const std::string& role, const std::string& key,
                               const Json& value) {
  AddedTokenRule rule;
  if (value.is_object()) {
    rule = read_added_token(file, in_quotes(key), value, true);
  } else if (value.is_string() && !value.get_ref<const std::string&>().empty()) {
    rule.text = value.get<std::string>();
  } else {
    refuse_file(file, fmt::format("{} is {}; it must be the text of a token", in_quotes(key),
                                  in_quotes(value.dump(-1, ' ', true))));
  }
  rule.special = true;
  if (!role.empty()) {  // a later file's word counts
    std::erase_if(settings_.named, [&](const auto& named) { return named.role == role; });
    std::erase(settings_.without, role);
  }
  settings_.named.push_back({role, file, std::move(rule)});
}

void SettingsReader::read_names(const Path& file, const Json& root) {
  for (const auto& [key, value] : root.items()) {
    if (holds(kListsOfSpecialTokens, key)) {
      if (value.is_null()) continue;
      if (!value.is_array() && !value.is_object())
        refuse_file(file, key + " is neither a list nor an object of tokens");
      for (const auto& [name, one] : value.items()) read_name(file, "", key, one);
    } else if (holds(kRoles, key)) {
      if (value.is_null()) {
        settings_.without.push_back(key);
      } else {
        read_name(file, key, key, value);
      }
    } else if (key.ends_with("_token") && (value.is_string() || value.is_object())) {
      read_name(file, "", key, value);  // a token of the model's own, as transformers 5 has them
    }
  }
}

void SettingsReader::read_decoder(const Json& decoder) {
  const Path& file = settings_.config;
  if (!decoder.is_object()) refuse_file(file, "added_tokens_decoder is not an object");
  settings_.has_decoder = true;
  for (const auto& [key, entry] : decoder.items()) {
    AddedTokenRule rule = read_added_token(file, "added_tokens_decoder", entry, false);
    const bool digits =
        !key.empty() && key.size() <= 9 && key.find_first_not_of("0123456789") == std::string::npos;
    if (!digits) refuse_id(file, rule.text, in_quotes(key));
    rule.id = token_id(file, rule.text, Json(std::stoll(key)));
    settings_.added.push_back({file, std::move(rule)});
  }
}

void SettingsReader::read_config(const Json& root) {
  const Path& file = settings_.config;
  for (const auto& [key, value] : root.items()) {
    const bool known = holds(kRoles, key) || holds(kListsOfSpecialTokens, key) ||
                       holds(kWithoutEffect, key) || key == "added_tokens_decoder" ||
                       key == "tokenizer_class" || key == "add_prefix_space" ||
                       key == "add_bos_token" || key == "add_eos_token" || key == "legacy";
    const bool names_a_token =
        key.ends_with("_token") && (value.is_string() || value.is_object() || value.is_null());
    const bool is_off = value.is_boolean() && !value.get<bool>();
    const bool says_nothing = is_off || value == 0 || value == "" || value.empty();
    if (known || names_a_token || says_nothing) continue;
    refuse_file(file, "has the key " + in_quotes(key) +
                          ", which is not known, so it could change the tokens; remove it if it "
                          "changes nothing");
  }
  if (const auto name = root.find("tokenizer_class"); name != root.end() && !name->is_null()) {
    if (!name->is_string()) refuse_file(file, "tokenizer_class is not a text");
    settings_.tokenizer_class = name->get<std::string>();
    if (settings_.tokenizer_class.ends_with("Fast"))
      settings_.tokenizer_class.resize(settings_.tokenizer_class.size() - 4);
  }
  settings_.add_prefix_space = flag(root, "add_prefix_space");
  settings_.add_bos_token = flag(root, "add_bos_token");
  settings_.add_eos_token = flag(root, "add_eos_token");
  settings_.legacy = flag(root, "legacy");
  if (const auto decoder = root.find("added_tokens_decoder"); decoder != root.end())
    read_decoder(*decoder);
  read_names(file, root);
}

void SettingsReader::read_special_tokens_map() {
  const Path file = folder_ / "special_tokens_map.json";
  if (!file_is_there(file)) return;
  const Json root = read_object(file);
  if (settings_.has_decoder) return;
  for (const auto& [key, value] : root.items()) {
    if (!holds(kRoles, key) && !holds(kListsOfSpecialTokens, key) && !key.ends_with("_token"))
      refuse_file(file, "has the key " + in_quotes(key) + ", which names no special token");
  }
  read_names(file, root);
}

void SettingsReader::read_added_tokens() {
  const Path file = folder_ / "added_tokens.json";
  if (!file_is_there(file)) return;
  const Json root = read_object(file);
  if (settings_.has_decoder) return;
  const std::set<std::string> named = texts_of(settings_.named);
  for (const auto& [token, id] : root.items()) {
    if (token.empty()) refuse_file(file, "a token is empty");
    const bool special = named.contains(token);
    settings_.added.push_back({file,
                               {.text = token,
                                .id = token_id(file, token, id),
                                .special = special,
                                .normalized = !special}});
  }
}

TokenizerSettings SettingsReader::read() {
  if (file_is_there(folder_ / "tokenizer_config.json")) {
    settings_.config = folder_ / "tokenizer_config.json";
    read_config(read_object(settings_.config));
  }
  read_special_tokens_map();
  read_added_tokens();
  // Those without an id get theirs in this order.
  std::ranges::stable_sort(settings_.named, {}, [](const auto& named) {
    return named.role.empty() ? kRoles.end() : std::ranges::find(kRoles, named.role);
  });
  std::ranges::stable_sort(settings_.added, {}, [](const auto& stated) { return stated.rule.id; });
  return std::move(settings_);
}

bool is_gpt2_class(const std::string& name) { return name == "GPT2Tokenizer"; }

void require_known_class(const TokenizerSettings& settings) {
  const std::string& name = settings.tokenizer_class;
  if (name.empty() || is_gpt2_class(name) || name == "PreTrainedTokenizer" ||
      name == "TokenizersBackend") {
    return;
  }
  refuse_file(settings.config,
              "tokenizer_class is " + in_quotes(name) +
                  "; for byte-level BPE, GPT2Tokenizer, PreTrainedTokenizerFast and "
                  "TokenizersBackend are supported");
}

void set_prefix_space(const TokenizerSettings& settings, bool has_json,
                      Gpt2Vocabulary& vocabulary) {
  if (settings.config.empty() || !vocabulary.is_plain_byte_level) return;
  const bool gpt2 = is_gpt2_class(settings.tokenizer_class);
  if (!settings.add_prefix_space && has_json && !gpt2) return;
  const bool wanted = settings.add_prefix_space.value_or(false);
  auto& steps = vocabulary.pre_tokenizer;
  const bool has = std::ranges::find(steps, PreTokenizerStep::kAddPrefixSpace) != steps.end();
  if (wanted == has) return;
  if (has_json && !gpt2 && !settings.tokenizer_class.empty()) {
    refuse_file(settings.config,
                "add_prefix_space is not what tokenizer.json beside it says, and versions of "
                "transformers differ in which counts; make them the same");
  }
  if (wanted) {
    steps.insert(steps.begin(), PreTokenizerStep::kAddPrefixSpace);
  } else {
    std::erase(steps, PreTokenizerStep::kAddPrefixSpace);
  }
}

// Where transformers reads a tokenizer.json it leaves these two to its post-processor.
void set_frame(const TokenizerSettings& settings, bool has_json, Gpt2Vocabulary& vocabulary) {
  if (has_json && !settings.tokenizer_class.empty()) return;
  const TokenRoles& roles = vocabulary.roles;
  TextFrame& frame = vocabulary.frame;
  if (settings.add_bos_token.value_or(false) && roles.bos && frame.before.empty())
    frame.before.push_back(*roles.bos);
  if (settings.add_eos_token.value_or(false) && roles.eos && frame.after.empty())
    frame.after.push_back(*roles.eos);
}

}  // namespace

bool TokenizerSettings::is_without(const std::string& role) const { return holds(without, role); }

std::span<const char* const> keys_without_effect() { return kWithoutEffect; }

const std::vector<std::string>& settings_file_names() {
  static const std::vector<std::string> names = {"tokenizer_config.json", "special_tokens_map.json",
                                                 "added_tokens.json"};
  return names;
}

TokenizerSettings read_tokenizer_settings(const Path& folder) {
  return SettingsReader(folder).read();
}

std::string settings_that_change_ids(const Path& folder) {
  Json all = Json::object();
  for (const std::string& name : settings_file_names()) {
    if (!file_is_there(folder / name)) continue;
    Json root = read_object(folder / name);
    for (const char* key : kWithoutEffect) root.erase(key);
    for (const char* key : {"add_bos_token", "add_eos_token", "tokenizer_class", "legacy"})
      root.erase(key);
    if (!root.empty()) all[name] = std::move(root);
  }
  if (const TokenizerSettings settings = read_tokenizer_settings(folder);
      settings.has_sentencepiece_class()) {
    all["legacy"] = settings.legacy.value_or(true);
  }
  return all.empty() ? std::string() : all.dump();
}

void add_stated_tokens(const TokenizerSettings& settings, AddedTokenList& tokens) {
  const std::set<std::string> special = texts_of(settings.named);
  // A tokenizer.json's word of a token counts more than added_tokens.json's.
  for (const auto& [file, stated] : settings.added) {
    if (!settings.has_decoder && tokens.find(stated.text) != nullptr) continue;
    AddedTokenRule rule = stated;
    rule.special = rule.special || special.contains(rule.text);
    tokens.add(file, rule, rule.id);
  }
  for (const auto& [role, file, rule] : settings.named) {
    const AddedTokenRule* added = tokens.find(rule.text);
    if (added == nullptr) {
      tokens.add(file, rule, std::nullopt);
    } else if (!settings.has_decoder && !added->special) {
      AddedTokenRule changed = *added;
      changed.special = true;
      tokens.add(file, std::move(changed), std::nullopt);
    }
  }
}

TokenRoles roles_of(const TokenizerSettings& settings, const AddedTokenList& tokens,
                    const TokenRoles& otherwise) {
  const auto role = [&](const char* name, std::optional<TokenId> id) {
    if (settings.is_without(name)) id.reset();
    for (const auto& named : settings.named) {
      if (named.role == name) id = tokens.id_of(named.rule.text);
    }
    return id;
  };
  return {.bos = role("bos_token", otherwise.bos),
          .eos = role("eos_token", otherwise.eos),
          .pad = role("pad_token", otherwise.pad),
          .unk = role("unk_token", otherwise.unk)};
}

void apply_settings(const TokenizerSettings& settings, bool has_json, Gpt2Vocabulary& vocabulary) {
  if (settings.empty()) return;
  require_known_class(settings);
  AddedTokenList tokens(model_of(vocabulary));
  const Path& file = settings.config;
  for (const AddedTokenRule& rule : vocabulary.added) tokens.add(file, rule, rule.id);
  add_stated_tokens(settings, tokens);
  TokenRoles otherwise = vocabulary.roles;
  // What GPT2Tokenizer takes where nothing is said.
  const auto end = vocabulary.ids.find(kEndOfText);
  if (is_gpt2_class(settings.tokenizer_class) && end != vocabulary.ids.end()) {
    if (tokens.find(kEndOfText) == nullptr)
      tokens.add(file, {.text = kEndOfText, .special = true}, std::nullopt);
    otherwise.bos = otherwise.eos = otherwise.unk = end->second;
  }
  vocabulary.roles = roles_of(settings, tokens, otherwise);
  set_added_tokens(vocabulary, tokens);
  set_prefix_space(settings, has_json, vocabulary);
  set_frame(settings, has_json, vocabulary);
}

}  // namespace medgen::text
