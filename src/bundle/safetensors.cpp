// See the header. A file is checked as the reference implementation does: tensors fill the data
// part without holes or overlaps, so a truncated or patched file is detected before a tensor is
// read.
#include "bundle/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "bundle/fail.h"
#include "bundle/file_kind.h"
#include "bundle/half.h"
#include "bundle/json_text.h"
#include "bundle/shard_index.h"

namespace medgen::bundle {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the reference's limit

std::uint64_t element_bytes(const std::string& dtype, const std::string& where) {
  static const std::map<std::string, std::uint64_t> kBytes = {
      {"F64", 8}, {"I64", 8}, {"U64", 8},  {"F32", 4},     {"I32", 4},
      {"U32", 4}, {"F16", 2}, {"BF16", 2}, {"I16", 2},     {"U16", 2},
      {"I8", 1},  {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};
  const auto found = kBytes.find(dtype);
  if (found == kBytes.end()) {
    const std::string shown =
        json(dtype.substr(0, 40)).dump(-1, ' ', true, json::error_handler_t::replace);
    fail(fmt::format("{} has dtype {}; supported are F64, F32, F16 and BF16", where, shown));
  }
  return found->second;
}

struct Entry {
  std::string name;
  Safetensors::Tensor tensor;
  std::uint64_t begin = 0;  // bytes from the start of the data part
  std::uint64_t end = 0;
};

std::vector<std::uint64_t> whole_numbers(const json& value, const std::string& what) {
  std::vector<std::uint64_t> numbers;
  if (!value.is_array()) fail(what + " is not a list");
  for (const json& number : value) {
    if (!number.is_number_unsigned() ||
        number.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
      fail(what + " holds something that is not a whole number of 0 or more");
    }
    numbers.push_back(number.get<std::uint64_t>());
  }
  return numbers;
}

Entry parse_entry(const std::string& name, const json& description, std::string_view data,
                  const std::string& file) {
  const std::string where = file + ": tensor \"" + name + "\"";
  if (!description.is_object() || !description.contains("dtype") ||
      !description.contains("shape") || !description.contains("data_offsets") ||
      !description["dtype"].is_string()) {
    fail(where + " lacks dtype, shape or data_offsets in the header");
  }
  Entry entry;
  entry.name = name;
  entry.tensor.file = file;
  entry.tensor.dtype = description["dtype"].get<std::string>();
  std::uint64_t bytes = element_bytes(entry.tensor.dtype, where);
  for (const std::uint64_t size : whole_numbers(description["shape"], where + ": shape")) {
    entry.tensor.shape.push_back(static_cast<std::int64_t>(size));
    if (size != 0 && bytes > std::numeric_limits<std::int64_t>::max() / size) {
      fail(where + " has a shape of more bytes than can be counted");
    }
    bytes *= size;
  }
  const auto offsets = whole_numbers(description["data_offsets"], where + ": data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    fail(where + ": data_offsets must be [begin, end] with begin at most end");
  }
  entry.begin = offsets[0];
  entry.end = offsets[1];
  if (entry.end > data.size()) {
    fail(fmt::format(
        "{} ends at byte {} but the file has only {} bytes of data: it is truncated, get it again",
        where, entry.end, data.size()));
  }
  if (entry.end - entry.begin != bytes) {
    fail(fmt::format("{} has {} bytes; its shape and dtype need {}", where, entry.end - entry.begin,
                     bytes));
  }
  entry.tensor.bytes = data.substr(entry.begin, bytes);
  return entry;
}

// Ordered by position, each must begin where the previous one ended.
void check_layout(std::vector<Entry>& entries, std::uint64_t data_bytes, const std::string& file) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t place = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != place) {
      fail(fmt::format(
          "{}: tensor \"{}\" begins at byte {} of the data, where {} is expected: tensors {}, the "
          "file is damaged",
          file, entry.name, entry.begin, place, entry.begin < place ? "overlap" : "leave a hole"));
    }
    place = entry.end;
  }
  if (place != data_bytes) {
    fail(fmt::format("{}: its tensors end at byte {} of {} bytes of data, the file is damaged",
                     file, place, data_bytes));
  }
}

