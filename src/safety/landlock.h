// Landlock: the kernel's rules on which files a process may touch. Called through its system calls,
// with definitions of our own, so that medgen builds with older headers and runs on any kernel.
// Knows nothing of commands.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace medgen::safety {

// What may be done with a place and with everything below it.
enum class Use {
  kRead,
  kPut,     // make, write, replace and remove files, list them; not read them
  kWork,    // both of the above, and folders likewise
  kDevice,  // read and write what is there
};

struct Rule {
  std::filesystem::path path;
  Use use = Use::kRead;
};

// The version of the kernel's interface; 0 where there is none.
int landlock_version();

// The bits of the kernel's file rights that `version` knows, and those of a use.
std::uint64_t known_file_rights(int version);
std::uint64_t file_rights(Use use, bool is_folder, int version);

// What a version lacks of what medgen uses, each with the Linux that brought it.
std::vector<std::string> missing_from_landlock(int version);

// Forbids this thread, and those that it starts, TCP, executing files and whatever no rule allows.
// Without `files`, files may be read and written anywhere. A rule for a place that does not exist
// changes nothing. Returns why it failed; "" if it did not. Needs no_new_privs.
std::string restrict_by_landlock(const std::vector<Rule>& rules, bool files, int version);

}  // namespace medgen::safety
