// See the header.
#include "base/nearest.h"

#include <algorithm>
#include <cctype>

namespace medgen::base {
namespace {

constexpr std::size_t kLongestName = 60;

// Edits (insert, remove, replace, swap of neighbours) between two names.
std::size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

// Without what people leave out: dashes, underscores, capitals.
std::string letters_of(std::string_view name) {
  std::string letters;
  for (const char c : name) {
    if (c != '-' && c != '_') {
      letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return letters;
}

}  // namespace

std::string nearest(std::string_view name, const std::vector<std::string>& known) {
  name = name.substr(0, kLongestName);
  const std::string letters = letters_of(name);
  for (const std::string& candidate : known) {
    if (letters_of(candidate) == letters) return candidate;
  }
  std::string_view best;
  std::size_t least = 1 + std::max<std::size_t>(1, name.size() / 3);
  for (const std::string& candidate : known) {
    const std::size_t edits = edits_between(name, candidate);
    if (edits < least) {
      least = edits;
      best = candidate;
    }
  }
  return std::string(best);
}

}  // namespace medgen::base
