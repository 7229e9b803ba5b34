// See the header. libzip asks for each record when its turn comes.
#include "bundle/archive_writer.h"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <list>
#include <string>
#include <string_view>

#include "bundle/half.h"
#include "medgen/error.h"

namespace medgen::bundle {
namespace {

constexpr std::string_view kFolder = "archive/";

std::string little_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xffU);
  return text;
}

std::string pickled_number(std::int64_t number) {
  return std::string("\x8a\x08").append(little_endian(static_cast<std::uint64_t>(number), 8));
}

std::int64_t count_of(const ParameterSpec& spec) {
  std::int64_t count = 1;
  for (const std::int64_t size : spec.shape) count *= size;
  return count;
}

// One record of the archive while libzip reads it.
struct Tensor {
  const ParameterSpec& spec;
  StorageType storage;
  const TensorReader& read;
  std::exception_ptr& failure;
  std::string bytes = {};
  std::size_t place = 0;

  std::uint64_t size() const {
    return static_cast<std::uint64_t>(count_of(spec)) * (storage == StorageType::kFloat16 ? 2 : 4);
  }

  bool open() {
    try {
      const std::vector<float> values = read(spec.name, spec.shape);
      bytes.resize(size());
      if (storage == StorageType::kFloat32) {
        std::memcpy(bytes.data(), values.data(), bytes.size());
      } else {
        std::vector<std::uint16_t> halves(values.size());
        std::transform(values.begin(), values.end(), halves.begin(), float_to_half);
        std::memcpy(bytes.data(), halves.data(), bytes.size());
      }
      place = 0;
      return true;
    } catch (...) {  // libzip is C
      failure = std::current_exception();
      return false;
    }
  }

  std::size_t take(void* out, std::size_t most) {
    const std::size_t count = std::min(most, bytes.size() - place);
    std::memcpy(out, bytes.data() + place, count);
    place += count;
    return count;
  }
};

zip_int64_t serve(void* state, void* data, zip_uint64_t length, zip_source_cmd_t command) {
  auto& tensor = *static_cast<Tensor*>(state);
  switch (command) {
    case ZIP_SOURCE_OPEN:
      return tensor.open() ? 0 : -1;
    case ZIP_SOURCE_READ:
      return static_cast<zip_int64_t>(tensor.take(data, length));
    case ZIP_SOURCE_CLOSE:
      std::string().swap(tensor.bytes);
      return 0;
    case ZIP_SOURCE_STAT: {
      auto* status = static_cast<zip_stat_t*>(data);
      zip_stat_init(status);
      status->size = tensor.size();
      status->valid |= ZIP_STAT_SIZE;
      return sizeof *status;
    }
    case ZIP_SOURCE_ERROR: {
      zip_error_t error;
      zip_error_init(&error);
      zip_error_set(&error, ZIP_ER_READ, EIO);
      return zip_error_to_data(&error, data, length);
    }
    case ZIP_SOURCE_FREE:
      return 0;
    case ZIP_SOURCE_SUPPORTS:
      return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
                                            ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, -1);
    default:
      return -1;
  }
}

class NewArchive {
 public:
  explicit NewArchive(const std::filesystem::path& path) : path_(path) {
    int code = 0;
    zip_ = zip_open(path.c_str(), ZIP_CREATE | ZIP_EXCL, &code);
    if (zip_ == nullptr) fail();
  }
  NewArchive(const NewArchive&) = delete;
  NewArchive& operator=(const NewArchive&) = delete;
  ~NewArchive() {
    if (zip_ != nullptr) zip_discard(zip_);
  }

  void add(const std::string& name, const std::string& text) {
    add(name, zip_source_buffer(zip_, text.data(), text.size(), 0));
  }
  void add(const std::string& name, Tensor& tensor) {
    add(name, zip_source_function(zip_, serve, &tensor));
  }

  void close(const std::exception_ptr& failure) {
    if (zip_close(zip_) != 0) {
      if (failure) std::rethrow_exception(failure);
      fail();
    }
    zip_ = nullptr;
  }

 private:
  // Uncompressed, and with one date whenever it is made.
  void add(const std::string& name, zip_source_t* source) {
    const std::string entry = std::string(kFolder) + name;
    const zip_int64_t index =
        source == nullptr ? -1 : zip_file_add(zip_, entry.c_str(), source, ZIP_FL_ENC_UTF_8);
    constexpr zip_uint16_t kFirstOf1980 = 33;
    const auto at = static_cast<zip_uint64_t>(index);
    if (index < 0 || zip_set_file_compression(zip_, at, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(zip_, at, 0, kFirstOf1980, 0) != 0) {
      fail();
    }
  }

  [[noreturn]] void fail() const {
    throw Error(ErrorCode::kRuntime,
                fmt::format("cannot write {}: {}", path_.string(),
                            zip_ == nullptr ? std::string("it cannot be made")
                                            : std::string(zip_strerror(zip_))));
  }

  std::filesystem::path path_;
  zip_t* zip_ = nullptr;
};

}  // namespace

// The opcodes are those that torch.save uses, see pickle.cpp.
std::string pickled(std::string_view text) {
  return std::string("X").append(little_endian(text.size(), 4)).append(text);
}

std::string pickled_tensor(const ParameterSpec& spec, StorageType storage, std::size_t record) {
  std::string shape;
  std::string strides;
  std::int64_t stride = count_of(spec);
  for (const std::int64_t size : spec.shape) {
    stride /= size;
    shape += pickled_number(size);
    strides += pickled_number(stride);
  }
  const char* type = storage == StorageType::kFloat16 ? "HalfStorage" : "FloatStorage";
  return fmt::format(
      "ctorch._utils\n_rebuild_tensor_v2\n(({}ctorch\n{}\n{}{}{}tQ{}({}t({}t\x89"
      "ccollections\nOrderedDict\n)RtR",
      pickled("storage"), type, pickled(fmt::to_string(record)), pickled("cpu"),
      pickled_number(count_of(spec)), pickled_number(0), shape, strides);
}

void write_archive(const std::filesystem::path& file, const std::vector<TextRecord>& texts,
                   const std::string& version, const ModelConfig& config, StorageType storage,
                   const TensorReader& read) {
  const std::vector<ParameterSpec> specs = parameter_specs(config);
  std::exception_ptr failure;
  std::list<Tensor> tensors;
  NewArchive archive(file);
  for (const TextRecord& record : texts) archive.add(record.name, record.text);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    tensors.push_back({specs[i], storage, read, failure});
    archive.add(fmt::format("data/{}", i), tensors.back());
  }
  archive.add("version", version);
  archive.close(failure);
}

}  // namespace medgen::bundle
