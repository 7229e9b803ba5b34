// TorchScript archives and pickles made by hand, for tests of what reads them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace medgen::forging {

struct Record {
  std::string name;  // without the archive's own folder: "data.pkl", "code/__torch__.py"
  std::string bytes;
  bool deflated = false;
};
using Records = std::vector<Record>;

Records read_archive(const std::filesystem::path& file);

// Of two records with one name both are written.
void write_archive(const std::filesystem::path& file, const Records& records);

// Pickles, written as libtorch writes them.
namespace pickle {

std::string text(std::string_view value);
std::string integer(std::int64_t value);
std::string tuple(const std::vector<std::string>& items);
std::string integers(const std::vector<std::int64_t>& values);  // a tuple of them
std::string dictionary(const std::vector<std::pair<std::string, std::string>>& entries);

// An object of a class such as ("__torch__", "Model"), filled by BUILD.
std::string object(const std::string& module, const std::string& name, const std::string& state);

// `type`: "Float", "Half", ...
std::string storage(const std::string& type, const std::string& record, std::int64_t count);

// Where a tensor lies in its storage: what follows the storage in a pickle.
std::string layout(std::int64_t offset, const std::vector<std::int64_t>& shape,
                   const std::vector<std::int64_t>& strides);
std::string tensor(const std::string& storage, const std::string& layout);

std::string document(const std::string& value);

}  // namespace pickle
}  // namespace medgen::forging
