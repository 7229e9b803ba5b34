// How far continuations part at each of their words, in bits.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "medgen/generate.h"
#include "medgen/tokenizer.h"
#include "why/agree_tree.h"

namespace medgen::why {

// The entropy of word t given the words before it, as the texts show it. At word t the texts that
// are not alone with their words so far are put into groups, each of equal words; within a group g
// the share p of each next word, the end of a text counting as one, gives
//   H_g = - sum over words of p log2 p,
// and word t's entropy is the mean of H_g, each group weighted by its texts. A text that was cut
// short at t is left out there. So it is 0 where all who agree so far say the same next word, and
// log2(n) where n texts go n ways. It is the plug-in estimate, which is low where few texts are
// together (Miller 1955).
class PathEntropies {
 public:
  explicit PathEntropies(std::span<const AgreeText> texts);

  std::size_t places() const { return places_.size(); }  // words at which any are together
  int together(std::size_t place) const;                 // texts in groups there

  // [places]. With texts counted `weights` times each; NaN where none are left.
  std::vector<double> bits(std::span<const double> weights) const;

 private:
  using Group = std::vector<std::vector<int>>;  // the texts of each next word
  std::vector<std::vector<Group>> places_;
};

// What the model itself could have said at each word of a continuation that it drew: the sum, over
// the tokens of the word, of the entropy of the model's own distribution (before temperature and
// filters), in bits. [words of the text]; needs SamplingParams::logprobs.
std::vector<double> model_entropies(const Tokenizer& tokenizer, const Completion& completion);

}  // namespace medgen::why