// safetensors.torch.save_model stores one of two tensors that share memory, and the other's name in
// the metadata. Nothing but the embedding and the head may be one tensor in a GPT-2.
void add_aliases(const json& header, std::vector<Entry>& entries) {
  const auto metadata = header.find("__metadata__");
  if (metadata == header.end() || !metadata->is_object()) return;
  for (const auto& item : metadata->items()) {
    const std::string& alias = item.key();
    const auto& target = item.value();
    if (!target.is_string() || !may_be_tied(alias) || header.contains(alias)) continue;
    const auto stored = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) {
      return entry.name == target.get_ref<const std::string&>() && may_be_tied(entry.name);
    });
    if (stored == entries.end()) continue;
    Entry same = *stored;
    same.name = alias;
    entries.push_back(std::move(same));
  }
}

std::vector<Entry> parse_file(std::string_view bytes, const std::string& file) {
  std::uint64_t header_bytes = 0;
  const std::string_view other = other_kind(bytes);  // such announce a header of an absurd length
  if (bytes.size() < sizeof header_bytes) {
    fail(fmt::format("{} is too short for a safetensors file ({} bytes); get it again", file,
                     bytes.size()));
  }
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  bytes.remove_prefix(sizeof header_bytes);
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size()) {
    if (!other.empty()) fail(fmt::format("{} is {}", file, other));
    fail(
        fmt::format("{} announces a header of {} bytes but only {} are there or allowed: it is "
                    "truncated or not a safetensors file",
                    file, header_bytes, std::min<std::uint64_t>(bytes.size(), kMaxHeaderBytes)));
  }
  const json header =
      parse_json_object(bytes.substr(0, header_bytes), file + " (its safetensors header)");
  const std::string_view data = bytes.substr(header_bytes);
  std::vector<Entry> entries;
  for (const auto& [name, description] : header.items()) {
    if (name != "__metadata__") entries.push_back(parse_entry(name, description, data, file));
  }
  check_layout(entries, data.size(), file);
  add_aliases(header, entries);
  return entries;
}

template <typename Stored, typename Convert>
std::vector<float> convert(std::string_view bytes, Convert to_float) {
  std::vector<float> values(bytes.size() / sizeof(Stored));
  for (std::size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof stored, sizeof stored);
    values[i] = to_float(stored);
  }
  return values;
}

}  // namespace

Safetensors Safetensors::open(const fs::path& path) {
  Safetensors result;
  if (path.extension() == ".json") {
    result.add_shards(path);
  } else {
    result.add_file(path);
  }
  return result;
}

void Safetensors::add_file(const fs::path& path) {
  files_.emplace_back(path, ErrorCode::kModel);
  for (Entry& entry : parse_file(files_.back().bytes(), path.string())) {
    if (!tensors_.emplace(entry.name, std::move(entry.tensor)).second) {
      fail(path.string() + ": tensor \"" + entry.name + "\" is in another shard too");
    }
  }
}

void Safetensors::add_shards(const fs::path& path) {
  const ShardIndex index = read_shard_index(path);
  for (const std::string& shard : index.shards) add_file(path.parent_path() / shard);
  require_all_of_index(index, tensors_);
}

std::vector<float> Safetensors::read_float32(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) fail("there is no tensor \"" + name + "\"");
  const Tensor& tensor = found->second;
  const std::string where = tensor.file + ": tensor \"" + name + "\"";
  std::vector<float> values;
  if (tensor.dtype == "F32") {
    values = convert<float>(tensor.bytes, [](float stored) { return stored; });
  } else if (tensor.dtype == "F16") {
    values = convert<std::uint16_t>(tensor.bytes, half_to_float);
  } else if (tensor.dtype == "BF16") {
    values = convert<std::uint16_t>(tensor.bytes, bfloat16_to_float);
  } else if (tensor.dtype == "F64") {
    values =
        convert<double>(tensor.bytes, [](double stored) { return static_cast<float>(stored); });
  } else {
    fail(where + " has dtype " + tensor.dtype +
         "; supported are F64, F32, F16 and BF16, save the checkpoint as one of them");
  }
  const auto bad =
      std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
  if (bad != values.end()) {
    fail(fmt::format("{} holds {} (element {}); such a model cannot work, get the checkpoint again",
                     where, std::isnan(*bad) ? "NaN" : "an infinity", bad - values.begin()));
  }
  for (const base::MappedFile& file : files_) file.forget();
  return values;
}

}  // namespace medgen::bundle
