// The texts of a model folder as a fuzzer feeds them: JSON in every form that is
// read, vocabularies, safetensors. Any bytes must give a value within its bounds, or an Error.
#pragma once

#include <cstdlib>
#include <string>

#include "base/json.h"
#include "bundle/config.h"
#include "bundle/manifest.h"
#include "bundle/safetensors.h"
#include "engine/generation_config.h"
#include "fuzz/input_file.h"
#include "medgen/error.h"
#include "medgen/templates.h"
#include "text/gpt2_bpe.h"
#include "text/gpt2_vocabulary.h"
#include "text/sentencepiece_check.h"
#include "text/tokenizer_settings.h"
#include "text/utf8.h"

namespace medgen::fuzz {

inline void require_bounded(bool holds) {
  if (!holds) std::abort();
}

// What an Error says must be text that can be printed.
template <typename Read>
void try_reading(Read&& read) {
  try {
    read();
  } catch (const Error& error) {
    require_bounded(!text::find_invalid_utf8(error.what()));
  }
}

inline void run_json(const std::string& data) {
  const auto value = base::parse_json<nlohmann::ordered_json>(data);
  const std::string fault = base::json_fault(data, "");
  require_bounded(!text::find_invalid_utf8(fault));
  if (value.is_discarded()) return;
  require_bounded(fault.empty() && base::json_depth(data) <= base::kMaxJsonDepth);
  const std::string again = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  require_bounded(!base::parse_json<nlohmann::ordered_json>(again).is_discarded());
}

inline void run_config(const std::string& data) {
  try_reading([&] { require_bounded(bundle::parse_config(data, "input").vocab_size > 0); });
}

inline void run_generation_config(const std::string& data) {
  try_reading([&] {
    const engine::ModelDefaults defaults = engine::parse_generation_config(data, "input");
    require_bounded(defaults.notes.size() <= 4);
    for (const std::string& note : defaults.notes) require_bounded(note.size() < 4000);
    const DecodingSettings settings =
        engine::settings_for(engine::SettingsJson::object(), defaults);
    require_bounded(settings.sampling.temperature >= 0);
  });
}

inline void run_manifest(const std::string& data) {
  try_reading([&] {
    const Manifest manifest = bundle::parse_manifest(data, "input");
    for (const BundleFile& file : manifest.files) {
      require_bounded(bundle::is_plain_file_name(file.name));
    }
    const std::string again = bundle::manifest_to_json(manifest);
    require_bounded(bundle::parse_manifest(again, "again").files.size() == manifest.files.size());
  });
}

inline void run_templates(const std::string& data) {
  try_reading([&] { require_bounded(!parse_templates(data, "input").empty()); });
}

inline void run_tokenizer_model(const std::string& data) {
  try_reading([&] { text::check_sentencepiece_model(data, "input"); });
}

inline void use_vocabulary(text::Gpt2Vocabulary vocabulary) {
  require_bounded(vocabulary.pieces.size() <= std::size_t{1} << 20U);
  const text::Gpt2Bpe made(std::move(vocabulary), "input");
  const Tokenizer& tokenizer = made;
  require_bounded(!text::find_invalid_utf8(tokenizer.decode(tokenizer.encode("I have a fever"))));
}

inline void run_tokenizer_json(const std::string& data) {
  static InputFolder folder("tokenizer_json");
  const auto file = folder.write("tokenizer.json", data);
  try_reading([&] { use_vocabulary(text::read_tokenizer_json(file)); });
}

// tokenizer_config.json, a NUL, special_tokens_map.json, a NUL and added_tokens.json.
inline void run_tokenizer_settings(const std::string& data) {
  static InputFolder folder("tokenizer_settings");
  std::size_t at = 0;
  for (const std::string& name : text::settings_file_names()) {
    const std::size_t end = std::min(data.find('\0', at), data.size());
    folder.write(name, at < data.size() ? data.substr(at, end - at) : "{}");
    at = std::min(end + 1, data.size());
  }
  try_reading([&] {
    text::Gpt2Vocabulary vocabulary;
    for (const char* piece : {"a", "b", "<|endoftext|>"}) {
      vocabulary.ids[piece] = static_cast<TokenId>(vocabulary.pieces.size());
      vocabulary.pieces.emplace_back(piece);
    }
    text::apply_settings(text::read_tokenizer_settings(folder.path()), false, vocabulary);
    use_vocabulary(std::move(vocabulary));
  });
}

// vocab.json, a NUL and merges.txt.
inline void run_vocabulary(const std::string& data) {
  const std::size_t end = std::min(data.find('\0'), data.size());
  static InputFolder folder("vocabulary");
  const auto vocab = folder.write("vocab.json", data.substr(0, end));
  const auto merges = folder.write("merges.txt", data.substr(std::min(end + 1, data.size())));
  try_reading([&] { use_vocabulary(text::read_vocab_and_merges(vocab, merges)); });
}

inline void run_safetensors(const std::string& data) {
  static InputFolder folder("safetensors");
  const auto file = folder.write("model.safetensors", data);
  try_reading([&] {
    const auto tensors = bundle::Safetensors::open(file);
    for (const auto& entry : tensors.tensors()) {
      try_reading(
          [&] { require_bounded(tensors.read_float32(entry.first).size() <= data.size()); });
    }
  });
}

inline void run_safetensors_index(const std::string& data) {
  static InputFolder folder("safetensors_index");
  const auto file = folder.write("model.safetensors.index.json", data);
  try_reading([&] { bundle::Safetensors::open(file); });
}

}  // namespace medgen::fuzz
