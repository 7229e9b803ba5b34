// Tells whether an id was seen before, using a few bytes per id.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace medgen::batch {

// Holds the first 128 bits of each id's SHA-256, so 10^9 ids collide with a probability
// below 10^-20. 16 bytes per id, doubled while the table grows.
class IdSet {
 public:
  // False if it is already there. Throws Error(kUsage) above `max_ids`.
  bool insert(const std::string& id);
  bool contains(const std::string& id) const;

  static constexpr std::size_t kMaxIds = std::size_t{1} << 26U;  // 2 GB

 private:
  using Hash = std::pair<std::uint64_t, std::uint64_t>;  // {0, 0} is a free place
  static Hash hash_of(const std::string& id);
  void place(const Hash& hash);

  std::vector<Hash> table_;
  std::size_t size_ = 0;
};

}  // namespace medgen::batch
