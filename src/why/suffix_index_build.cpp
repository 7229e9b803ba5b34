// See the header.
#include "why/suffix_index_build.h"

#include <divsufsort.h>
#include <fmt/format.h>
#include <xxhash.h>

#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/files.h"
#include "base/refuse.h"
#include "medgen/error.h"
#include "medgen/version.h"
#include "why/suffix_index.h"

namespace medgen::why {
namespace {

namespace fs = std::filesystem;
using corpus::Split;

// Writes pages in order and keeps their sums.
class PageWriter {
 public:
  PageWriter(base::StagedFile& file, std::string_view first_page) : file_(file) {
    file_.write(first_page);
  }
  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t part = std::min(bytes.size(), kBlock - block_.size());
      block_ += bytes.substr(0, part);
      bytes.remove_prefix(part);
      if (block_.size() == kBlock) flush();
    }
  }
  // The next begins on a page.
  void end_part() {
    block_.resize((block_.size() + kIndexPage - 1) / kIndexPage * kIndexPage, '\0');
    flush();
  }
  const std::string& sums() const { return sums_; }

 private:
  static constexpr std::size_t kBlock = 256 * kIndexPage;

  void flush() {
    for (std::size_t at = 0; at < block_.size(); at += kIndexPage) {
      const XXH64_hash_t sum = XXH3_64bits(block_.data() + at, kIndexPage);
      sums_.append(reinterpret_cast<const char*>(&sum), sizeof sum);
    }
    file_.write(block_);
    block_.clear();
  }

  base::StagedFile& file_;
  std::string block_, sums_;
};

class IndexBuilder {
 public:
  IndexBuilder(const corpus::Shards& shards, const IndexOptions& options)
      : shards_(shards), options_(options), width_(shards.tokenizer().vocab_size <= 65536 ? 2 : 4) {
    const std::uint64_t bytes = shards.tokens(Split::kTrain) * width_;
    if (bytes > static_cast<std::uint64_t>(std::numeric_limits<saidx_t>::max())) {
      throw Error(ErrorCode::kRuntime,
                  fmt::format("{} holds {} tokens for training; an index takes at most {}: prepare "
                              "parts of the corpus and index each",
                              shards.directory().string(), shards.tokens(Split::kTrain),
                              std::numeric_limits<saidx_t>::max() / static_cast<int>(width_)));
    }
  }

  IndexReport run() {
    base::StagedDirectory folder(options_.output, existing());
    tell("reading tokens and names");
    read();
    tell("sorting");
    sort();
    tell("writing");
    write(folder.path() / kIndexFile);
    fs::create_directory(folder.path() / "tokenizer");
    for (const fs::path& file : tokenizer_files(shards_.tokenizer_path())) {
      base::copy_file_flushed(file, folder.path() / "tokenizer" / file.filename());
    }
    base::write_file(folder.path() / "index.json", report_json());
    folder.commit();
    return report_;
  }

 private:
  // A folder with other things in it is not replaced.
  base::StagedDirectory::Existing existing() const {
    if (!options_.replace) return base::StagedDirectory::Existing::kRefuse;
    std::error_code ignored;
    if (fs::is_directory(options_.output, ignored) && !fs::is_empty(options_.output, ignored) &&
        !base::is_file(options_.output / kIndexFile)) {
      base::refuse(options_.output.string() + " is not an index (it has no " + kIndexFile +
                   "), so it is not replaced; choose another name or remove it yourself");
    }
    return base::StagedDirectory::Existing::kReplace;
  }

  void tell(const char* what) const {
    if (options_.progress) options_.progress(what);
  }

  void add(TokenId id) {
    for (int shift = 8 * (static_cast<int>(width_) - 1); shift >= 0; shift -= 8) {
      text_ += static_cast<char>(static_cast<std::uint32_t>(id) >> static_cast<unsigned>(shift));
    }
  }

  void read() {
    text_.reserve(shards_.tokens(Split::kTrain) * width_);
    const auto documents = shards_.documents(Split::kTrain);
    std::vector<TokenId> ids;
    for (std::size_t i = 0; i < documents->size(); ++i) {
      begins_.push_back(text_.size() / width_);
      ids.clear();
      documents->append(i, ids);
      for (const TokenId id : ids) add(id);
      add(documents->eos());
    }
    for (std::size_t source = 0; source < shards_.sources().size(); ++source) {
      const auto names = shards_.names(source, Split::kTrain);
      for (std::uint64_t i = 0; i < shards_.sources()[source].train.documents; ++i) {
        name_begins_.push_back(names_.size());
        if (names.empty() || names[i] == corpus::DocumentName{}) continue;
        names_ += corpus::document_name_json(names[i]) + "\n";
        ++report_.named_documents;
      }
    }
    report_.documents = begins_.size();
    report_.tokens = text_.size() / width_;
  }

