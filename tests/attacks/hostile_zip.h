// Archives that are hostile as zip files: what they say of their records is not so. Knows nothing
// of the commands that read them.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "attacks/archives.h"

namespace medgen::attacks {

struct HostileZip {
  const char* name;
  std::string (*make)(const Records& records);  // of the tiny model's records: a file's bytes
};

const std::vector<HostileZip>& hostile_zips();
std::ostream& operator<<(std::ostream& out, const HostileZip& zip);

// Companion: the same writer, with nothing hostile.
std::string plain_zip(const Records& records);

}  // namespace medgen::attacks
