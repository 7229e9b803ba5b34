// Bookkeeping shared by the back ends.
#include "torchscript/slots.h"

#include <fmt/format.h>

#include <algorithm>

#include "medgen/error.h"

namespace medgen::torchscript {
namespace {

[[noreturn]] void broken(const std::string& what) {
  throw Error(ErrorCode::kRuntime, fmt::format("a backend's contract was broken: {}", what));
}

}  // namespace

int Slots::acquire() {
  const auto free = std::find(lengths_.begin(), lengths_.end(), kFree);
  if (free == lengths_.end()) broken(fmt::format("all {} slots are taken", lengths_.size()));
  *free = 0;
  return static_cast<int>(free - lengths_.begin());
}

void Slots::release(int slot) {
  length(slot);  // must be taken
  lengths_[static_cast<std::size_t>(slot)] = kFree;
}

int Slots::length(int slot) const {
  if (slot < 0 || slot >= static_cast<int>(lengths_.size()) ||
      lengths_[static_cast<std::size_t>(slot)] == kFree) {
    broken(fmt::format("slot {} is not taken", slot));
  }
  return lengths_[static_cast<std::size_t>(slot)];
}

void Slots::set_length(int slot, int length) {
  if (length < 0) broken(fmt::format("a cache of {} tokens", length));
  this->length(slot);
  lengths_[static_cast<std::size_t>(slot)] = length;
}

void Slots::require_cached(int slot, int n_tokens) const {
  const int cached = length(slot);
  if (n_tokens < 0 || n_tokens > cached) {
    broken(fmt::format("{} tokens of slot {}, which holds {}", n_tokens, slot, cached));
  }
}

std::vector<Slots::Group> Slots::advance(std::span<const Row> rows, const BackendInfo& info) {
  std::vector<Group> groups;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    const int expected = length(row.slot);
    if (row.position != expected || row.position >= info.n_positions) {
      broken(fmt::format("position {} in slot {}, which holds {} of {}", row.position, row.slot,
                         expected, info.n_positions));
    }
    if (row.token < 0 || row.token >= info.vocab_size) {
      broken(fmt::format("token {} of a vocabulary of {}", row.token, info.vocab_size));
    }
    if (groups.empty() || groups.back().slot != row.slot) {
      groups.push_back({.slot = row.slot, .begin = i, .count = 0});
    }
    ++groups.back().count;
    set_length(row.slot, expected + 1);
  }
  return groups;
}

}  // namespace medgen::torchscript
