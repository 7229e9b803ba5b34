// Reading training and evaluation text. One line is held at a time, so a file of any size will do.
#include "corpus/documents.h"

#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "medgen/error.h"

namespace medgen {
namespace {

constexpr std::size_t kMaxLineBytes = std::size_t{64} << 20;

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& why) {
  throw Error(ErrorCode::kRuntime, "cannot read " + path.string() + ": " + why);
}

// Hands out the bytes of a file in blocks, decompressed if its name ends in .zst.
class BlockReader {
 public:
  explicit BlockReader(const std::filesystem::path& path)
      : path_(path), compressed_(path.extension() == ".zst") {
    if (std::filesystem::is_directory(path)) fail(path, "it is a folder; name a .jsonl file");
    file_.open(path, std::ios::binary);
    if (!file_) fail(path, std::strerror(errno));
    input_.resize(compressed_ ? ZSTD_DStreamInSize() : std::size_t{1} << 16);
    if (compressed_) {
      stream_.reset(ZSTD_createDStream());
      output_.resize(ZSTD_DStreamOutSize());
    }
  }

  // Empty at the end of the file.
  std::string_view next() {
    if (!compressed_) return read_raw();
    while (true) {
      if (pending_.pos == pending_.size) {
        const std::string_view raw = read_raw();
        if (raw.empty()) {
          if (frame_left_ != 0) fail(path_, "the zstd data ends early; is the file whole?");
          return {};
        }
        pending_ = {raw.data(), raw.size(), 0};
      }
      ZSTD_outBuffer out{output_.data(), output_.size(), 0};
      frame_left_ = ZSTD_decompressStream(stream_.get(), &out, &pending_);
      if (ZSTD_isError(frame_left_) != 0U) {
        fail(path_, std::string("zstd: ") + ZSTD_getErrorName(frame_left_));
      }
      if (out.pos > 0) return {output_.data(), out.pos};
    }
  }

 private:
  std::string_view read_raw() {
    file_.read(input_.data(), static_cast<std::streamsize>(input_.size()));
    if (file_.bad()) fail(path_, std::strerror(errno));
    return {input_.data(), static_cast<std::size_t>(file_.gcount())};
  }

  struct FreeStream {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  std::filesystem::path path_;
  bool compressed_;
  std::ifstream file_;
  std::vector<char> input_;
  std::vector<char> output_;
  std::unique_ptr<ZSTD_DStream, FreeStream> stream_;
  ZSTD_inBuffer pending_{nullptr, 0, 0};
  std::size_t frame_left_ = 0;
};

std::optional<Document> parse(const std::string& line) {
  const auto record = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!record.is_object()) return std::nullopt;
  const auto text_of = [&](const char* key) -> std::optional<std::string> {
    const auto it = record.find(key);
    if (it == record.end() || !it->is_string()) return std::nullopt;
    return it->get<std::string>();
  };
  Document document;
  document.source = text_of("source").value_or("");
  if (auto text = text_of("text")) {
    document.text = std::move(*text);
  } else {
    const auto question = text_of("question");
    const auto answer = text_of("answer");
    if (!question || !answer) return std::nullopt;
    document.text = "Question: " + *question + "\nAnswer: " + *answer;
  }
  return document;
}

std::string group_of(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  return name.substr(0, name.find('.'));
}

}  // namespace

std::uint64_t read_documents(const std::filesystem::path& path,
                             const std::function<void(Document&&)>& visit) {
  BlockReader reader(path);
  const std::string group = group_of(path);
  std::uint64_t skipped = 0;
  std::string line;
  const auto take_line = [&] {
    if (line.find_first_not_of(" \t\r") != std::string::npos) {
      if (auto document = parse(line)) {
        document->group = group;
        visit(std::move(*document));
      } else {
        ++skipped;
      }
    }
    line.clear();
  };
  for (std::string_view block = reader.next(); !block.empty(); block = reader.next()) {
    while (!block.empty()) {
      const std::size_t end = block.find('\n');
      line.append(block.substr(0, end));
      if (line.size() > kMaxLineBytes) fail(path, "a line is longer than 64 MiB");
      if (end == std::string_view::npos) break;
      take_line();
      block.remove_prefix(end + 1);
    }
  }
  take_line();
  return skipped;
}

double weight_of(const Document& document, const std::vector<SourceWeight>& weights) {
  for (const SourceWeight& entry : weights) {
    if (entry.name == document.source || entry.name == document.group) return entry.weight;
  }
  return 1.0;
}

}  // namespace medgen
