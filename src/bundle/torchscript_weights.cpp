// See the header. Tensors are found by walking the module's tree of attributes.
#include "bundle/torchscript_weights.h"

#include <zip.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "bundle/half.h"
#include "bundle/pickle.h"
#include "bundle/zip_patch.h"
#include "medgen/error.h"

namespace medgen {
namespace {

using Kind = PickleValue::Kind;

constexpr std::uint64_t kMaxPickleBytes = 64U << 20U;
constexpr int kMaxDepth = 64;

struct StoredTensor {
  std::string record;  // of the storage: "data/12"
  StorageType type = StorageType::kFloat32;
  bool known_type = false;
  std::int64_t offset = 0;  // elements
  std::vector<std::int64_t> shape;
};

std::vector<std::int64_t> integers(const PickleValue& tuple) {
  std::vector<std::int64_t> values;
  for (const PicklePointer& item : tuple.items) values.push_back(item->integer);
  return values;
}

std::vector<std::int64_t> row_major(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

// A call of torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, ...), the storage
// being
// ("storage", class, key, place, count). False if it is something else.
bool read_tensor(const PickleValue& value, StoredTensor& tensor) {
  if (value.kind != Kind::kCall || value.text != "torch._utils _rebuild_tensor_v2") return false;
  if (value.items.size() < 4 || value.items[0]->kind != Kind::kPersistent) return false;
  const PickleValue& storage = *value.items[0]->items[0];
  if (storage.items.size() < 3) return false;
  tensor.record = "data/" + storage.items[2]->text;
  const std::string& type = storage.items[1]->text;
  tensor.known_type = type == "torch FloatStorage" || type == "torch HalfStorage";
  tensor.type = type == "torch HalfStorage" ? StorageType::kFloat16 : StorageType::kFloat32;
  tensor.offset = value.items[1]->integer;
  tensor.shape = integers(*value.items[2]);
  return row_major(tensor.shape) == integers(*value.items[3]);
}

void collect(const PickleValue& object, const std::string& prefix, int depth,
             std::map<std::string, StoredTensor>& tensors) {
  if (depth > kMaxDepth) throw Error(ErrorCode::kModel, "its modules are nested too deep");
  for (const auto& [key, value] : object.entries) {
    const std::string name = prefix.empty() ? key->text : prefix + "." + key->text;
    StoredTensor tensor;
    if (value->kind == Kind::kObject) {
      collect(*value, name, depth + 1, tensors);
    } else if (read_tensor(*value, tensor)) {
      tensors[name] = tensor;
    }
  }
}

struct CloseFile {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

}  // namespace

struct TorchScriptWeights::State {
  std::filesystem::path path;
  zip_t* archive = nullptr;
  std::string root;  // the folder in the archive, with its slash
  std::map<std::string, StoredTensor> tensors;

  ~State() {
    if (archive != nullptr) zip_discard(archive);
  }

  [[noreturn]] void fail(const std::string& why) const {
    throw Error(ErrorCode::kModel, "cannot use the model " + path.string() + ": " + why);
  }

  std::unique_ptr<zip_file_t, CloseFile> open(const std::string& name) const {
    std::unique_ptr<zip_file_t, CloseFile> file(zip_fopen(archive, (root + name).c_str(), 0));
    if (!file) fail("it has no " + name + "; it is damaged or no TorchScript archive");
    return file;
  }

  // Part of a record. `whole` also reads to its end, where the library compares the checksum.
  void read(const std::string& name, std::uint64_t offset, void* out, std::uint64_t bytes) const {
    const auto file = open(name);
    std::vector<char> skipped(std::min<std::uint64_t>(offset, 1U << 20U));
    for (std::uint64_t left = offset; left > 0;) {
      const zip_int64_t got =
          zip_fread(file.get(), skipped.data(), std::min<std::uint64_t>(left, skipped.size()));
      if (got <= 0) fail("its " + name + " is damaged");
      left -= static_cast<std::uint64_t>(got);
    }
    char* place = static_cast<char*>(out);
    for (std::uint64_t left = bytes; left > 0;) {
      const zip_int64_t got = zip_fread(file.get(), place, left);
      if (got <= 0) fail("its " + name + " is damaged");
      place += got;
      left -= static_cast<std::uint64_t>(got);
    }
    char beyond = 0;
    if (zip_fread(file.get(), &beyond, 1) < 0) fail("its " + name + " is damaged");
  }

  std::string read_pickle() const {
    zip_stat_t information;
    if (zip_stat(archive, (root + "data.pkl").c_str(), 0, &information) != 0) {
      fail("it has no data.pkl; it is damaged or no TorchScript archive");
    }
    if (information.size > kMaxPickleBytes) fail("its list of parameters is too long");
    std::string text(information.size, '\0');
    read("data.pkl", 0, text.data(), text.size());
    return text;
  }

  void find_root() {
    const std::string end = "/data.pkl";
    for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0); ++i) {
      const char* name = zip_get_name(archive, static_cast<zip_uint64_t>(i), 0);
      const std::string entry = name == nullptr ? "" : name;
      if (entry.ends_with(end) && entry.find('/') == entry.size() - end.size()) {
        root = entry.substr(0, entry.size() - end.size() + 1);
        return;
      }
    }
    fail("it is no TorchScript archive");
  }

