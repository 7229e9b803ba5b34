// Open addressing with linear probing; at most 7/8 full.
#include "batch/id_set.h"

#include <fmt/format.h>

#include "base/sha256.h"
#include "medgen/error.h"

namespace medgen::batch {

void IdSet::place(const Hash& hash) {
  std::size_t at = hash.first & (table_.size() - 1);
  while (table_[at] != Hash{}) at = (at + 1) & (table_.size() - 1);
  table_[at] = hash;
}

IdSet::Hash IdSet::hash_of(const std::string& id) {
  const std::string hex = base::sha256(id);
  return {std::stoull(hex.substr(0, 16), nullptr, 16),
          std::stoull(hex.substr(16, 16), nullptr, 16)};
}

bool IdSet::contains(const std::string& id) const {
  if (table_.empty()) return false;
  const Hash hash = hash_of(id);
  for (std::size_t at = hash.first & (table_.size() - 1); table_[at] != Hash{};
       at = (at + 1) & (table_.size() - 1)) {
    if (table_[at] == hash) return true;
  }
  return false;
}

bool IdSet::insert(const std::string& id) {
  const Hash hash = hash_of(id);
  if (table_.empty()) table_.resize(1024);
  for (std::size_t at = hash.first & (table_.size() - 1); table_[at] != Hash{};
       at = (at + 1) & (table_.size() - 1)) {
    if (table_[at] == hash) return false;
  }
  if (size_ >= kMaxIds) {
    throw Error(
        ErrorCode::kUsage,
        fmt::format("the input has more than {} ids, too many to check for duplicates in memory: "
                    "give `trust_ids` if they are known to differ, or cut the input into several",
                    kMaxIds));
  }
  if (8 * (size_ + 1) > 7 * table_.size()) {
    const std::vector<Hash> before = std::exchange(table_, std::vector<Hash>(2 * table_.size()));
    for (const Hash& other : before) {
      if (other != Hash{}) place(other);
    }
  }
  place(hash);
  ++size_;
  return true;
}

}  // namespace medgen::batch
