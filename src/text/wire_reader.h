// A tokenizer.model is a protocol buffer: fields, each a number, a wire type and a value. Takes one
// apart, and knows no field's meaning.
#pragma once

#include <cstdint>
#include <string_view>

namespace medgen::text {

struct WireField {
  std::uint64_t number = 0;
  unsigned type = 0;
  std::string_view bytes = {};  // of types 1, 2 and 5
  std::uint64_t value = 0;      // of type 0
};

inline constexpr unsigned kVarint = 0;
inline constexpr unsigned kEightBytes = 1;
inline constexpr unsigned kLengthDelimited = 2;
inline constexpr unsigned kFourBytes = 5;

// Takes a message apart, field by field.
class WireReader {
 public:
  explicit WireReader(std::string_view message) : rest_(message) {}

  bool done() const { return rest_.empty(); }

  // False if what follows is no field. Groups (types 3 and 4) are in no tokenizer.model.
  bool next(WireField& field) {
    std::uint64_t tag = 0;
    std::uint64_t value = 0;
    if (!varint(tag) || tag > UINT32_MAX) return false;
    field = {.number = tag >> 3U, .type = static_cast<unsigned>(tag & 7U)};
    if (field.number == 0) return false;
    switch (field.type) {
      case kVarint:
        return varint(field.value);
      case kEightBytes:
        return take(8, field.bytes);
      case kLengthDelimited:
        return varint(value) && take(value, field.bytes);
      case kFourBytes:
        return take(4, field.bytes);
      default:
        return false;
    }
  }

 private:
  bool take(std::uint64_t count, std::string_view& out) {
    if (count > rest_.size()) return false;
    out = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return true;
  }

  bool varint(std::uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  std::string_view rest_;
};

}  // namespace medgen::text
