// Decoded by hand, since iconv() loads its tables from files that a small system lacks and that the
// sandbox need not allow.
#include "base/text_blocks.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>

namespace medgen::base {
namespace {

constexpr char kUndefined = '\xFF';

// Windows-1252 from 80 to 9F (Unicode's mapping CP1252.TXT); elsewhere it is Latin-1. 0: undefined.
constexpr std::array<std::uint16_t, 32> kWindows1252 = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

void append_code_point(std::uint32_t code, std::string& out) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const auto count = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code), bytes.data());
  out.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(count));
}

class TextDecoder {
 public:
  TextDecoder(Blocks blocks, Encoding encoding, std::string name)
      : blocks_(std::move(blocks)), encoding_(encoding), name_(std::move(name)) {}

  std::string_view next() {
    out_.clear();
    while (out_.empty() && !ended_) {
      const std::string_view block = blocks_();
      ended_ = block.empty();
      if (encoding_ == Encoding::kUtf16) {
        add_utf16(block);
      } else {
        for (const char byte : block) add_byte(static_cast<unsigned char>(byte));
      }
    }
    return out_;
  }

 private:
  void add_byte(unsigned char byte) {
    std::uint32_t code = byte;
    if (encoding_ == Encoding::kWindows1252 && byte >= 0x80 && byte < 0xA0) {
      code = kWindows1252[byte - 0x80U];
      if (code == 0) {
        out_ += kUndefined;
        return;
      }
    }
    append_code_point(code, out_);
  }

  void add_utf16(std::string_view block) {
    for (const char c : block) {
      const auto byte = static_cast<unsigned char>(c);
      if (!first_) {
        first_ = byte;
        continue;
      }
      const unsigned char other = *std::exchange(first_, std::nullopt);
      add_unit(static_cast<std::uint32_t>(big_ ? other << 8 | byte : byte << 8 | other));
    }
    if (!ended_) return;
    if (!marked_) refuse_without_mark();
    if (first_ || high_) out_ += kUndefined;  // half of something
    first_.reset();
    high_.reset();
  }

  void add_unit(std::uint32_t unit) {
    if (!marked_) {
      if (unit != 0xFEFF && unit != 0xFFFE) refuse_without_mark();
      big_ = unit == 0xFFFE;  // as little-endian units
      marked_ = true;
      return;
    }
    const bool is_low = unit >= 0xDC00 && unit <= 0xDFFF;
    if (high_) {
      const std::uint32_t high = *std::exchange(high_, std::nullopt);
      if (is_low) {
        return append_code_point(0x10000 + ((high - 0xD800) << 10U) + (unit - 0xDC00), out_);
      }
      out_ += kUndefined;
    }
    if (unit >= 0xD800 && unit <= 0xDBFF) {
      high_ = unit;
    } else if (is_low) {
      out_ += kUndefined;
    } else {
      append_code_point(unit, out_);
    }
  }

  [[noreturn]] void refuse_without_mark() const {
    throw Error(ErrorCode::kUsage,
                name_ +
                    " does not begin with the mark of UTF-16, the bytes FF FE or FE FF: save it "
                    "with the mark, or give `encoding` utf-8, windows-1252 or latin-1");
  }

  Blocks blocks_;
  Encoding encoding_;
  std::string name_;
  std::string out_;
  bool ended_ = false;
  // Of UTF-16.
  bool marked_ = false, big_ = false;
  std::optional<unsigned char> first_;  // of two bytes
  std::optional<std::uint32_t> high_;   // of a pair of surrogates
};

}  // namespace

std::optional<Encoding> encoding_named(std::string_view name) {
  const auto* found = std::find(std::begin(kEncodingNames), std::end(kEncodingNames), name);
  if (found == std::end(kEncodingNames)) return std::nullopt;
  return static_cast<Encoding>(found - std::begin(kEncodingNames));
}

Blocks decoded(Blocks blocks, Encoding encoding, std::string name) {
  if (encoding == Encoding::kUtf8) return blocks;
  return [decoder = std::make_shared<TextDecoder>(std::move(blocks), encoding, std::move(name))] {
    return decoder->next();
  };
}

Blocks text_file_blocks(const std::filesystem::path& path, ErrorCode code) {
  return without_byte_order_mark(file_blocks(path, code));
}

std::string read_text_file(const std::filesystem::path& path, std::uint64_t max_bytes,
                           ErrorCode code) {
  const Blocks blocks = text_file_blocks(path, code);
  std::string text;
  for (std::string_view block = blocks(); !block.empty(); block = blocks()) {
    if (block.size() > max_bytes - text.size()) {
      throw Error(code, path.string() + " holds more than the " + std::to_string(max_bytes) +
                            " bytes that are allowed");
    }
    text += block;
  }
  return text;
}

Blocks with_beginning(std::string beginning, Blocks rest) {
  return [beginning = std::move(beginning), rest = std::move(rest),
          begun = false]() mutable -> std::string_view {
    if (std::exchange(begun, true) || beginning.empty()) return rest();
    return beginning;
  };
}

bool ends_lines_in_cr(std::string_view beginning) {
  return beginning.find('\r') != std::string_view::npos &&
         beginning.find('\n') == std::string_view::npos;
}

Blocks cr_as_lf(Blocks blocks) {
  return [blocks = std::move(blocks), text = std::string(),
          after_cr = false]() mutable -> std::string_view {
    text.clear();
    while (text.empty()) {
      const std::string_view block = blocks();
      if (block.empty()) return {};
      for (const char c : block) {
        if (c != '\n' || !after_cr) text += c == '\r' ? '\n' : c;
        after_cr = c == '\r';
      }
    }
    return text;
  };
}

}  // namespace medgen::base
