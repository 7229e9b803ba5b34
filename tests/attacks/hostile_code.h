// Code for a model's archive that does what no model should: write a file, break memory, run at
// load. Knows nothing of the commands that may run it.
#pragma once

#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "attacks/archives.h"

namespace medgen::attacks {

// A file that only hostile code makes.
class Witness {
 public:
  explicit Witness(const std::string& name);

  std::string path() const { return path_.string(); }
  bool seen() const { return std::filesystem::exists(path_); }

 private:
  std::filesystem::path path_;
};

struct HostileStatement {
  const char* name;  // letters only: a part of test names and of file names
  std::string code;  // {witness} stands for the file to write
  const char* operator_name;
};

// What a method of an archive may say to do harm whenever it runs.
const std::vector<HostileStatement>& hostile_statements();
std::ostream& operator<<(std::ostream& out, const HostileStatement& statement);

std::string with_witness(std::string code, const Witness& witness);

// Two methods for a class whose one attribute is a tensor; `statement` runs when an archive with
// such an object is loaded.
std::string state_methods(const std::string& class_name, const std::string& attribute,
                          const std::string& statement);

struct HostileArchive {
  const char* name;
  void (*tamper)(Records& records, const Witness& witness);
};

// Ways in which the code of an archive that medgen wrote may be hostile.
const std::vector<HostileArchive>& hostile_archives();
std::ostream& operator<<(std::ostream& out, const HostileArchive& archive);

}  // namespace medgen::attacks
