// Sources of bytes for tests of what reads them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/byte_reader.h"

namespace medgen::base {

// The text in blocks of `size` bytes.
inline Blocks text_blocks(std::string text, std::size_t size) {
  auto rest = std::make_shared<std::pair<std::string, std::size_t>>(std::move(text), 0);
  return [rest, size]() -> std::string_view {
    const std::string_view block =
        std::string_view(rest->first).substr(rest->second).substr(0, size);
    rest->second += block.size();
    return block;
  };
}

}  // namespace medgen::base
