// Bookkeeping shared by the back ends: which slots are taken and how long each one's cache is.
#pragma once

#include <span>
#include <vector>

#include "medgen/backend.h"

namespace medgen::torchscript {

class Slots {
 public:
  explicit Slots(int count) : lengths_(static_cast<std::size_t>(count), kFree) {}

  int acquire();  // throws Error(kRuntime) if all are taken
  void release(int slot);
  int length(int slot) const;
  void set_length(int slot, int length);
  // Throws Error(kRuntime) unless `slot` holds that many tokens.
  void require_cached(int slot, int n_tokens) const;

  // Adjacent rows of one slot.
  struct Group {
    int slot;
    std::size_t begin;
    std::size_t count;
  };
  // Splits a step's rows, checks them against the contract of Backend::step and extends the
  // lengths. Throws Error(kRuntime) if they break it: a bug in the caller.
  std::vector<Group> advance(std::span<const Row> rows, const BackendInfo& info);

 private:
  static constexpr int kFree = -1;
  std::vector<int> lengths_;
};

}  // namespace medgen::torchscript
