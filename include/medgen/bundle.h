// A model on disk: a folder with model.pt (TorchScript), config.json, generation_config.json, the
// tokenizer's files, MODEL_CARD.md, optionally templates.json, and manifest.json, which holds the
// checksums of the others. Nothing here runs a model or needs libtorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "medgen/export.h"
#include "medgen/model_config.h"
#include "medgen/templates.h"
#include "medgen/tokenizer.h"

namespace medgen {

struct BundleFile {
  std::string name;        // a plain name inside the bundle's folder
  std::string sha256;      // 64 lower-case hexadecimal digits
  std::uint64_t size = 0;  // bytes
};

struct Manifest {
  int format_version = 1;
  std::string name;
  std::string tool_version;    // of the medgen that wrote the bundle
  std::string tokenizer_kind;  // Tokenizer::kind()
  std::string dtype;           // how model.pt stores parameters: "fp32" or "fp16"
  std::int64_t parameter_count = 0;
  // The fastest precision of the native engine whose perplexity on the probe text is within 0.5 %
  // of fp32's, and those perplexities; empty if not measured.
  std::string auto_precision;
  std::vector<std::pair<std::string, double>> probe_perplexity;
  std::vector<BundleFile> files;  // every file of the bundle but the manifest, by name
};

// Immutable, so safe to read from several threads.
class MEDGEN_API Bundle {
 public:
  // Verifies everything that can be verified without running the model: the manifest, size and
  // SHA-256 of every file, the configuration, the tokenizer and that its ids fit the model. Throws
  // Error(kModel) naming the file, what was expected, what was found and the remedy.
  static Bundle open(const std::filesystem::path& directory);

  // The same except the checksum of model.pt, for callers that may not need to read it. They call
  // verify_model() before they do.
  static Bundle open_without_model(const std::filesystem::path& directory);
  void verify_model() const;  // throws Error(kModel)

  const std::filesystem::path& directory() const { return directory_; }
  const std::string& name() const { return manifest_.name; }
  const Manifest& manifest() const { return manifest_; }
  const ModelConfig& config() const { return config_; }
  // generation_config.json, a JSON object. Model::defaults() is what it comes to.
  const std::string& generation_config() const { return generation_config_; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  std::shared_ptr<const Tokenizer> shared_tokenizer() const { return tokenizer_; }
  std::filesystem::path model_pt() const { return directory_ / "model.pt"; }
  const std::string& sha256() const;  // of model.pt
  // The token put before every prompt: that of the tokenizer's text_frame(), or where
  // tokenizer_config.json says `"add_bos_token": true` but names no token, config().bos_token_id.
  std::optional<TokenId> prompt_prefix() const { return prompt_prefix_; }
  // The text on which precisions are compared: probe.txt, or empty for medgen's own.
  const std::string& probe_text() const { return probe_text_; }
  std::string model_card() const;  // untrusted text: may contain control characters
  // The forms of templates.json by task; empty if the bundle has no such file.
  const Templates& templates() const { return templates_; }

 private:
  Bundle() = default;
  static Bundle read(const std::filesystem::path& directory, bool with_model);

  std::filesystem::path directory_;
  Manifest manifest_;
  ModelConfig config_;
  std::string generation_config_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::optional<TokenId> prompt_prefix_;
  Templates templates_;
  std::string probe_text_;
};

// Makes a bundle beside its final place, and moves it there when it is complete. Destroyed before
// commit(), it leaves nothing behind. Call the add_ functions once each, write model_pt(), commit.
class MEDGEN_API BundleWriter {
 public:
  // Throws Error(kUsage) if `directory` exists and is not empty, unless `replace` and it is a
  // bundle.
  explicit BundleWriter(const std::filesystem::path& directory, bool replace = false);
  BundleWriter(BundleWriter&&) noexcept;
  ~BundleWriter();

  const std::filesystem::path& staging() const;
  std::filesystem::path model_pt() const { return staging() / "model.pt"; }

  void add_config(const ModelConfig& config);
  // `tokenizer` is what load_tokenizer() takes. Throws Error(kModel) if its vocabulary has more ids
  // than the model of add_config(), which comes first; see load_tokenizer() for added tokens.
  void add_tokenizer(const std::filesystem::path& tokenizer);
  // The tokenizer's BOS goes before every prompt. Call it after add_tokenizer().
  void put_bos_before_prompts();
  // A Hugging Face generation_config.json; "" for one without settings. Throws Error(kModel) if it
  // is no JSON object; what its keys hold is checked where a model is opened.
  void add_generation_config(std::string_view json);
  void add_model_card(std::string_view markdown);
  // The text of a templates.json, which is optional in a bundle. Throws Error(kModel).
  void add_templates(std::string_view json);

  // The text of probe.txt, which is optional in a bundle.
  void add_probe_text(std::string_view text);

  // Computes the checksums, writes the manifest, opens the result as Bundle::open() would, calls
  // `last` with the folder, and renames. What throws on the way leaves nothing. `dtype` as in
  // Manifest.
  void commit(const std::string& name, const std::string& dtype,
              const std::function<void(const std::filesystem::path& staged)>& last = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Writes what was measured into the manifest of the bundle in `directory`. See Manifest.
MEDGEN_API void record_precision(
    const std::filesystem::path& directory, const std::string& auto_precision,
    const std::vector<std::pair<std::string, double>>& probe_perplexity);

}  // namespace medgen
