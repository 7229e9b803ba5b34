// What many continuations of one text share, as it is shown: in a terminal, in JSON, on a page.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "research/bootstrap.h"
#include "why/agree_tree.h"

namespace medgen::report {

// So many of the continuations, with an interval for the share that the model would give them among
// endlessly many.
struct AgreedShare {
  int count = 0;
  double share = 0;
  research::Interval interval;
};

struct AgreedBranch {
  int depth = 0;
  int parent = -1;  // its place among the branches
  int words_before = 0;
  std::string words;  // one blank between them
  why::Branch::Then then = why::Branch::Then::kParts;
  std::vector<int> members;  // numbers of the continuations, from 0
  AgreedShare share;         // of all continuations
};

// Word `number` (from 1) of the continuations.
struct AgreedPlace {
  int number = 0;
  int together = 0;  // continuations that are not alone with their words so far; see why
  std::optional<double> entropy;  // bits, among these; where any are together
  std::optional<research::Interval> interval;
  int with_word = 0;                    // continuations that have this word
  std::optional<double> model_entropy;  // bits, their mean; see why::model_entropies()
};

struct AgreedTerm {
  std::string text;
  AgreedShare share;
};

struct Agreement {
  int continuations = 0;
  double confidence = 0.95;
  int resamples = 0;                   // behind the intervals of entropies
  std::vector<AgreedBranch> branches;  // by the bytes of their words
  std::vector<AgreedPlace> places;
  bool terms_given = false;       // a list was; else they are content words
  std::vector<AgreedTerm> terms;  // in alphabetical order
};

// What shares of texts are, and are not: with every output.
std::string_view agreement_meaning();

// The branches of fewer than `fewest` continuations beneath branch `parent`, which a picture or a
// table sums up: how many continuations they hold.
int summed_up(const Agreement& agreement, int parent, int fewest);

// What they are called: "3, each on its own" for a `fewest` of 2.
std::string summed_up_words(int count, int fewest);

}  // namespace medgen::report
