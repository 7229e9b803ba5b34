// Reading and searching an index. Trusts nothing that the file holds.
#include "why/suffix_index.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/whole_number.h"
#include "medgen/error.h"

namespace medgen::why {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "an index is written as memory holds it");
static_assert(sizeof(IndexHeader) == 48);

constexpr std::string_view kIndexMagic = "MEDGSUFX";
constexpr std::uint64_t kMostReportBytes = std::uint64_t{64} << 20U;
constexpr std::uint64_t kDocumentBytes = 16;
constexpr std::uint64_t kMostNameLine = std::uint64_t{16} << 10U;

std::uint64_t whole_pages(std::uint64_t bytes) {
  return (bytes + kIndexPage - 1) / kIndexPage * kIndexPage;
}

template <typename Number>
Number number_in(std::string_view bytes, std::size_t at = 0) {
  Number value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

bool can_be(const IndexHeader& header) {
  return (header.id_width == 2 || header.id_width == 4) && header.tokens > 0 &&
         header.tokens <= std::numeric_limits<std::uint32_t>::max() && header.documents > 0 &&
         header.documents <= header.tokens && header.names_bytes <= (std::uint64_t{1} << 40U) &&
         header.vocab_size > 0 &&
         header.vocab_size <= static_cast<std::uint32_t>(std::numeric_limits<TokenId>::max()) &&
         (header.id_width == 4 || header.vocab_size <= 65536) && header.eos_id < header.vocab_size;
}

}  // namespace

IndexLayout layout_of(const IndexHeader& header) {
  IndexLayout layout{};
  layout.ids = kIndexPage;
  layout.places = layout.ids + whole_pages(header.tokens * header.id_width);
  layout.documents = layout.places + whole_pages(header.tokens * sizeof(std::uint32_t));
  layout.names = layout.documents + whole_pages(header.documents * kDocumentBytes);
  layout.sums = layout.names + whole_pages(header.names_bytes);
  layout.checksum = layout.sums + (layout.sums - layout.ids) / kIndexPage * sizeof(std::uint64_t);
  layout.size = layout.checksum + sizeof(std::uint64_t);
  return layout;
}

std::uint64_t index_checksum(const IndexHeader& header, std::string_view sums) {
  const XXH64_hash_t fields = XXH3_64bits(&header, sizeof header);
  return XXH3_64bits_withSeed(sums.data(), sums.size(), fields);
}

SuffixIndex::SuffixIndex(fs::path folder, base::MappedFile file)
    : folder_(std::move(folder)), file_(std::move(file)) {}

void SuffixIndex::fail(const std::string& why) const {
  throw Error(ErrorCode::kRuntime,
              (folder_ / kIndexFile).string() + " " + why + "; make the index again");
}

SuffixIndex SuffixIndex::open(const fs::path& folder) {
  if (!base::is_file(folder / kIndexFile) || !base::is_file(folder / "index.json")) {
    throw Error(ErrorCode::kRuntime,
                folder.string() + " is not an index of training text: it has no " + kIndexFile +
                    "; give a folder that \"medgen index\" wrote");
  }
  SuffixIndex index(folder, base::MappedFile(folder / kIndexFile));
  index.read_header();
  index.read_report();
  return index;
}

void SuffixIndex::read_header() {
  const std::string_view bytes = file_.bytes();
  if (bytes.size() < kIndexPage || !bytes.starts_with(kIndexMagic)) {
    fail("does not begin with " + std::string(kIndexMagic));
  }
  header_ = number_in<IndexHeader>(bytes);
  if (header_.format > kIndexFormat) {
    throw Error(ErrorCode::kRuntime,
                fmt::format("{} is of format {}, and this medgen reads {}; use the medgen that "
                            "made the index, or a newer one",
                            (folder_ / kIndexFile).string(), header_.format, kIndexFormat));
  }
  if (header_.format != kIndexFormat || !can_be(header_)) fail("has a header that cannot be");
  layout_ = layout_of(header_);
  if (bytes.size() != layout_.size) {
    fail(fmt::format("has {} bytes; its header expects {}", bytes.size(), layout_.size));
  }
  const std::string_view sums = bytes.substr(layout_.sums, layout_.checksum - layout_.sums);
  if (index_checksum(header_, sums) != number_in<std::uint64_t>(bytes, layout_.checksum)) {
    fail("is damaged: its header does not fit its checksums");
  }
  checked_.assign((layout_.sums - layout_.ids) / kIndexPage, false);
}

