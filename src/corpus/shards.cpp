// Writing and opening token shards. Trusts no file it opens.
#include "corpus/shards.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "base/files.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/whole_number.h"
#include "base/write_failure.h"
#include "medgen/error.h"
#include "text/tokenizer_settings.h"

namespace medgen::corpus {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "shards are written as memory holds ids");

constexpr std::string_view kMagic = "MEDGTOK1";
constexpr std::size_t kHeaderBytes = 128;
constexpr std::size_t kBufferBytes = std::size_t{64} << 10U;
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kMaxReportBytes = std::uint64_t{64} << 20U;
constexpr const char* kPrepareAgain = "; prepare the corpus again";

[[noreturn]] void fail(const fs::path& path, const std::string& why) {
  throw Error(ErrorCode::kRuntime, path.string() + " " + why + kPrepareAgain);
}

[[noreturn]] void fail_write(const fs::path& path, int error) {
  throw Error(ErrorCode::kRuntime,
              "cannot write " + path.string() + ": " + base::write_failure(error));
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// `mode` as fopen's; writes at `offset` unless appending.
void write_at(const fs::path& path, const char* mode, std::string_view bytes) {
  std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), mode));
  if (!file) fail_write(path, errno);
  if (std::fwrite(bytes.data(), 1, bytes.size(), file.get()) != bytes.size()) {
    fail_write(path, errno);
  }
  if (std::fclose(file.release()) != 0) fail_write(path, errno);  // a full disk shows here
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

template <typename Number>
void put(std::string& out, std::size_t offset, Number value) {
  std::memcpy(out.data() + offset, &value, sizeof value);
}

template <typename Number>
Number get(std::string_view in, std::size_t offset) {
  Number value;
  std::memcpy(&value, in.data() + offset, sizeof value);
  return value;
}

int id_width_for(int vocab_size) { return vocab_size <= 65536 ? 2 : 4; }

std::string header_of(const ShardFile& file, const ShardTokenizer& tokenizer) {
  std::string header(kHeaderBytes, '\0');
  kMagic.copy(header.data(), kMagic.size());
  put(header, 8, kVersion);
  put(header, 12, static_cast<std::uint32_t>(id_width_for(tokenizer.vocab_size)));
  put(header, 16, file.tokens);
  put(header, 24, file.documents);
  put(header, 32, static_cast<std::uint32_t>(tokenizer.vocab_size));
  put(header, 36, static_cast<std::uint32_t>(tokenizer.eos_id));
  header.replace(40, 32, from_hex(tokenizer.sha256));
  header.replace(72, 32, from_hex(file.sha256));
  return header;
}

// The ids of a mapped file.
class Ids {
 public:
  Ids(const base::MappedFile& file, int width)
      : bytes_(file.bytes().substr(kHeaderBytes)), width_(static_cast<std::size_t>(width)) {}
  std::size_t size() const { return bytes_.size() / width_; }
  TokenId operator[](std::size_t i) const {
    return width_ == 2 ? static_cast<TokenId>(get<std::uint16_t>(bytes_, 2 * i))
                       : static_cast<TokenId>(get<std::uint32_t>(bytes_, 4 * i));
  }

 private:
  std::string_view bytes_;
  std::size_t width_;
};

class ShardDocuments : public TokenDocuments {
 public:
  ShardDocuments(int vocab_size, TokenId eos, std::uint64_t bytes)
      : width_(id_width_for(vocab_size)), eos_(eos), bytes_(bytes) {}

  void add_file(std::shared_ptr<const base::MappedFile> file, double weight) {
    const Ids ids(*file, width_);
    std::size_t begin = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] != eos_) continue;
      places_.push_back({begin, static_cast<std::uint32_t>(files_.size()),
                         static_cast<std::uint32_t>(i - begin)});
      begin = i + 1;
    }
    files_.push_back(std::move(file));
    weights_.push_back(weight);
  }

  std::size_t size() const override { return places_.size(); }
  double weight(std::size_t document) const override { return weights_[places_[document].file]; }
  TokenId eos() const override { return eos_; }
  std::uint64_t bytes() const override { return bytes_; }
  void append(std::size_t document, std::vector<TokenId>& out) const override {
    const Place& place = places_[document];
    const Ids ids(*files_[place.file], width_);
    for (std::size_t i = 0; i < place.tokens; ++i) out.push_back(ids[place.begin + i]);
  }

 private:
  struct Place {
    std::uint64_t begin;
    std::uint32_t file;
    std::uint32_t tokens;
  };
  int width_;
  TokenId eos_;
  std::uint64_t bytes_;
  std::vector<Place> places_;
  std::vector<std::shared_ptr<const base::MappedFile>> files_;
  std::vector<double> weights_;
};

