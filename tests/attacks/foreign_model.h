// A language model that is not a GPT-2, as an archive made by hand, and hostile variants of it.
// Knows nothing of the commands that may run it.
#pragma once

#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "attacks/archives.h"
#include "attacks/hostile_code.h"

namespace medgen::attacks {

// forward(input_ids) -> logits: a table's row for each of the tokenizer's ids, and their products.
Records foreign_model();

// The archive `model.pt` with a config.json in a folder of its own.
std::filesystem::path foreign_file(const std::string& name, const Tamper& tamper);

struct HostileForeign {
  std::string name;
  std::function<void(Records& records, const Witness& witness)> tamper;
  std::string named;  // what a refusal must name: an operator, a method; empty if anything will do
};

const std::vector<HostileForeign>& hostile_foreign_models();
std::ostream& operator<<(std::ostream& out, const HostileForeign& model);

}  // namespace medgen::attacks
