// See the header.
#include "attacks/canary.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <sstream>

#include "places.h"

namespace medgen::attacks {
namespace fs = std::filesystem;
namespace {

std::string little_endian(const std::vector<TokenId>& ids, int bytes_each) {
  std::string bytes;
  for (const TokenId id : ids) {
    const auto value = static_cast<std::uint64_t>(id);
    for (int i = 0; i < bytes_each; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFFU);
  }
  return bytes;
}

// The highest byte first, as an index of training text has them.
std::string big_endian(const std::vector<TokenId>& ids, int bytes_each) {
  std::string bytes;
  for (const TokenId id : ids) {
    const std::string little = little_endian({id}, bytes_each);
    bytes.append(little.rbegin(), little.rend());
  }
  return bytes;
}

// Whatever stands between two numbers of a list becomes one space, and so do both ends.
std::string with_lists_joined(std::string_view text) {
  std::string joined = " ";
  for (const char c : text) {
    const bool between = std::isspace(static_cast<unsigned char>(c)) != 0 || c == ',' || c == ';' ||
                         c == '[' || c == ']' || c == '"';
    if (!between) joined += c;
    if (between && joined.back() != ' ') joined += ' ';
  }
  return joined + " ";
}

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

std::string documents(const std::string& beginning) {
  std::string lines;
  for (unsigned i = 0; i < 600; ++i) {
    lines += "{\"text\":\"" + beginning;
    for (unsigned n = i * 7919 + 1; n > 0; n /= 13) {
      lines += std::string(" ") + static_cast<char>('a' + n % 26) +
               static_cast<char>('a' + n / 7 % 26) + static_cast<char>('a' + n / 3 % 26);
    }
    lines += "\"}\n";
  }
  return lines;
}

CanarySearch::CanarySearch(const Tokenizer& tokenizer) {
  std::istringstream canary(kCanary);
  for (std::string word; canary >> word;) {
    words_.push_back(word);
    // Without the ids at its ends, which depend on what stands beside it.
    std::vector<TokenId> ids = tokenizer.encode(word);
    ids = {ids.begin() + 1, ids.end() - 1};
    std::string decimals = " ";
    for (const TokenId id : ids) decimals += std::to_string(id) + " ";
    decimals_.push_back(decimals);
    for (const int bytes : {2, 4, 8}) {
      binary_.emplace_back("ids of " + std::to_string(8 * bytes) + " bits",
                           little_endian(ids, bytes));
      binary_.emplace_back("ids of " + std::to_string(8 * bytes) + " bits, the highest byte first",
                           big_endian(ids, bytes));
    }
  }
}

std::vector<std::string> CanarySearch::forms_in(std::string_view bytes) const {
  std::vector<std::string> forms;
  const auto found = [&](const std::string& form, std::string_view in, const std::string& what) {
    if (in.find(what) == std::string_view::npos) return;
    if (std::find(forms.begin(), forms.end(), form) == forms.end()) forms.push_back(form);
  };
  std::string lower(bytes);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const std::string& word : words_) found("text", lower, word);
  for (const auto& [form, what] : binary_) found(form, bytes, what);
  const std::string joined = with_lists_joined(bytes);
  for (const std::string& list : decimals_) found("ids as decimals", joined, list);
  return forms;
}

void copy_model(const fs::path& to) {
  fs::create_directories(to);
  for (const auto& entry : fs::directory_iterator(MEDGEN_DEFAULT_MODEL)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("packed-") && !name.starts_with(".")) {
      fs::copy(entry.path(), to / name);
    }
  }
}

std::map<std::string, std::string> folders_of_habit(const fs::path& tree) {
  return {{"HOME", tree / "home"},
          {"TMPDIR", tree / "temporary"},
          {"XDG_CONFIG_HOME", tree / "home/config"},
          {"XDG_CACHE_HOME", tree / "home/cache"},
          {"XDG_DATA_HOME", tree / "home/data"},
          {"XDG_STATE_HOME", tree / "home/state"},
          {"XDG_RUNTIME_DIR", tree / "home/runtime"}};
}

FilesBelow files_below(const fs::path& folder) {
  FilesBelow files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_symlink() || !entry.is_regular_file()) continue;
    files[entry.path()] = {entry.file_size(), entry.last_write_time()};
  }
  return files;
}

std::vector<std::string> leaks(const CanarySearch& search, const fs::path& folder,
                               const FilesBelow& before, const std::vector<fs::path>& outputs) {
  std::vector<std::string> found;
  for (const auto& [file, state] : files_below(folder)) {
    const auto was = before.find(file);
    if (was != before.end() && was->second == state) continue;
    const std::string name = fs::relative(file, folder).string();
    for (const std::string& form : search.forms_in(name)) found.push_back(name + ": name, " + form);
    if (std::find(outputs.begin(), outputs.end(), file) != outputs.end()) continue;
    for (const std::string& form : search.forms_in(bytes_of(file))) {
      found.push_back(name + ": " + form);
    }
  }
  return found;
}

}  // namespace medgen::attacks
