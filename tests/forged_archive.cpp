// Writing and reading archives with libzip.
#include "forged_archive.h"

#include <gtest/gtest.h>
#include <zip.h>

#include <fstream>
#include <sstream>

namespace medgen::forging {
namespace fs = std::filesystem;
namespace {

constexpr const char* kRoot = "model/";

void replace_all(std::string& in, const std::string& from, const std::string& to) {
  for (std::size_t at = in.find(from); at != std::string::npos; at = in.find(from, at)) {
    in.replace(at, from.size(), to);
  }
}

}  // namespace

Records read_archive(const fs::path& file) {
  Records records;
  zip_t* archive = zip_open(file.c_str(), ZIP_RDONLY, nullptr);
  if (archive == nullptr) {
    ADD_FAILURE() << file << " is no archive";
    return records;
  }
  const zip_int64_t count = zip_get_num_entries(archive, 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t information;
    const auto index = static_cast<zip_uint64_t>(i);
    EXPECT_EQ(zip_stat_index(archive, index, 0, &information), 0);
    const std::string name = information.name;
    std::string bytes(information.size, '\0');
    zip_file_t* record = zip_fopen_index(archive, index, 0);
    EXPECT_EQ(zip_fread(record, bytes.data(), bytes.size()),
              static_cast<zip_int64_t>(bytes.size()));
    zip_fclose(record);
    records.push_back({name.substr(name.find('/') + 1), bytes});
  }
  zip_discard(archive);
  return records;
}

void write_archive(const fs::path& file, const Records& records) {
  fs::remove(file);
  zip_t* archive = zip_open(file.c_str(), ZIP_CREATE, nullptr);
  std::vector<std::pair<std::string, std::string>> doubles;  // libzip does not write two of a name
  for (const Record& record : records) {
    std::string name = kRoot + record.name;
    if (zip_name_locate(archive, name.c_str(), 0) >= 0) {
      const std::string meant = name;
      name.back() = '%';
      doubles.emplace_back(name, meant);
    }
    zip_source_t* source = zip_source_buffer(archive, record.bytes.data(), record.bytes.size(), 0);
    const zip_int64_t index = zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
    EXPECT_GE(index, 0) << name;
    constexpr zip_uint32_t kFastest = 1;
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(index),
                             record.deflated ? ZIP_CM_DEFLATE : ZIP_CM_STORE, kFastest);
  }
  EXPECT_EQ(zip_close(archive), 0) << zip_strerror(archive);
  if (doubles.empty()) return;
  std::ostringstream content;
  content << std::ifstream(file, std::ios::binary).rdbuf();
  std::string bytes = content.str();
  for (const auto& [written, meant] : doubles) replace_all(bytes, written, meant);
  std::ofstream(file, std::ios::binary) << bytes;
}

namespace pickle {
namespace {

// Little-endian, as pickles are.
std::string number(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xffU);
  return text;
}

std::string join(const std::vector<std::string>& items) {
  std::string all;
  for (const std::string& item : items) all += item;
  return all;
}

}  // namespace

std::string text(std::string_view value) {
  return std::string("X") + number(value.size(), 4) + std::string(value);
}

std::string integer(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  if (value >= 0 && value <= 0xff) return std::string("K") + number(bits, 1);
  if (value >= 0 && value <= 0xffff) return std::string("M") + number(bits, 2);
  return std::string("\x8a\x08") + number(bits, 8);
}

std::string tuple(const std::vector<std::string>& items) {
  return std::string("(") + join(items) + "t";
}

std::string integers(const std::vector<std::int64_t>& values) {
  std::vector<std::string> items;
  for (const std::int64_t value : values) items.push_back(integer(value));
  return tuple(items);
}

std::string dictionary(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string all = "}(";
  for (const auto& [key, value] : entries) all += text(key) + value;
  return all + "u";
}

std::string object(const std::string& module, const std::string& name, const std::string& state) {
  return std::string("c") + module + "\n" + name + "\n)\x81" + state + "b";
}

std::string storage(const std::string& type, const std::string& record, std::int64_t count) {
  return tuple({text("storage"), "ctorch\n" + type + "Storage\n", text(record), text("cpu"),
                integer(count)}) +
         "Q";
}

std::string layout(std::int64_t offset, const std::vector<std::int64_t>& shape,
                   const std::vector<std::int64_t>& strides) {
  return integer(offset) + integers(shape) + integers(strides);
}

std::string tensor(const std::string& storage, const std::string& layout) {
  return "ctorch._utils\n_rebuild_tensor_v2\n" +
         tuple({storage, layout, "\x89", "ccollections\nOrderedDict\n)R"}) + "R";
}

std::string document(const std::string& value) { return std::string("\x80\x02") + value + "."; }

}  // namespace pickle
}  // namespace medgen::forging
