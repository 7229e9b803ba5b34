// Changing model files.
// Knows nothing of what is hostile about them.
#include "attacks/archives.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/sha256.h"
#include "cli/models.h"

namespace medgen::attacks {
namespace fs = std::filesystem;
std::string& bytes_of(Records& records, const std::string& name) {
  for (Record& record : records) {
    if (record.name == name) return record.bytes;
  }
  ADD_FAILURE() << "the archive has no " << name;
  return records.emplace_back(Record{name, ""}).bytes;
}

void replace_once(std::string& in, const std::string& from, const std::string& to) {
  const std::size_t at = in.find(from);
  if (at == std::string::npos) {
    ADD_FAILURE() << "there is nothing to replace";
    return;
  }
  in.replace(at, from.size(), to);
}

void insert_statement(Records& records, const std::string& statement) {
  const std::string arrow = ") -> ";
  const std::string end = ":\n";
  int methods = 0;
  for (Record& record : records) {
    if (!record.name.ends_with(".py")) continue;
    std::string& code = record.bytes;
    for (std::size_t at = code.find(arrow); at != std::string::npos; at = code.find(arrow, at)) {
      at = code.find(end, at) + end.size();
      code.insert(at, std::string("    ") + statement + "\n");
      ++methods;
    }
  }
  EXPECT_GT(methods, 0) << "the archive has no method";
}

void reseal(const fs::path& bundle) {
  auto manifest = nlohmann::ordered_json::parse(cli_tests::read(bundle / "manifest.json"));
  for (auto& file : manifest.at("files")) {
    const fs::path path = bundle / file.at("name").get<std::string>();
    file["sha256"] = base::sha256_of_file(path);
    file["size"] = fs::file_size(path);
  }
  cli_tests::write(bundle / "manifest.json", manifest.dump(2));
  for (const char* precision : {"fp32", "bf16", "int8"}) {
    fs::remove(bundle / (std::string("packed-") + precision + ".bin"));
  }
}

fs::path forged_bundle(const std::string& name, const Tamper& tamper) {
  const fs::path bundle = cli_tests::copy_of_tiny_model(name);
  Records records = read_archive(bundle / "model.pt");
  tamper(records);
  write_archive(bundle / "model.pt", records);
  reseal(bundle);
  return bundle;
}

fs::path forged_file(const std::string& name, const std::string& checkpoint, const Tamper& tamper) {
  const fs::path folder = cli_tests::scratch() / name;
  fs::create_directories(folder);
  const fs::path source = cli_tests::checkpoint(checkpoint);
  fs::copy_file(source / "config.json", folder / "config.json",
                fs::copy_options::overwrite_existing);
  Records records = read_archive(source / "model.pt");
  tamper(records);
  write_archive(folder / "model.pt", records);
  return folder / "model.pt";
}

void set_json(const fs::path& file,
              const std::vector<std::pair<std::string, std::string>>& values) {
  auto object = nlohmann::ordered_json::parse(cli_tests::read(file));
  for (const auto& [key, value] : values) object[key] = nlohmann::ordered_json::parse(value);
  cli_tests::write(file, object.dump(2));
}

}  // namespace medgen::attacks
