// See the header.
#include "base/nearest.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace medgen::base {
namespace {

constexpr std::size_t kLongestName = 60;

// Edits (insert, remove, replace, swap of neighbours) between two names, if they are fewer than
// `below`; else some number from there on. Looks only at places whose lengths allow fewer.
std::size_t edits_between(std::string_view a, std::string_view b, std::size_t below) {
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) >= below) return below;
  std::vector<std::size_t> before_last, last(b.size() + 1, below), row;
  for (std::size_t j = 0; j <= b.size() && j < below; ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row.assign(b.size() + 1, below);
    if (i < below) row[0] = i;
    const std::size_t first = i > below ? i - below : 1;
    for (std::size_t j = first; j <= b.size() && j < i + below; ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change, below});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    if (*std::min_element(row.begin(), row.end()) >= below) return below;
    before_last = std::exchange(last, std::move(row));
  }
  return last[b.size()];
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
    const std::size_t edits = edits_between(name, candidate, least);
    if (edits < least) {
      least = edits;
      best = candidate;
    }
  }
  return std::string(best);
}

}  // namespace medgen::base
