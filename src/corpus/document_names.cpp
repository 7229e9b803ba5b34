// See the header.
#include "corpus/document_names.h"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "base/lines.h"
#include "base/text_blocks.h"
#include "base/whole_number.h"
#include "base/write_failure.h"
#include "medgen/error.h"
#include "text/utf8.h"

namespace medgen::corpus {
namespace {

constexpr std::uint64_t kNamesFormat = 1;
constexpr std::size_t kNamesBuffer = std::size_t{64} << 10U;
constexpr std::size_t kMostNameLine = std::size_t{16} << 10U;

std::string names_header(std::string_view tokens_sha256) {
  return fmt::format("{{\"format\":{},\"tokens\":\"{}\"}}\n", kNamesFormat, tokens_sha256);
}

std::string cut_name(const std::string& name) {
  if (name.size() <= kMostNameBytes) return name;
  std::size_t end = kMostNameBytes - 3;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0U) == 0x80U) --end;
  return name.substr(0, end) + "...";
}

[[noreturn]] void fail_names(const std::filesystem::path& path, const std::string& why) {
  throw Error(ErrorCode::kRuntime, path.string() + " " + why + "; prepare the corpus again");
}

void check_names_header(const std::filesystem::path& path, const std::string& line,
                        std::string_view tokens_sha256) {
  const auto header = base::parse_json<nlohmann::json>(line);
  if (!header.is_object() || !header.contains("format")) {
    fail_names(path, "does not begin with the number of its format");
  }
  const std::uint64_t format = base::whole_number(header.at("format"));
  if (format > kNamesFormat) {
    throw Error(ErrorCode::kRuntime,
                fmt::format("{} is of format {}, and this medgen reads {}; use the medgen that "
                            "prepared the corpus, or a newer one",
                            path.string(), format, kNamesFormat));
  }
  if (format != kNamesFormat || !header.contains("tokens") ||
      header.at("tokens") != std::string(tokens_sha256)) {
    fail_names(path, "does not belong to the tokens beside it");
  }
}

}  // namespace

std::filesystem::path document_names_path(const std::filesystem::path& tokens) {
  std::filesystem::path path = tokens;
  return path.replace_extension(".documents");
}

std::string document_name_json(const DocumentName& name) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (!name.id.empty()) json["id"] = cut_name(name.id);
  if (!name.title.empty()) json["title"] = cut_name(name.title);
  if (!name.license.empty()) json["license"] = cut_name(name.license);
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

DocumentName parse_document_name(std::string_view text) {
  const auto json = base::parse_json<nlohmann::json>(text);
  DocumentName name;
  const auto copy = [&](const char* key, std::string& target) {
    if (json.contains(key)) target = cut_name(json.at(key).get<std::string>());
  };
  if (!json.is_object()) throw std::invalid_argument("it is no object");
  copy("id", name.id);
  copy("title", name.title);
  copy("license", name.license);
  return name;
}

void DocumentNamesWriter::add(const DocumentName& name) {
  const std::string line = document_name_json(name) + "\n";
  if (!begun_ && line == "{}\n") {
    ++nameless_;
    return;
  }
  if (!begun_) begin();
  buffer_ += line;
  if (buffer_.size() >= kNamesBuffer) flush();
}

void DocumentNamesWriter::begin() {
  begun_ = true;
  buffer_ = names_header(std::string(64, '0'));
  for (; nameless_ > 0; --nameless_) {
    buffer_ += "{}\n";
    if (buffer_.size() >= kNamesBuffer) flush();
  }
}

void DocumentNamesWriter::flush() {
  std::ofstream file(path_, std::ios::binary | std::ios::app);
  file << buffer_;
  file.close();  // a full disk shows here
  if (!file) {
    throw Error(ErrorCode::kRuntime,
                "cannot write " + path_.string() + ": " + base::write_failure(errno));
  }
  buffer_.clear();
}

void DocumentNamesWriter::finish(const std::string& tokens_sha256) {
  if (!begun_) return;
  flush();
  std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
  file << names_header(tokens_sha256);
  file.close();
  if (!file) {
    throw Error(ErrorCode::kRuntime,
                "cannot write " + path_.string() + ": " + base::write_failure(errno));
  }
}

std::vector<DocumentName> read_document_names(const std::filesystem::path& path,
                                              std::string_view tokens_sha256,
                                              std::uint64_t documents) {
  std::vector<DocumentName> names;
  if (!base::is_file(path)) return names;
  base::Lines lines(base::plain_file_blocks(path), kMostNameLine);
  base::Line line;
  if (!lines.next(line) || line.too_long) fail_names(path, "is empty or in another format");
  try {
    check_names_header(path, line.text, tokens_sha256);
    while (lines.next(line)) {
      if (line.too_long || names.size() == documents) {
        fail_names(path, "has more or longer lines than the shard has documents");
      }
      names.push_back(parse_document_name(line.text));
    }
  } catch (const nlohmann::json::exception&) {
    fail_names(path, "is damaged or in another format");
  } catch (const std::invalid_argument&) {
    fail_names(path, "is damaged or in another format");
  }
  if (names.size() != documents) {
    fail_names(path, fmt::format("names {} documents; the shard has {}", names.size(), documents));
  }
  return names;
}

}  // namespace medgen::corpus
