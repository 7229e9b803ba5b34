// See the header.
#include "jobs/agree.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "research/shares.h"
#include "why/agree_entropy.h"
#include "why/agree_terms.h"

namespace medgen::jobs {
namespace {

// Keeps these draws apart from those of texts and of other statistics.
constexpr std::uint32_t kAgreeStream = 0x40000007U;

bool is_cut(FinishReason reason) {
  return reason == FinishReason::kLength || reason == FinishReason::kContext ||
         reason == FinishReason::kTime || reason == FinishReason::kInterrupted ||
         reason == FinishReason::kNeverSay || reason == FinishReason::kLoop;
}

class AgreementMaker {
 public:
  AgreementMaker(const std::vector<Completion>& completions, const Tokenizer& tokenizer,
                 const AgreeOptions& options)
      : completions_(completions), tokenizer_(tokenizer), options_(options) {
    for (const Completion& completion : completions) {
      texts_.push_back({completion.text, is_cut(completion.finish_reason)});
    }
    result_.continuations = static_cast<int>(completions.size());
    result_.confidence = options.confidence;
    result_.resamples = options.resamples;
  }

  report::Agreement make() {
    add_branches();
    add_entropies();
    add_model_entropies();
    add_terms();
    return std::move(result_);
  }

 private:
  report::AgreedShare share(std::size_t count) const {
    const auto all = static_cast<double>(texts_.size());
    const double part = static_cast<double>(count) / all;
    return {static_cast<int>(count), part,
            research::wilson_interval(part, all, options_.confidence)};
  }

  void add_branches() {
    for (const why::Branch& branch : why::branches_of(texts_, why::BranchOrder::kAlphabet)) {
      report::AgreedBranch& made = result_.branches.emplace_back();
      made.depth = branch.depth;
      made.parent = branch.parent;
      made.words_before = static_cast<int>(branch.words_before);
      made.then = branch.then;
      made.members = branch.members;
      made.share = share(branch.members.size());
      for (const std::string_view word : branch.words) {
        made.words += made.words.empty() ? "" : " ";
        made.words += word;
      }
    }
  }

  report::AgreedPlace& place(std::size_t at) {
    while (result_.places.size() <= at) {
      result_.places.emplace_back();
      result_.places.back().number = static_cast<int>(result_.places.size());
    }
    return result_.places[at];
  }

  void add_entropies() {
    const why::PathEntropies path(texts_);
    const std::vector<double> seen = path.bits(std::vector<double>(texts_.size(), 1));
    std::vector<std::vector<double>> drawn(path.places());
    std::vector<double> times(texts_.size());
    for (int r = 0; r < options_.resamples; ++r) {
      std::fill(times.begin(), times.end(), 0.0);
      const base::RandomKey key{0, static_cast<std::uint64_t>(r), kAgreeStream};
      for (std::uint32_t i = 0; i < texts_.size(); ++i) {
        times[static_cast<std::size_t>(base::uniform(key, i) *
                                       static_cast<double>(texts_.size()))] += 1;
      }
      const std::vector<double> bits = path.bits(times);
      for (std::size_t at = 0; at < bits.size(); ++at) drawn[at].push_back(bits[at]);
    }
    for (std::size_t at = 0; at < path.places(); ++at) {
      report::AgreedPlace& made = place(at);
      made.together = path.together(at);
      made.entropy = seen[at];
      const auto quantiles = research::percentile_interval(drawn[at], options_.confidence);
      if (!quantiles) continue;
      made.interval = {std::max(0.0, 2 * seen[at] - quantiles->high),
                       std::max(0.0, 2 * seen[at] - quantiles->low)};
    }
  }

  void add_model_entropies() {
    std::vector<double> sums;
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      const std::vector<double> bits = why::model_entropies(tokenizer_, completions_[i]);
      // The last word of a text that was cut short is left out.
      const std::size_t words = std::min(bits.size(), why::agree_words(texts_[i]).size());
      sums.resize(std::max(sums.size(), words), 0);
      for (std::size_t at = 0; at < words; ++at) {
        sums[at] += bits[at];
        ++place(at).with_word;
      }
    }
    for (std::size_t at = 0; at < sums.size(); ++at) {
      place(at).model_entropy = sums[at] / place(at).with_word;
    }
  }

  void add_terms() {
    std::vector<std::string_view> texts;
    for (const why::AgreeText& text : texts_) texts.push_back(text.text);
    result_.terms_given = options_.terms.has_value();
    const std::vector<why::Term> found =
        options_.terms ? why::find_terms(*options_.terms, texts) : why::content_words(texts);
    for (const why::Term& term : found) {
      if (!options_.terms && term.members.size() < static_cast<std::size_t>(options_.fewest))
        continue;
      result_.terms.push_back({term.text, share(term.members.size())});
    }
  }

  const std::vector<Completion>& completions_;
  const Tokenizer& tokenizer_;
  const AgreeOptions& options_;
  std::vector<why::AgreeText> texts_;
  report::Agreement result_;
};

}  // namespace

report::Agreement agreement_of(const std::vector<Completion>& completions,
                               const Tokenizer& tokenizer, const AgreeOptions& options) {
  return AgreementMaker(completions, tokenizer, options).make();
}

}  // namespace medgen::jobs
