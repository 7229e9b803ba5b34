// See the header.
#include "report/agreement.h"

#include <fmt/format.h>

namespace medgen::report {

std::string_view agreement_meaning() {
  return "A share says how often this model, with these settings, wrote those words. It is a habit "
         "of the model, not the probability of an illness, and says nothing about a person.";
}

int summed_up(const Agreement& agreement, int parent, int fewest) {
  int count = 0;
  for (const AgreedBranch& branch : agreement.branches) {
    if (branch.parent == parent && branch.share.count < fewest) count += branch.share.count;
  }
  return count;
}

std::string summed_up_words(int count, int fewest) {
  if (fewest > 2) return fmt::format("{} in branches of fewer than {}", count, fewest);
  return count == 1 ? "1 on its own" : fmt::format("{}, each on its own", count);
}

}  // namespace medgen::report
