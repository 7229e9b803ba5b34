// See the header. A model's rules of normalization hold a trie of 32-bit units (Yata's double
// array), which the library follows without comparing an index with the trie's length.
#include "text/sentencepiece_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "medgen/error.h"
#include "text/utf8.h"
#include "text/wire_reader.h"

namespace medgen::text {
namespace {

// The largest vocabularies in use have 262,144 pieces in 5 MB, with rules of 0.3 MB.
constexpr std::size_t kMaxPieces = std::size_t{1} << 18U;  // each costs the library 0.5 KB
constexpr std::size_t kMaxPieceBytes = 4096;               // a byte costs it up to 50
constexpr std::size_t kMaxBytesOfPieces = std::size_t{4} << 20U;
constexpr std::size_t kMaxRuleBytes = std::size_t{4} << 20U;
constexpr std::size_t kMaxModelFileBytes = std::size_t{16} << 20U;  // copied several times
// The library keeps so many rules that begin at one place, and reads as many as it found.
constexpr int kMaxNestedRules = 32;
constexpr std::size_t kMaxRuleText = 256;  // Unicode's longest takes 33 bytes

// What is wrong is text that follows "its ".
struct ModelFault {
  std::string what;
};

[[noreturn]] void fault(std::string what) { throw ModelFault{std::move(what)}; }

// A unit has a label, says where its children begin, and whether a rule ends there. A child lies
// where the children begin, its index changed by its label: so 256 units in a row are one block.
class RuleTrie {
 public:
  RuleTrie(std::string_view units, std::string_view texts)
      : units_(units.size() / sizeof(std::uint32_t)), texts_(texts) {
    std::memcpy(units_.data(), units.data(), units_.size() * sizeof(std::uint32_t));
  }

  // Visits every place where children may begin once, children before their parents.
  void check() {
    if (units_.size() % kBlock != 0) fault("rules of normalization are damaged");
    group_by_parent();
    nested_.assign(units_.size(), kUnseen);
    std::vector<std::size_t> open = {child_place(0)};
    while (!open.empty()) {
      const std::size_t place = open.back();
      if (nested_[place] == kUnseen) {
        nested_[place] = kOpen;
        for_children(place, [&](std::size_t child) {
          const std::size_t below = child_place(child);
          if (nested_[below] == kOpen) fault("rules of normalization go round in a circle");
          if (nested_[below] == kUnseen) open.push_back(below);
        });
        continue;
      }
      open.pop_back();
      if (nested_[place] != kOpen) continue;  // reached by two ways
      int most = 0;
      for_children(place, [&](std::size_t child) {
        most = std::max(most, (ends_rule(child) ? 1 : 0) + nested_[child_place(child)]);
      });
      if (most > kMaxNestedRules) fault("rules of normalization begin with each other too often");
      nested_[place] = most;
    }
  }

 private:
  static constexpr std::size_t kBlock = 256;
  static constexpr std::uint32_t kValue = 0x80000000U;  // marks a unit that is no child
  static constexpr int kUnseen = -2;
  static constexpr int kOpen = -1;

  bool ends_rule(std::size_t unit) const { return (units_[unit] >> 8U & 1U) != 0; }

  // Where the children of a unit begin; its rule, if one ends there, is at that place too.
  std::size_t child_place(std::size_t unit) const {
    const std::uint32_t bits = units_[unit];
    const std::size_t place = unit ^ ((bits >> 10U) << ((bits & 0x200U) >> 6U));
    if (place >= units_.size()) fault("rules of normalization point out of their table");
    if (ends_rule(unit)) check_text(units_[place] & ~kValue);
    return place;
  }

  // What a rule puts in place of what was found.
  void check_text(std::size_t begin) const {
    if (begin >= texts_.size()) fault("rules of normalization point out of their texts");
    if (texts_.substr(begin, kMaxRuleText + 1).find('\0') == texts_.npos) {
      fault("rules of normalization lengthen texts more than any in use");
    }
  }

  // children_ sorted by the place that they belong to, first_[p] the first of place p.
  void group_by_parent() {
    first_.assign(units_.size() + 1, 0);
    for (std::size_t unit = 0; unit < units_.size(); ++unit) {
      if (is_child(unit)) ++first_[parent_place(unit) + 1];
    }
    for (std::size_t place = 0; place < units_.size(); ++place) first_[place + 1] += first_[place];
    children_.resize(first_.back());
    std::vector<std::uint32_t> next(first_.begin(), first_.end() - 1);
    for (std::size_t unit = 0; unit < units_.size(); ++unit) {
      if (is_child(unit)) children_[next[parent_place(unit)]++] = static_cast<std::uint32_t>(unit);
    }
  }

