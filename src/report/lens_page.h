// What a model holds of a text at every layer, as a page: layers by positions, what each part adds
// to a logit, and where heads read.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "why/lens.h"

namespace medgen::report {

struct LensPageContext {
  std::string model;      // its name
  std::string precision;  // it computed in
  std::string notice;
  std::string text;                             // that was read
  std::function<std::string(TokenId)> text_of;  // a token's, in UTF-8
};

inline constexpr std::size_t kMaxLensPageCells = 200'000;

// Throws Error(kUsage) where the tables would have more cells than that.
std::string lens_page(const why::LensResult& lens, const LensPageContext& context);

}  // namespace medgen::report
