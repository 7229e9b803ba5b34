// See the header.
#include "records/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace medgen::records {
namespace {

// Whether it is the number, or what is left of it in a program that writes 10 decimals, as pandas
// does, or up to 15 where it is told to.
bool is_number_or_rounded(double then, double now) {
  if (then == now) return true;
  double half_unit = 0.5e-10;
  for (int decimals = 10; decimals <= 15; ++decimals, half_unit /= 10) {
    const double cut = std::strtod(fmt::format("{:.{}f}", then, decimals).c_str(), nullptr);
    if (cut == then && std::fabs(then - now) <= half_unit * 1.000001) return true;
  }
  return false;
}

}  // namespace

std::vector<Difference> compare(const std::vector<Completion>& recorded,
                                const std::vector<Completion>& now) {
  std::vector<Difference> differences;
  for (std::size_t i = 0; i < std::max(recorded.size(), now.size()); ++i) {
    Difference found;
    if (i >= recorded.size() || i >= now.size()) {
      found.index = static_cast<int>(i);
      found.fields = {"number of texts"};
      differences.push_back(std::move(found));
      continue;
    }
    const Completion& then = recorded[i];
    const Completion& made = now[i];
    found.index = then.index;
    const auto check = [&](const char* field, bool same) {
      if (!same) found.fields.emplace_back(field);
    };
    check("index", then.index == made.index);
    check("text", then.text == made.text);
    check("finish_reason", then.finish_reason == made.finish_reason);
    check("num_tokens", then.num_tokens == made.num_tokens);
    check("tokens", then.tokens.empty() || then.tokens == made.tokens);
    check("logprob", is_number_or_rounded(then.logprob, made.logprob));
    check("beam_score",
          then.beam_score.has_value() == made.beam_score.has_value() &&
              is_number_or_rounded(then.beam_score.value_or(0), made.beam_score.value_or(0)));
    if (then.text != made.text) {
      const auto at =
          std::mismatch(then.text.begin(), then.text.end(), made.text.begin(), made.text.end());
      found.first_byte = static_cast<std::size_t>(at.first - then.text.begin());
    }
    if (!found.fields.empty()) differences.push_back(std::move(found));
  }
  return differences;
}

}  // namespace medgen::records
