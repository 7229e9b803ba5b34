// See the header.
#include "jobs/batch_slots.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>

#include "wiring/open_backend.h"

namespace medgen::jobs {
namespace {

// What the system could give without swapping; 0 if it does not say.
std::int64_t available_memory_bytes() {
  std::ifstream file("/proc/meminfo");
  std::string name, unit;
  for (std::int64_t value = 0; file >> name >> value;) {
    std::getline(file, unit);
    if (name == "MemAvailable:") return value * 1024;
  }
  return 0;
}

}  // namespace

int automatic_slots(const ModelConfig& config) {
  const std::int64_t slot_bytes = std::int64_t{2} * config.n_layer * config.n_embd *
                                  std::max(config.n_positions, 1) * std::int64_t{sizeof(float)};
  if (slot_bytes == 0) return 8;  // a file that is not a GPT-2 does not tell its shape
  return static_cast<int>(std::clamp<std::int64_t>(available_memory_bytes() / 4 / slot_bytes, 1,
                                                   wiring::useful_slots()));
}

}  // namespace medgen::jobs
