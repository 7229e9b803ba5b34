// Opens a tokenizer by its path: decides which kind it is and which files it needs.
#include <algorithm>
#include <string>

#include "base/files.h"
#include "medgen/error.h"
#include "medgen/tokenizer.h"
#include "text/added_tokens.h"
#include "text/gpt2_bpe.h"
#include "text/gpt2_vocabulary.h"
#include "text/sentencepiece_tokenizer.h"
#include "text/tokenizer_settings.h"

namespace medgen {
using namespace text;
namespace {

using Path = std::filesystem::path;

constexpr std::uint64_t kMaxModelBytes = 16ULL << 20;  // the largest in use have 5 MB

bool is_there(const Path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

Path folder_of(const Path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return path;
  return path.has_parent_path() ? path.parent_path() : Path(".");
}

std::vector<Path> vocabulary_in_folder(const Path& folder) {
  for (const char* name : {"tokenizer.model", "spiece.model", "tokenizer.json"}) {
    if (is_there(folder / name)) return {folder / name};
  }
  const Path vocab = folder / "vocab.json";
  const Path merges = folder / "merges.txt";
  if (is_there(vocab) && is_there(merges)) return {vocab, merges};
  std::string message =
      folder.string() +
      " holds no tokenizer: looked for tokenizer.model, spiece.model, tokenizer.json, and "
      "vocab.json with merges.txt";
  if (is_there(vocab) || is_there(merges)) {
    message += std::string("; found ") + (is_there(vocab) ? "vocab.json without merges.txt"
                                                          : "merges.txt without vocab.json");
  }
  throw Error(ErrorCode::kModel, message);
}

std::vector<Path> vocabulary_files(const Path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    throw Error(ErrorCode::kModel,
                path.string() +
                    ": no such file or folder; a tokenizer is a folder with tokenizer.model, "
                    "vocab.json and merges.txt, or tokenizer.json, or one of these files");
  }
  if (std::filesystem::is_directory(status)) return vocabulary_in_folder(path);
  if (path.filename() == "vocab.json") {
    const Path merges = path.parent_path() / "merges.txt";
    if (is_there(merges)) return {path, merges};
    throw Error(ErrorCode::kModel, path.string() + ": there is no merges.txt beside it");
  }
  if (path.extension() == ".model" || path.extension() == ".json") return {path};
  throw Error(ErrorCode::kModel,
              path.string() +
                  ": its name is not a tokenizer's; expected a .model file "
                  "(SentencePiece), a tokenizer.json, a vocab.json, or a folder");
}

std::unique_ptr<Tokenizer> load_byte_level(const std::vector<Path>& files,
                                           const TokenizerSettings& settings,
                                           std::optional<TokenId> model_ids) {
  const bool has_json = files.size() == 1;
  Gpt2Vocabulary vocabulary =
      has_json ? read_tokenizer_json(files[0]) : read_vocab_and_merges(files[0], files[1]);
  TokenId own_ids = 0;
  for (const auto& [piece, id] : vocabulary.ids) own_ids = std::max(own_ids, id + 1);
  apply_settings(settings, has_json, vocabulary);
  if (model_ids && may_be_of_model(own_ids, *model_ids)) vocabulary.id_limit = model_ids;
  return std::make_unique<Gpt2Bpe>(std::move(vocabulary), files[0].string());
}

std::unique_ptr<Tokenizer> load_any(const Path& path, std::optional<TokenId> model_ids) {
  const std::vector<Path> files = vocabulary_files(path);
  const TokenizerSettings settings = read_tokenizer_settings(folder_of(path));
  if (files.front().extension() != ".model") return load_byte_level(files, settings, model_ids);
  return make_sentencepiece_tokenizer(
      base::read_file(files.front(), kMaxModelBytes, ErrorCode::kModel), files.front().string(),
      {settings, model_ids});
}

}  // namespace

std::vector<Path> tokenizer_files(const Path& path) {
  std::vector<Path> files = vocabulary_files(path);
  for (const std::string& name : settings_file_names()) {
    if (is_there(folder_of(path) / name)) files.push_back(folder_of(path) / name);
  }
  return files;
}

std::unique_ptr<Tokenizer> load_tokenizer(const Path& path) { return load_any(path, std::nullopt); }

std::unique_ptr<Tokenizer> load_tokenizer(const Path& path, int model_vocab_size) {
  return load_any(path, model_vocab_size);
}

}  // namespace medgen