void SuffixIndex::read_report() {
  const fs::path path = folder_ / "index.json";
  const auto refuse_report = [&](const char* why) {
    throw Error(ErrorCode::kRuntime, path.string() + " " + why + "; make the index again");
  };
  try {
    const json object = base::parse_json<json>(base::read_file(path, kMostReportBytes));
    if (base::whole_number(object.at("format_version")) != kIndexFormat) {
      refuse_report("has a format_version that this medgen does not read");
    }
    tokenizer_sha256_ = object.at("tokenizer").at("sha256").get<std::string>();
    std::uint64_t documents = 0;
    for (const json& entry : object.at("sources")) {
      sources_.push_back({.source = entry.at("source").get<std::string>(),
                          .group = entry.at("group").get<std::string>(),
                          .documents = base::whole_number(entry.at("documents")),
                          .tokens = base::whole_number(entry.at("tokens"))});
      first_documents_.push_back(documents);
      if (sources_.back().documents > header_.documents) break;
      documents += sources_.back().documents;
    }
    if (sources_.empty() || documents != header_.documents) {
      refuse_report("does not agree with what lies beside it");
    }
  } catch (const json::exception&) {
    refuse_report("is damaged or in another format");
  }
}

void SuffixIndex::check_pages(std::uint64_t at, std::uint64_t bytes) const {
  const std::uint64_t last = (at + std::max<std::uint64_t>(bytes, 1) - 1) / kIndexPage;
  for (std::uint64_t page = at / kIndexPage; page <= last; ++page) {
    if (checked_[page - 1]) continue;
    const std::string_view file = file_.bytes();
    const auto sum =
        number_in<std::uint64_t>(file, layout_.sums + (page - 1) * sizeof(std::uint64_t));
    if (XXH3_64bits(file.data() + page * kIndexPage, kIndexPage) != sum) {
      fail(fmt::format("is damaged: its page {} does not fit its checksum", page));
    }
    checked_[page - 1] = true;
  }
}

std::string_view SuffixIndex::bytes_at(std::uint64_t at, std::uint64_t bytes) const {
  check_pages(at, bytes);
  return file_.bytes().substr(at, bytes);
}

std::string SuffixIndex::key_of(std::span<const TokenId> tokens) const {
  std::string key;
  key.reserve(tokens.size() * header_.id_width);
  for (const TokenId token : tokens) {
    const auto id = static_cast<std::uint32_t>(token);
    if (id >= header_.vocab_size) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("the text holds the token id {}; the index's ids are below {}", token,
                              header_.vocab_size));
    }
    for (int shift = 8 * (static_cast<int>(header_.id_width) - 1); shift >= 0; shift -= 8) {
      key += static_cast<char>(id >> static_cast<unsigned>(shift));
    }
  }
  return key;
}

std::uint64_t SuffixIndex::place(std::uint64_t rank) const {
  const auto place = number_in<std::uint32_t>(
      bytes_at(layout_.places + rank * sizeof(std::uint32_t), sizeof(std::uint32_t)));
  if (place >= header_.tokens) fail("is damaged: a suffix begins beyond the text");
  return place;
}

TokenId SuffixIndex::token(std::uint64_t place) const {
  const std::string_view bytes = bytes_at(layout_.ids + place * header_.id_width, header_.id_width);
  std::uint32_t id = 0;
  for (const char byte : bytes) id = id << 8U | static_cast<unsigned char>(byte);
  if (id >= header_.vocab_size) fail("is damaged: it holds an id that is not a token");
  return static_cast<TokenId>(id);
}

std::vector<TokenId> SuffixIndex::tokens_of(std::uint64_t begin, std::uint64_t end) const {
  std::vector<TokenId> ids;
  for (; begin < std::min(end, header_.tokens); ++begin) ids.push_back(token(begin));
  return ids;
}

SuffixIndex::Order SuffixIndex::compare(std::uint64_t place, std::string_view key) const {
  const std::uint64_t begin = place * header_.id_width;
  const std::uint64_t left = header_.tokens * header_.id_width - begin;
  const std::size_t most = std::min<std::uint64_t>(key.size(), left);
  Order order;
  // Page by page: most comparisons end in the first.
  while (order.same < most) {
    const std::uint64_t at = layout_.ids + begin + order.same;
    const std::size_t part =
        std::min<std::uint64_t>(most - order.same, kIndexPage - at % kIndexPage);
    const std::string_view text = bytes_at(at, part), wanted = key.substr(order.same, part);
    const auto differ = std::mismatch(text.begin(), text.end(), wanted.begin());
    order.same += static_cast<std::size_t>(differ.first - text.begin());
    if (differ.first == text.end()) continue;
    const bool before =
        static_cast<unsigned char>(*differ.first) < static_cast<unsigned char>(*differ.second);
    order.sign = before ? -1 : 1;
    return order;
  }
  if (order.same < key.size()) order.sign = -1;  // the text ends first
  return order;
}

