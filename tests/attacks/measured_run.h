// Runs the program in a working folder of choice and tells what it cost: time and memory.
// Knows nothing of what the program prints.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace medgen::attacks {

struct MeasuredResult {
  int status = -1;  // exit status, or 128 + signal
  std::string out;
  std::string err;
  long peak_megabytes = 0;  // of resident memory
};

struct MeasuredOptions {
  std::filesystem::path working_folder = {};            // empty: ours
  std::map<std::string, std::string> environment = {};  // on top of ours without MEDGEN_*
};

// After 20 s SIGALRM ends the program, and an allocation that would bring its private memory
// beyond 3 GB fails, so that no attack can take the machine down.
MeasuredResult measured_run(const std::vector<std::string>& arguments,
                            const MeasuredOptions& options = {});

// Whether these words make the program load libtorch. Not where medgen was built without.
bool loads_libtorch(const std::vector<std::string>& arguments);

// Whether they ask for what only libtorch does, in a build without.
bool lacks_libtorch(const std::vector<std::string>& arguments);

// What a loader may take: three times the file, and 200 MB. Where libtorch is loaded, on top of
// what that alone takes.
void expect_little_memory(const MeasuredResult& result, const std::vector<std::string>& arguments,
                          const std::filesystem::path& file);

// Neither a signal nor another status than 0 and 3, and little memory.
void expect_bounded(const MeasuredResult& result, const std::vector<std::string>& arguments,
                    const std::filesystem::path& file);

}  // namespace medgen::attacks
