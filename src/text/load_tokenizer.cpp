// Opens a tokenizer by its path: decides which kind it is and which files it needs.
#include <array>
#include <string>

#include "base/files.h"
#include "medgen/error.h"
#include "medgen/tokenizer.h"
#include "text/gpt2_bpe.h"
#include "text/gpt2_vocabulary.h"
#include "text/sentencepiece_tokenizer.h"

namespace medgen {
using namespace text;
namespace {

using Path = std::filesystem::path;

constexpr std::uint64_t kMaxModelBytes = 16ULL << 20;  // the largest in use have 5 MB

bool is_there(const Path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

std::vector<Path> files_in_folder(const Path& folder) {
  if (is_there(folder / "tokenizer.model")) return {folder / "tokenizer.model"};
  const Path vocab = folder / "vocab.json";
  const Path merges = folder / "merges.txt";
  if (is_there(vocab) && is_there(merges)) return {vocab, merges};
  if (is_there(folder / "tokenizer.json")) return {folder / "tokenizer.json"};
  std::string message =
      folder.string() +
      " holds no tokenizer: looked for tokenizer.model, vocab.json with merges.txt, "
      "and tokenizer.json";
  if (is_there(vocab) || is_there(merges)) {
    message += std::string("; found ") + (is_there(vocab) ? "vocab.json without merges.txt"
                                                          : "merges.txt without vocab.json");
  }
  throw Error(ErrorCode::kModel, message);
}

}  // namespace

std::vector<Path> tokenizer_files(const Path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    throw Error(ErrorCode::kModel,
                path.string() +
                    ": no such file or folder; a tokenizer is a folder with tokenizer.model, "
                    "vocab.json and merges.txt, or tokenizer.json, or one of these files");
  }
  if (std::filesystem::is_directory(status)) return files_in_folder(path);
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

std::unique_ptr<Tokenizer> load_tokenizer(const Path& path) {
  const std::vector<Path> files = tokenizer_files(path);
  const Path& first = files.front();
  if (files.size() == 2) {
    return std::make_unique<Gpt2Bpe>(read_vocab_and_merges(first, files[1]), first.string());
  }
  if (first.extension() == ".model") {
    return make_sentencepiece_tokenizer(base::read_file(first, kMaxModelBytes, ErrorCode::kModel),
                                        first.string());
  }
  return std::make_unique<Gpt2Bpe>(read_tokenizer_json(first), first.string());
}

}  // namespace medgen