// The first suffix that is not before `key`, or with `after` neither before nor begun by it.
std::uint64_t SuffixIndex::first_not_before(std::string_view key, bool after) const {
  std::uint64_t low = 0, high = header_.tokens;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const int sign = compare(place(middle), key).sign;
    if (sign < 0 || (after && sign == 0)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

SuffixRange SuffixIndex::find(std::span<const TokenId> tokens) const {
  const std::string key = key_of(tokens);
  const std::uint64_t begin = first_not_before(key, false);
  return {begin, std::max(begin, first_not_before(key, true))};
}

// The suffix that agrees longest with a key is a neighbour of where the key would stand.
std::size_t SuffixIndex::longest_match(std::span<const TokenId> tokens) const {
  const std::string key = key_of(tokens);
  const std::uint64_t at = first_not_before(key, false);
  std::size_t same = 0;
  if (at > 0) same = compare(place(at - 1), key).same;
  if (at < header_.tokens) same = std::max(same, compare(place(at), key).same);
  return same / header_.id_width;
}

std::uint64_t SuffixIndex::begin_of(std::uint64_t document) const {
  const auto begin = number_in<std::uint64_t>(
      bytes_at(layout_.documents + document * kDocumentBytes, kDocumentBytes));
  if (begin >= header_.tokens) fail("is damaged: a document begins beyond the text");
  return begin;
}

IndexedDocument SuffixIndex::document(std::uint64_t number) const {
  IndexedDocument document;
  document.number = number;
  document.begin = begin_of(number);
  document.end = (number + 1 < header_.documents ? begin_of(number + 1) : header_.tokens) - 1;
  if (document.end < document.begin) fail("is damaged: a document ends before it begins");
  const auto after =
      std::upper_bound(first_documents_.begin(), first_documents_.end(), document.number);
  document.source = static_cast<std::size_t>(after - first_documents_.begin()) - 1;
  document.number_in_source = number - first_documents_[document.source];
  return document;
}

IndexedDocument SuffixIndex::document_at(std::uint64_t place) const {
  std::uint64_t low = 0, high = header_.documents;  // the first that begins after `place`
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (begin_of(middle) <= place) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) fail("is damaged: its first document does not begin with the text");
  return document(low - 1);
}

corpus::DocumentName SuffixIndex::name(const IndexedDocument& document) const {
  const auto name_of = [&](std::uint64_t number) {
    if (number == header_.documents) return header_.names_bytes;
    return number_in<std::uint64_t>(
        bytes_at(layout_.documents + number * kDocumentBytes, kDocumentBytes), 8);
  };
  const std::uint64_t begin = name_of(document.number), end = name_of(document.number + 1);
  if (begin > end || end > header_.names_bytes || end - begin > kMostNameLine) {
    fail("is damaged: a document's name lies beyond the names");
  }
  if (begin == end) return {};
  try {
    return corpus::parse_document_name(bytes_at(layout_.names + begin, end - begin));
  } catch (const json::exception&) {
  } catch (const std::invalid_argument&) {
  }
  fail("is damaged: a document's name cannot be read");
}

std::string SuffixIndex::fault() const {
  try {
    check_pages(layout_.ids, layout_.sums - layout_.ids);
    std::vector<bool> seen(header_.tokens, false);
    const std::string_view text =
        file_.bytes().substr(layout_.ids, header_.tokens * header_.id_width);
    std::string_view before;
    for (std::uint64_t rank = 0; rank < header_.tokens; ++rank) {
      const std::uint64_t at = place(rank);
      if (seen[at]) return fmt::format("the suffix at {} stands in it twice", at);
      seen[at] = true;
      const std::string_view suffix = text.substr(at * header_.id_width);
      if (rank > 0 && suffix <= before) {
        return fmt::format("the suffixes {} and {} are in the wrong order", rank - 1, rank);
      }
      before = suffix;
    }
    for (std::uint64_t number = 0; number < header_.documents; ++number) {
      const IndexedDocument one = document(number);
      if (token(one.end) != eos_id()) return fmt::format("document {} has no end", number);
      name(one);
    }
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace medgen::why
