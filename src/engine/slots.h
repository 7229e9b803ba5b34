// Slots of a backend that are always released, and prefilling a prompt into one.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "medgen/backend.h"

namespace medgen::engine {

class Slots {
 public:
  explicit Slots(Backend& backend) : backend_(backend) {}
  ~Slots() {
    try {
      while (!taken_.empty()) release(taken_.back());
    } catch (...) {
      // The exception in flight says what went wrong; a backend that fails here has nothing to add.
    }
  }
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  int acquire() {
    taken_.push_back(backend_.acquire_slot());
    return taken_.back();
  }
  void release(int slot) {
    std::erase(taken_, slot);
    backend_.release_slot(slot);
  }

 private:
  Backend& backend_;
  std::vector<int> taken_;
};

// Feeds `ids` into an empty slot; the first `vocab` logits after the last of them.
inline std::vector<float> prefill(Backend& backend, int slot, std::span<const TokenId> ids,
                                  std::size_t vocab) {
  constexpr std::size_t kChunk = 256;
  std::vector<float> logits;
  for (std::size_t begin = 0; begin < ids.size(); begin += kChunk) {
    std::vector<Row> rows;
    for (std::size_t i = begin; i < std::min(ids.size(), begin + kChunk); ++i) {
      rows.push_back({slot, ids[i], static_cast<int>(i), i + 1 == ids.size()});
    }
    const auto row = backend.step(rows);
    if (!row.empty()) logits.assign(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(vocab));
  }
  return logits;
}

}  // namespace medgen::engine
