// Forging model files: records of TorchScript archives changed or made by hand, and manifests that
// vouch for them. Knows nothing of what is hostile about them.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "forged_archive.h"

namespace medgen::attacks {

using forging::read_archive;
using forging::Record;
using forging::Records;
using forging::write_archive;
namespace pickle = forging::pickle;

using Tamper = std::function<void(Records&)>;

std::string& bytes_of(Records& records, const std::string& name);

// Replaces what must be there; a test that does not find it would attack nothing.
void replace_once(std::string& in, const std::string& from, const std::string& to);

// Puts a line of code at the beginning of every method of an archive.
void insert_statement(Records& records, const std::string& statement);

// Makes manifest.json agree with the folder again, as the folder's owner can, and removes
// packed weights, so that model.pt is read.
void reseal(const std::filesystem::path& bundle);

// A copy of the tiny model with another model.pt.
std::filesystem::path forged_bundle(const std::string& name, const Tamper& tamper);

// One of the checkpoints that are a TorchScript file: `FILE.pt` with its config.json, in a folder
// of its own.
std::filesystem::path forged_file(const std::string& name, const std::string& checkpoint,
                                  const Tamper& tamper);

// Sets keys of a JSON file of a model folder to other values, given as JSON.
void set_json(const std::filesystem::path& file,
              const std::vector<std::pair<std::string, std::string>>& values);

}  // namespace medgen::attacks
