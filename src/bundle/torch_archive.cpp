// See the header.
#include "bundle/torch_archive.h"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_set>

#include "bundle/file_kind.h"
#include "bundle/half.h"
#include "medgen/error.h"

namespace medgen::bundle {
namespace {

using Kind = PickleValue::Kind;

constexpr zip_int64_t kMaxRecords = 1 << 17;  // a model of a thousand layers has 13,000
constexpr std::size_t kMaxDimensions = 64;    // PyTorch's own limit

std::optional<ElementType> element_type(std::string_view storage) {
  constexpr std::pair<std::string_view, ElementType> kTypes[] = {
      {"torch\nFloatStorage", ElementType::kFloat32},
      {"torch\nHalfStorage", ElementType::kFloat16},
      {"torch\nBFloat16Storage", ElementType::kBFloat16},
      {"torch\nDoubleStorage", ElementType::kFloat64},
      {"torch\nLongStorage", ElementType::kInt64},
      {"torch\nIntStorage", ElementType::kInt32},
      {"torch\nShortStorage", ElementType::kInt16},
      {"torch\nCharStorage", ElementType::kInt8},
      {"torch\nByteStorage", ElementType::kUint8},
      {"torch\nBoolStorage", ElementType::kBool},
  };
  for (const auto& [name, type] : kTypes) {
    if (name == storage) return type;
  }
  return std::nullopt;
}

struct CloseFile {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

struct Record {
  zip_uint64_t index = 0;
  std::uint64_t bytes = 0;  // uncompressed
  bool stored = false;      // uncompressed
};

}  // namespace

std::size_t bytes_of(ElementType type) {
  switch (type) {
    case ElementType::kFloat64:
    case ElementType::kInt64:
      return 8;
    case ElementType::kFloat32:
    case ElementType::kInt32:
      return 4;
    case ElementType::kFloat16:
    case ElementType::kBFloat16:
    case ElementType::kInt16:
      return 2;
    case ElementType::kInt8:
    case ElementType::kUint8:
    case ElementType::kBool:
      return 1;
  }
  return 1;
}

std::uint64_t StoredTensor::count() const {
  std::uint64_t count = 1;
  for (const std::int64_t size : shape) count *= static_cast<std::uint64_t>(size);
  return count;
}

bool StoredTensor::is_row_major() const {
  std::int64_t expected = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

struct TorchArchive::State {
  std::filesystem::path path;
  std::uint64_t file_bytes = 0;
  zip_t* zip = nullptr;
  std::string root;  // the folder in the archive, with its slash

  ~State() {
    if (zip != nullptr) zip_discard(zip);
  }

  [[noreturn]] void fail(const std::string& why) const {
    throw Error(ErrorCode::kModel, "cannot use the model " + path.string() + ": " + why);
  }

  [[noreturn]] void damaged(const std::string& name) const { fail("its " + name + " is damaged"); }

  void open_zip() {
    int code = 0;
    zip = zip_open(path.c_str(), ZIP_RDONLY, &code);
    if (zip != nullptr) return;
    zip_error_t reason;
    zip_error_init_with_code(&reason, code);
    const std::string why = zip_error_strerror(&reason);
    zip_error_fini(&reason);
    const std::string head = beginning_of(path);
    if (const std::string_view kind = other_kind(head); !kind.empty() && !head.starts_with("PK")) {
      fail(fmt::format("it is {}", kind));
    }
    constexpr std::string_view kSafetensors("\0\0\0{\"", 5);  // after the length of its header
    if (head.size() > 10 && head.substr(5, 5) == kSafetensors) {
      fail(
          "it is a safetensors file; give the Hugging Face folder that holds it, with config.json");
    }
    fail("it is not a complete TorchScript archive (" + why + "); copy or convert it again");
  }

  void find_root() {
    const zip_int64_t records = zip_get_num_entries(zip, 0);
    if (records > kMaxRecords) fail("it has more records than any model has");
    constexpr std::string_view kEnd = "/data.pkl";
    std::unordered_set<std::string_view> seen;
    for (zip_int64_t i = 0; i < records; ++i) {
      const char* name = zip_get_name(zip, static_cast<zip_uint64_t>(i), 0);
      const std::string_view entry = name == nullptr ? "" : name;
      // Readers differ in which of two they use.
      if (!seen.insert(entry).second) fail("it has two records with the same name");
      if (entry.ends_with(kEnd) && entry.find('/') == entry.size() - kEnd.size()) {
        if (!root.empty()) fail("it has two lists of parameters");
        root = entry.substr(0, entry.size() - kEnd.size() + 1);
      }
    }
    if (root.empty()) fail("it is not a TorchScript archive");
    check_records(records);
    check_byte_order();
  }

  // What PyTorch writes lies in one folder, each record in bytes of its own.
  void check_records(zip_int64_t records) const {
    std::uint64_t stored = 0;
    for (zip_int64_t i = 0; i < records; ++i) {
      zip_stat_t information;
      constexpr zip_uint64_t kWanted = ZIP_STAT_NAME | ZIP_STAT_COMP_SIZE;
      if (zip_stat_index(zip, static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW, &information) != 0 ||
          (information.valid & kWanted) != kWanted) {
        fail("a record in it is damaged");
      }
      const std::string_view name = information.name;
      const bool odd = !name.starts_with(root) || name.find("/../") != name.npos ||
                       std::any_of(name.begin(), name.end(),
                                   [](unsigned char c) { return c < 0x20 || c == 0x7f; });
      if (odd) fail("it has a record with a name that PyTorch gives none");
      if (information.comp_size > file_bytes - stored) fail("its records overlap");
      stored += information.comp_size;
    }
  }

  // torch.save notes the order of the machine that wrote.
  void check_byte_order() const {
    if (zip_name_locate(zip, (root + "byteorder").c_str(), 0) < 0) return;
    char order[6];
    if (find("byteorder").bytes != sizeof order) fail("it is not in little-endian order");
    read("byteorder", 0, order, sizeof order);
    if (std::string_view(order, sizeof order) != "little") fail("it is not in little-endian order");
  }

  Record find(const std::string& name) const {
    const zip_int64_t index = zip_name_locate(zip, (root + name).c_str(), 0);
    if (index < 0) fail("it has no " + name + "; it is damaged, or not a TorchScript archive");
    zip_stat_t information;
    constexpr zip_uint64_t kWanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
    if (zip_stat_index(zip, static_cast<zip_uint64_t>(index), 0, &information) != 0 ||
        (information.valid & kWanted) != kWanted) {
      damaged(name);
    }
    return {static_cast<zip_uint64_t>(index), information.size,
            information.comp_method == ZIP_CM_STORE};
  }

  // The size in bytes of a record of tensors, which PyTorch never compresses: so tensors take no
  // more memory than the file can justify.
  std::uint64_t stored_bytes(const std::string& name) const {
    const Record record = find(name);
    if (!record.stored) fail("its " + name + " is compressed, which tensors never are");
    if (record.bytes > file_bytes) damaged(name);
    return record.bytes;
  }

  // Reads `bytes` from `offset` on. The library compares the checksum where a record is read from
  // its beginning to its end.
  void read(const std::string& name, std::uint64_t offset, void* out, std::uint64_t bytes) const {
    const std::unique_ptr<zip_file_t, CloseFile> file(zip_fopen_index(zip, find(name).index, 0));
    if (!file) damaged(name);
    if (offset > 0 && zip_fseek(file.get(), static_cast<zip_int64_t>(offset), SEEK_SET) != 0) {
      damaged(name);
    }
    for (char* place = static_cast<char*>(out); bytes > 0;) {
      const zip_int64_t got = zip_fread(file.get(), place, bytes);
      if (got <= 0) damaged(name);
      place += got;
      bytes -= static_cast<std::uint64_t>(got);
    }
    char beyond = 0;
    if (zip_fread(file.get(), &beyond, 1) < 0) damaged(name);
  }

  // The tensor's elements as they are stored, row-major.
  void read_elements(const StoredTensor& tensor, void* out) const {
    const std::uint64_t width = bytes_of(tensor.type);
    const std::uint64_t count = tensor.count();
    if (count == 0) return;
    if (tensor.is_row_major()) {
      read(tensor.record, tensor.offset * width, out, count * width);
      return;
    }
    // The whole record is read for it, so it must be worth that.
    const std::uint64_t held = stored_bytes(tensor.record);
    if (count < held / width / 2) fail("a tensor takes a small part of " + tensor.record);
    std::vector<char> stored(held);
    read(tensor.record, 0, stored.data(), stored.size());
    std::vector<std::int64_t> index(tensor.shape.size(), 0);
    for (std::uint64_t i = 0; i < count; ++i) {
      std::uint64_t place = tensor.offset;
      for (std::size_t d = 0; d < index.size(); ++d) {
        place += static_cast<std::uint64_t>(index[d] * tensor.strides[d]);
      }
      std::memcpy(static_cast<char*>(out) + i * width, stored.data() + place * width, width);
      for (std::size_t d = index.size(); d-- > 0 && ++index[d] == tensor.shape[d];) index[d] = 0;
    }
  }
};

TorchArchive::TorchArchive(std::unique_ptr<State> state) : state_(std::move(state)) {}
TorchArchive::TorchArchive(TorchArchive&&) noexcept = default;
TorchArchive::~TorchArchive() = default;

void TorchArchive::fail(const std::string& why) const { state_->fail(why); }

TorchArchive TorchArchive::open(const std::filesystem::path& path) {
  auto state = std::make_unique<State>();
  state->path = path;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    state->fail(std::filesystem::exists(path, error) ? "it is not a file"
                                                     : "there is no such file");
  }
  state->file_bytes = std::filesystem::file_size(path, error);
  state->open_zip();
  state->find_root();
  return TorchArchive(std::move(state));
}

std::uint64_t TorchArchive::file_bytes() const { return state_->file_bytes; }

std::string TorchArchive::entry(const std::string& record) const { return state_->root + record; }

bool TorchArchive::has(const std::string& record) const {
  return zip_name_locate(state_->zip, entry(record).c_str(), 0) >= 0;
}

std::string TorchArchive::text(const std::string& record, std::uint64_t max_bytes) const {
  const std::uint64_t bytes = state_->find(record).bytes;
  if (bytes > max_bytes) {
    fail(fmt::format("its {} has {} bytes; at most {} are read", record, bytes, max_bytes));
  }
  std::string text(bytes, '\0');
  state_->read(record, 0, text.data(), text.size());
  return text;
}

Pickle TorchArchive::pickle(const std::string& record) const {
  std::string bytes = text(record, Pickle::kMaxBytes);
  try {
    return Pickle::parse(std::move(bytes));
  } catch (const Error& error) {
    fail(std::string(error.what()) + " (" + record + ")");
  }
}

// A call of torch._utils._rebuild_tensor_v2(storage, offset, sizes, strides, ...). The storage is
// ("storage", class, key, place, count).
bool TorchArchive::is_tensor(const Pickle& pickle, const PickleValue& value) {
  return value.kind == Kind::kCall &&
         pickle.text_of(value.what) == "torch._utils\n_rebuild_tensor_v2";
}

StoredTensor TorchArchive::tensor(const Pickle& pickle, const PickleValue& value,
                                  const char* folder) const {
  const auto damaged = [&]() {
    fail(std::string("a tensor in its ") + folder + ".pkl is damaged");
  };
  const auto arguments = pickle.arguments_of(value);
  if (!is_tensor(pickle, value) || arguments.size() < 4) damaged();
  const PickleValue& storage = pickle.at(arguments[0]);
  if (storage.kind != Kind::kPersistent) damaged();
  const std::vector<PickleRef>& parts = pickle.at(storage.what).items;
  if (parts.size() < 5 || pickle.at(parts[2]).kind != Kind::kText) damaged();

  StoredTensor tensor;
  const auto type = element_type(pickle.text_of(parts[1]));
  if (!type) {
    fail("it holds a tensor of an unsupported type; use floats, integers or booleans");
  }
  tensor.type = *type;
  tensor.record = folder;
  tensor.record += "/";
  tensor.record += pickle.text_of(parts[2]);

  const auto integer = [&](PickleRef ref) {
    const PickleValue& item = pickle.at(ref);
    if (item.kind != Kind::kInteger || item.integer < 0) damaged();
    return item.integer;
  };
  const auto integers = [&](PickleRef ref) {
    const PickleValue& tuple = pickle.at(ref);
    if (tuple.kind != Kind::kTuple || tuple.items.size() > kMaxDimensions) damaged();
    std::vector<std::int64_t> values;
    for (const PickleRef item : tuple.items) values.push_back(integer(item));
    return values;
  };
  tensor.offset = static_cast<std::uint64_t>(integer(arguments[1]));
  tensor.shape = integers(arguments[2]);
  tensor.strides = integers(arguments[3]);
  if (tensor.shape.size() != tensor.strides.size()) damaged();

  // The last element must lie within the record; sums and products that overflow lie beyond any.
  const std::uint64_t held = record_elements(tensor);
  std::uint64_t last = tensor.offset;
  std::uint64_t count = 1;
  bool empty = false;
  bool too_far = false;
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    const auto size = static_cast<std::uint64_t>(tensor.shape[i]);
    if (size == 0) {
      empty = true;
      continue;
    }
    std::uint64_t reach = 0;
    too_far =
        too_far ||
        __builtin_mul_overflow(size - 1, static_cast<std::uint64_t>(tensor.strides[i]), &reach) ||
        __builtin_add_overflow(last, reach, &last) || __builtin_mul_overflow(count, size, &count);
  }
  if (too_far || (empty ? tensor.offset > held : last >= held)) {
    fail("a tensor in its " + std::string(folder) + ".pkl reaches beyond " + tensor.record);
  }
  // A stride of 0 repeats elements, so no tensor may have more elements than are stored.
  if (!empty && count > held) fail("a tensor repeats the elements of " + tensor.record);
  return tensor;
}

std::uint64_t TorchArchive::record_elements(const StoredTensor& tensor) const {
  return state_->stored_bytes(tensor.record) / bytes_of(tensor.type);
}

void TorchArchive::read_record(const StoredTensor& tensor, void* out) const {
  state_->read(tensor.record, 0, out, record_elements(tensor) * bytes_of(tensor.type));
}

std::vector<float> TorchArchive::floats(const StoredTensor& tensor) const {
  std::vector<float> values(tensor.count());
  const auto convert = [&]<typename Stored>(std::vector<Stored> stored, auto&& to_float) {
    stored.resize(values.size());
    state_->read_elements(tensor, stored.data());
    std::transform(stored.begin(), stored.end(), values.begin(), to_float);
  };
  switch (tensor.type) {
    case ElementType::kFloat32:
      state_->read_elements(tensor, values.data());
      break;
    case ElementType::kFloat16:
      convert(std::vector<std::uint16_t>(), half_to_float);
      break;
    case ElementType::kBFloat16:
      convert(std::vector<std::uint16_t>(), bfloat16_to_float);
      break;
    case ElementType::kFloat64:
      convert(std::vector<double>(), [](double value) { return static_cast<float>(value); });
      break;
    default:
      fail("a parameter is stored as whole numbers; parameters are floating-point");
  }
  return values;
}

}  // namespace medgen::bundle