  void sort() {
    places_.resize(text_.size());
    if (divsufsort(reinterpret_cast<const sauchar_t*>(text_.data()), places_.data(),
                   static_cast<saidx_t>(text_.size())) != 0) {
      throw Error(ErrorCode::kRuntime, fmt::format("not enough memory to sort: {} bytes are needed",
                                                   index_memory(shards_)));
    }
    const auto width = static_cast<saidx_t>(width_);
    std::size_t kept = 0;
    for (const saidx_t at : places_) {
      if (at % width == 0) places_[kept++] = at / width;
    }
    places_.resize(kept);
  }

  void write(const fs::path& path) {
    IndexHeader header{};
    std::memcpy(header.magic, "MEDGSUFX", sizeof header.magic);
    header.format = static_cast<std::uint32_t>(kIndexFormat);
    header.id_width = static_cast<std::uint32_t>(width_);
    header.tokens = report_.tokens;
    header.documents = report_.documents;
    header.names_bytes = names_.size();
    header.vocab_size = static_cast<std::uint32_t>(shards_.tokenizer().vocab_size);
    header.eos_id = static_cast<std::uint32_t>(shards_.tokenizer().eos_id);
    std::string first(kIndexPage, '\0');
    std::memcpy(first.data(), &header, sizeof header);
    base::StagedFile file(path);
    const std::string sums = write_parts(file, first);
    file.write(sums);
    const std::uint64_t checksum = index_checksum(header, sums);
    file.write({reinterpret_cast<const char*>(&checksum), sizeof checksum});
    file.commit();
    report_.bytes = layout_of(header).size;
  }

  std::string write_parts(base::StagedFile& file, std::string_view first_page) const {
    PageWriter writer(file, first_page);
    writer.write(text_);
    writer.end_part();
    writer.write({reinterpret_cast<const char*>(places_.data()), places_.size() * sizeof(saidx_t)});
    writer.end_part();
    for (std::size_t i = 0; i < begins_.size(); ++i) {
      const std::uint64_t entry[2] = {begins_[i], name_begins_[i]};
      writer.write({reinterpret_cast<const char*>(entry), sizeof entry});
    }
    writer.end_part();
    writer.write(names_);
    writer.end_part();
    return writer.sums();
  }

  std::string report_json() const {
    nlohmann::ordered_json sources = nlohmann::ordered_json::array();
    for (const corpus::ShardSource& source : shards_.sources()) {
      sources.push_back({{"source", source.source},
                         {"group", source.group},
                         {"documents", source.train.documents},
                         {"tokens", source.train.tokens},
                         {"sha256", source.train.sha256}});
    }
    const nlohmann::ordered_json object = {{"format_version", kIndexFormat},
                                           {"tool_version", std::string(version())},
                                           {"tokenizer",
                                            {{"sha256", shards_.tokenizer().sha256},
                                             {"kind", shards_.tokenizer().kind},
                                             {"vocab_size", shards_.tokenizer().vocab_size},
                                             {"eos_id", shards_.tokenizer().eos_id}}},
                                           {"totals",
                                            {{"documents", report_.documents},
                                             {"named_documents", report_.named_documents},
                                             {"tokens", report_.tokens},
                                             {"bytes", report_.bytes}}},
                                           {"sources", sources}};
    return object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }

  const corpus::Shards& shards_;
  const IndexOptions& options_;
  std::size_t width_;
  std::string text_;                   // the ids
  std::vector<saidx_t> places_;        // of suffixes
  std::vector<std::uint64_t> begins_;  // of documents
  std::vector<std::uint64_t> name_begins_;
  std::string names_;
  IndexReport report_;
};

}  // namespace

std::uint64_t index_memory(const corpus::Shards& shards) {
  const std::uint64_t width = shards.tokenizer().vocab_size <= 65536 ? 2 : 4;
  return shards.tokens(Split::kTrain) * width * (1 + sizeof(saidx_t));
}

IndexReport build_index(const corpus::Shards& shards, const IndexOptions& options) {
  return IndexBuilder(shards, options).run();
}

}  // namespace medgen::why