// Checks a file's header against prepare.json.
void verify(const fs::path& path, const base::MappedFile& mapped, const ShardFile& file,
            const ShardTokenizer& tokenizer) {
  const std::string_view bytes = mapped.bytes();
  const auto width = static_cast<std::uint64_t>(id_width_for(tokenizer.vocab_size));
  if (bytes.size() < kHeaderBytes || !bytes.starts_with(kMagic)) {
    fail(path, "is not a token shard: it does not begin with " + std::string(kMagic));
  }
  if (bytes.size() - kHeaderBytes != file.tokens * width) {
    fail(path, fmt::format("has {} bytes; prepare.json expects {}", bytes.size(),
                           kHeaderBytes + file.tokens * width));
  }
  if (bytes.substr(0, kHeaderBytes) != header_of(file, tokenizer)) {
    fail(path, "has a header that does not agree with prepare.json");
  }
  const std::string found = base::sha256(bytes.substr(kHeaderBytes));
  if (found != file.sha256) {
    fail(path, fmt::format("has SHA-256 {}; prepare.json expects {}", found, file.sha256));
  }
  const Ids ids(mapped, static_cast<int>(width));
  std::uint64_t documents = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= tokenizer.vocab_size || ids[i] < 0) fail(path, "holds an id that is not a token");
    documents += ids[i] == tokenizer.eos_id ? 1 : 0;
  }
  if (documents != file.documents || ids.size() == 0 || ids[ids.size() - 1] != tokenizer.eos_id) {
    fail(path, fmt::format("has {} documents; prepare.json expects {}", documents, file.documents));
  }
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

int whole_int(const json& value) {
  const std::uint64_t number = base::whole_number(value);
  if (number > std::numeric_limits<int>::max()) throw std::invalid_argument("beyond an int");
  return static_cast<int>(number);
}

ShardFile parse_file(const json& object) {
  ShardFile file;
  file.documents = base::whole_number(object.at("documents"));
  if (file.documents == 0) return file;
  file.name = object.at("file").get<std::string>();
  file.tokens = base::whole_number(object.at("tokens"));
  file.bytes = base::whole_number(object.at("bytes"));
  file.sha256 = object.at("sha256").get<std::string>();
  const bool plain = !file.name.empty() && file.name.find('/') == std::string::npos;
  if (!plain || !is_sha256(file.sha256) || file.tokens > (std::uint64_t{1} << 48U)) {
    throw std::invalid_argument("a file's entry is out of range");
  }
  return file;
}

}  // namespace

std::string tokenizer_fingerprint(const fs::path& tokenizer) {
  std::string sums;
  const std::vector<std::string>& settings = text::settings_file_names();
  for (const fs::path& file : tokenizer_files(tokenizer)) {
    if (std::ranges::find(settings, file.filename().string()) == settings.end() ||
        file == tokenizer) {
      sums += base::sha256_of_file(file, ErrorCode::kModel) + "\n";
    }
  }
  const fs::path folder = fs::is_directory(tokenizer) ? tokenizer : tokenizer.parent_path();
  sums += text::settings_that_change_ids(folder);
  return base::sha256(sums);
}

ShardWriter::ShardWriter(fs::path path, const ShardTokenizer& tokenizer)
    : path_(std::move(path)),
      tokenizer_(tokenizer),
      id_width_(id_width_for(tokenizer.vocab_size)),
      names_(document_names_path(path_)) {
  file_.name = path_.filename().string();
  write_at(path_, "wb", std::string(kHeaderBytes, '\0'));
}

void ShardWriter::add(std::span<const TokenId> ids, std::uint64_t bytes, const DocumentName& name) {
  for (const TokenId id : ids) {
    if (id < 0 || id >= tokenizer_.vocab_size || id == tokenizer_.eos_id) {
      throw Error(ErrorCode::kModel, fmt::format("the tokenizer gives the id {} inside a text; ids "
                                                 "must be below {} and not the end-of-text token",
                                                 id, tokenizer_.vocab_size));
    }
    append(id);
  }
  append(tokenizer_.eos_id);
  file_.tokens += ids.size() + 1;
  file_.bytes += bytes;
  ++file_.documents;
  names_.add(name);
}

void ShardWriter::append(TokenId id) {
  buffer_.append(reinterpret_cast<const char*>(&id), static_cast<std::size_t>(id_width_));
  if (buffer_.size() >= kBufferBytes) flush();
}