  const StoredTensor& tensor(const std::string& name) const {
    const auto found = tensors.find(name);
    if (found == tensors.end()) fail("it has no parameter " + name);
    return found->second;
  }
};

TorchScriptWeights::TorchScriptWeights(std::unique_ptr<State> state) : state_(std::move(state)) {}
TorchScriptWeights::TorchScriptWeights(TorchScriptWeights&&) noexcept = default;
TorchScriptWeights::~TorchScriptWeights() = default;

TorchScriptWeights TorchScriptWeights::open(const std::filesystem::path& model_pt) {
  auto state = std::make_unique<State>();
  state->path = model_pt;
  int code = 0;
  state->archive = zip_open(model_pt.c_str(), ZIP_RDONLY, &code);
  if (state->archive == nullptr) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string why = zip_error_strerror(&error);
    zip_error_fini(&error);
    state->fail(why);
  }
  state->find_root();
  try {
    collect(*parse_pickle(state->read_pickle()), "", 0, state->tensors);
  } catch (const Error& error) {
    const std::string why = error.what();
    if (why.starts_with("cannot use")) throw;
    state->fail(why);
  }
  return TorchScriptWeights(std::move(state));
}

std::vector<ParameterSpec> TorchScriptWeights::specs() const {
  std::vector<ParameterSpec> specs;
  for (const auto& [name, tensor] : state_->tensors) specs.push_back({name, tensor.shape});
  return specs;
}

StorageType TorchScriptWeights::storage(const std::string& name) const {
  const StoredTensor& tensor = state_->tensor(name);
  if (!tensor.known_type) state_->fail(name + " is stored in a type other than fp32 and fp16");
  return tensor.type;
}

std::string TorchScriptWeights::entry(const std::string& name,
                                      const std::vector<std::int64_t>& shape,
                                      StorageType type) const {
  const StoredTensor& tensor = state_->tensor(name);
  if (storage(name) != type || tensor.shape != shape || tensor.offset != 0) {
    state_->fail(name + " is stored in another way than expected");
  }
  return state_->root + tensor.record;
}

std::vector<float> TorchScriptWeights::read(const std::string& name,
                                            const std::vector<std::int64_t>& shape) const {
  const StoredTensor& tensor = state_->tensor(name);
  const bool half = storage(name) == StorageType::kFloat16;
  if (tensor.shape != shape || tensor.offset < 0) {
    state_->fail(name + " has another shape than config.json implies");
  }
  std::uint64_t count = 1;
  for (const std::int64_t size : shape) count *= static_cast<std::uint64_t>(size);
  std::vector<float> values(count);
  const auto offset = static_cast<std::uint64_t>(tensor.offset);
  if (!half) {
    state_->read(tensor.record, offset * 4, values.data(), count * 4);
    return values;
  }
  std::vector<std::uint16_t> halves(count);
  state_->read(tensor.record, offset * 2, halves.data(), count * 2);
  for (std::uint64_t i = 0; i < count; ++i) values[i] = half_to_float(halves[i]);
  return values;
}

void fill_archive(const std::filesystem::path& model_pt, const ModelConfig& config,
                  StorageType storage,
                  const std::function<std::vector<float>(
                      const std::string& name, const std::vector<std::int64_t>& shape)>& read) {
  std::map<std::string, std::string> entries;
  {
    const TorchScriptWeights archive = TorchScriptWeights::open(model_pt);
    for (const ParameterSpec& spec : parameter_specs(config)) {
      entries[spec.name] = archive.entry(spec.name, spec.shape, storage);
    }
  }
  ZipPatch file(model_pt);
  for (const ParameterSpec& spec : parameter_specs(config)) {
    const std::vector<float> values = read(spec.name, spec.shape);
    if (storage == StorageType::kFloat32) {
      file.replace(entries.at(spec.name), values.data(), values.size() * 4);
      continue;
    }
    std::vector<std::uint16_t> halves(values.size());
    std::transform(values.begin(), values.end(), halves.begin(), float_to_half);
    file.replace(entries.at(spec.name), halves.data(), halves.size() * 2);
  }
  file.finish();
}

}  // namespace medgen