  bool is_child(std::size_t unit) const { return (units_[unit] & kValue) == 0; }
  std::size_t parent_place(std::size_t unit) const { return unit ^ (units_[unit] & 0xFFU); }

  template <typename Visit>
  void for_children(std::size_t place, Visit&& visit) const {
    for (std::uint32_t i = first_[place]; i < first_[place + 1]; ++i) visit(children_[i]);
  }

  std::vector<std::uint32_t> units_;
  std::string_view texts_;
  std::vector<std::uint32_t> first_;
  std::vector<std::uint32_t> children_;
  std::vector<int> nested_;  // most rules that end on a way down from a place
};

// The trie's length in bytes, the trie, and the texts that its rules name, each ended by a NUL.
void check_rules(std::string_view blob) {
  if (blob.empty()) return;
  if (blob.size() > kMaxRuleBytes) fault("rules of normalization are larger than any in use");
  std::uint32_t trie_bytes = 0;
  if (blob.size() <= sizeof trie_bytes) fault("rules of normalization are damaged");
  std::memcpy(&trie_bytes, blob.data(), sizeof trie_bytes);
  blob.remove_prefix(sizeof trie_bytes);
  if (trie_bytes == 0 || trie_bytes >= blob.size() || trie_bytes % sizeof(std::uint32_t) != 0 ||
      blob.back() != '\0') {
    fault("rules of normalization are damaged");
  }
  RuleTrie(blob.substr(0, trie_bytes), blob.substr(trie_bytes)).check();
}

void check_normalizer(std::string_view message) {
  constexpr std::uint64_t kRules = 2;
  WireReader reader(message);
  for (WireField field; !reader.done();) {
    if (!reader.next(field)) fault("rules of normalization are damaged");
    if (field.number == kRules && field.type == kLengthDelimited) check_rules(field.bytes);
  }
}

// The length of the piece's text.
std::size_t check_piece(std::string_view message) {
  constexpr std::uint64_t kText = 1;
  constexpr std::uint64_t kScore = 2;
  std::string_view text;
  WireReader reader(message);
  for (WireField field; !reader.done();) {
    if (!reader.next(field)) fault("list of pieces is damaged");
    if (field.number == kText && field.type == kLengthDelimited) text = field.bytes;
    if (field.number == kScore && field.type == kFourBytes) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, field.bytes.data(), sizeof bits);
      if (!std::isfinite(std::bit_cast<float>(bits)))
        fault("list of pieces has a score of no size");
    }
  }
  if (text.size() > kMaxPieceBytes) {
    fault(fmt::format("list of pieces has one of {} bytes; at most {} are supported", text.size(),
                      kMaxPieceBytes));
  }
  if (find_invalid_utf8(text)) fault("list of pieces has one that is not UTF-8");
  return text.size();
}

void check_model_fields(std::string_view model) {
  constexpr std::uint64_t kPieces = 1;
  constexpr std::uint64_t kNormalizer = 3;
  constexpr std::uint64_t kDenormalizer = 5;
  if (model.size() > kMaxModelFileBytes) {
    fault(fmt::format("size is {} bytes; at most {} are supported", model.size(),
                      kMaxModelFileBytes));
  }
  std::size_t pieces = 0;
  std::size_t bytes = 0;
  WireReader reader(model);
  for (WireField field; !reader.done();) {
    if (!reader.next(field)) fault("content is damaged, or of another kind; get the file again");
    if (field.type != kLengthDelimited) continue;
    if (field.number == kPieces) {
      bytes += check_piece(field.bytes);
      if (++pieces > kMaxPieces || bytes > kMaxBytesOfPieces) {
        fault(
            fmt::format("vocabulary is too large; at most {} pieces of {} bytes together are "
                        "supported",
                        kMaxPieces, kMaxBytesOfPieces));
      }
    } else if (field.number == kNormalizer || field.number == kDenormalizer) {
      check_normalizer(field.bytes);
    }
  }
}

}  // namespace

void check_sentencepiece_model(std::string_view model, const std::string& source) {
  try {
    check_model_fields(model);
  } catch (const ModelFault& found) {
    throw Error(ErrorCode::kModel, fmt::format("{}: it cannot be used as a tokenizer.model: its {}",
                                               source, found.what));
  }
}

}  // namespace medgen::text