void ShardWriter::flush() {
  write_at(path_, "ab", buffer_);
  buffer_.clear();
}

ShardFile ShardWriter::finish() {
  flush();
  file_.sha256 = base::sha256(base::MappedFile(path_).bytes().substr(kHeaderBytes));
  write_at(path_, "r+b", header_of(file_, tokenizer_));
  names_.finish(file_.sha256);
  return file_;
}

std::uint64_t Shards::tokens(Split split) const {
  return std::accumulate(
      sources_.begin(), sources_.end(), std::uint64_t{0},
      [&](std::uint64_t sum, const ShardSource& s) { return sum + s.split(split).tokens; });
}

std::uint64_t Shards::bytes(Split split) const {
  return std::accumulate(
      sources_.begin(), sources_.end(), std::uint64_t{0},
      [&](std::uint64_t sum, const ShardSource& s) { return sum + s.split(split).bytes; });
}

std::vector<DocumentName> Shards::names(std::size_t source, Split split) const {
  const ShardFile& file = sources_[source].split(split);
  if (file.documents == 0) return {};
  return read_document_names(document_names_path(directory_ / file.name), file.sha256,
                             file.documents);
}

std::shared_ptr<const TokenDocuments> Shards::documents(
    Split split, const std::vector<SourceWeight>& weights) const {
  auto documents =
      std::make_shared<ShardDocuments>(tokenizer_.vocab_size, tokenizer_.eos_id, bytes(split));
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const auto& file = files_[static_cast<std::size_t>(split)][i];
    if (!file) continue;
    const ShardSource& source = sources_[i];
    documents->add_file(
        file, weight_of({.source = source.source, .group = source.group, .text = ""}, weights,
                        source.weight));
  }
  return documents;
}

bool is_shard_folder(const fs::path& path) { return base::is_file(path / "prepare.json"); }

Shards open_shards(const fs::path& directory) {
  const fs::path report = directory / "prepare.json";
  if (!is_shard_folder(directory)) {
    throw Error(ErrorCode::kRuntime, directory.string() +
                                         " is not a prepared corpus: it has no prepare.json; give "
                                         "a folder that \"medgen prepare\" wrote");
  }
  Shards shards;
  shards.directory_ = directory;
  try {
    const json object = base::parse_json<json>(base::read_file(report, kMaxReportBytes));
    if (base::whole_number(object.at("format_version")) != kVersion) {
      fail(report, "has a format_version that this medgen does not read");
    }
    const json& tokenizer = object.at("tokenizer");
    shards.tokenizer_ = {.sha256 = tokenizer.at("sha256").get<std::string>(),
                         .kind = tokenizer.at("kind").get<std::string>(),
                         .vocab_size = whole_int(tokenizer.at("vocab_size")),
                         .eos_id = whole_int(tokenizer.at("eos_id"))};
    if (!is_sha256(shards.tokenizer_.sha256) || shards.tokenizer_.vocab_size < 1 ||
        shards.tokenizer_.eos_id < 0 || shards.tokenizer_.eos_id >= shards.tokenizer_.vocab_size) {
      fail(report, "describes a tokenizer that cannot be");
    }
    for (const json& entry : object.at("sources")) {
      shards.sources_.push_back({.source = entry.at("source").get<std::string>(),
                                 .group = entry.at("group").get<std::string>(),
                                 .weight = entry.at("weight").get<double>(),
                                 .train = parse_file(entry.at("train")),
                                 .valid = parse_file(entry.at("valid"))});
      const double weight = shards.sources_.back().weight;
      if (!(weight >= 0) || weight > kMaxWeight) {
        fail(report, fmt::format("has a weight outside 0 to {:g}", kMaxWeight));
      }
    }
  } catch (const json::exception&) {
    fail(report, "is damaged or in another format");
  } catch (const std::invalid_argument&) {
    fail(report, "is damaged or in another format");
  }
  std::set<std::string> names;
  for (const ShardSource& source : shards.sources_) {
    for (const Split split : {Split::kTrain, Split::kValid}) {
      const ShardFile& file = source.split(split);
      std::shared_ptr<const base::MappedFile> mapped;
      if (file.documents > 0) {
        // Each is read whole to be checked.
        if (!names.insert(file.name).second) fail(report, "names a file twice");
        mapped = std::make_shared<const base::MappedFile>(directory / file.name);
        verify(directory / file.name, *mapped, file, shards.tokenizer_);
      }
      shards.files_[static_cast<std::size_t>(split)].push_back(std::move(mapped));
    }
  }
  return shards;
}

}  // namespace medgen::corpus
