#include "why/attribution.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>
#include <utility>

#include "base/refuse.h"

namespace medgen::why {
namespace {

ScoredText whole_text(const Question& question, std::span<const TokenId> made) {
  ScoredText text{question.prompt.ids, question.prompt.ids.size()};
  text.tokens.insert(text.tokens.end(), made.begin(), made.end());
  return text;
}

// The tokens of the first word, without those at its end that are punctuation alone.
std::vector<TokenId> first_word_of(const MarkedText& made) {
  const auto is_punctuation = [](const std::string& bytes) {
    return !bytes.empty() && std::all_of(bytes.begin(), bytes.end(),
                                         [](unsigned char c) { return std::ispunct(c) != 0; });
  };
  std::size_t count = 0;
  while (count < made.ids.size() && made.owners[count] == 0) ++count;
  while (count > 1 && is_punctuation(made.bytes[count - 1])) --count;
  return {made.ids.begin(), made.ids.begin() + static_cast<std::ptrdiff_t>(count)};
}

double total(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

}  // namespace

std::vector<double> Attribution::sums() const {
  std::vector<double> sums(sources);
  for (std::size_t t = 0; t < targets; ++t) {
    for (std::size_t s = 0; s < sources; ++s) sums[s] += at(t, s);
  }
  return sums;
}

Question question_of_words(const Tokenizer& tokenizer, std::vector<TokenId> prompt,
                           std::vector<TokenId> made) {
  Question question;
  question.prompt = spelled(tokenizer, std::move(prompt));
  mark(question.prompt, words_of(question.prompt.text));
  question.made = spelled(tokenizer, std::move(made));
  mark_made_words(question.made);
  question.start = tokenizer.bos_id() ? tokenizer.bos_id() : tokenizer.eos_id();
  question.vocabulary = tokenizer.vocab_size();
  return question;
}

void contrast_with(Question& question, const Tokenizer& tokenizer, const std::string& word) {
  if (words_of(word).size() != 1 || words_of(word)[0] != Span{0, word.size()}) {
    base::refuse("`instead` takes one word, without blanks");
  }
  MarkedText& made = question.made;
  if (made.spans.empty() || made.span_text(0).empty()) {
    base::refuse("the made text does not begin with a word, so none can be asked for in its place");
  }
  std::vector<TokenId> first = first_word_of(made);
  const std::string blanks = made.text.substr(0, made.spans[0].begin);
  question.instead = tokenizer.encode(blanks + word);
  if (spelled(tokenizer, question.instead).text != blanks + word) {
    question.instead = tokenizer.encode(word);  // the tokenizer brings its own blank
  }
  if (question.instead == first) {
    base::refuse("the made text begins with the word of `instead`: name another one");
  }
  made = spelled(tokenizer, std::move(first));
  mark_made_words(made);
}

TokenId neutral_token(const Tokenizer& tokenizer) { return tokenizer.encode("_").back(); }

Erasure::Erasure(Backend& backend, const Question& question, std::function<void()> before_step)
    : question_(question),
      scores_(backend, question.vocabulary, whole_text(question, question.made.ids),
              std::move(before_step)) {
  std::vector<std::vector<double>> instead(1);
  if (question.contrasts()) {
    const ScoredText text = whole_text(question, question.instead);
    instead = scores_.of({&text, 1});
  }
  whole_ = values_of(scores_.of_base(), instead[0]);
}

// Sums over the tokens of each target.
std::vector<double> Erasure::values_of(const std::vector<double>& made_scores,
                                       const std::vector<double>& instead_scores) const {
  if (question_.contrasts()) return {total(made_scores) - total(instead_scores)};
  std::vector<double> values(question_.made.spans.size());
  for (std::size_t i = 0; i < made_scores.size(); ++i) {
    const int owner = question_.made.owners[i];
    if (owner >= 0) values[static_cast<std::size_t>(owner)] += made_scores[i];
  }
  return values;
}

ScoredText Erasure::text_without(const SpansOut& out, std::span<const TokenId> made) const {
  const MarkedText& prompt = question_.prompt;
  ScoredText text;
  for (std::size_t i = 0; i < prompt.ids.size(); ++i) {
    const int owner = prompt.owners[i];
    if (owner < 0 || !out[static_cast<std::size_t>(owner)]) {
      text.tokens.push_back(prompt.ids[i]);
    } else if (question_.neutral) {
      text.tokens.push_back(*question_.neutral);
    }
  }
  if (text.tokens.empty()) {
    if (!question_.start) {
      base::refuse(
          "with all parts taken out nothing is left of the prompt, and this tokenizer has neither "
          "BOS nor EOS to stand there: give `replace`");
    }
    text.tokens.push_back(*question_.start);
  }
  text.first_scored = text.tokens.size();
  text.tokens.insert(text.tokens.end(), made.begin(), made.end());
  return text;
}

std::vector<std::vector<double>> Erasure::without(std::span<const SpansOut> sets) {
  std::vector<ScoredText> texts;
  for (const SpansOut& out : sets) {
    texts.push_back(text_without(out, question_.made.ids));
    if (question_.contrasts()) texts.push_back(text_without(out, question_.instead));
  }
  const std::vector<std::vector<double>> scores = scores_.of(texts);
  std::vector<std::vector<double>> values;
  const std::size_t step = question_.contrasts() ? 2 : 1;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    values.push_back(values_of(scores[step * i], scores[step * i + step - 1]));
  }
  return values;
}

std::vector<std::vector<double>> Erasure::without_made() {
  if (question_.contrasts()) base::refuse("a contrast has no earlier words of the made text");
  const MarkedText& made = question_.made;
  std::vector<ScoredText> texts;
  std::vector<std::size_t> behind;  // of each word: the first token after it
  for (std::size_t word = 0; word < made.spans.size(); ++word) {
    ScoredText text{question_.prompt.ids, 0};
    behind.push_back(0);
    for (std::size_t i = 0; i < made.ids.size(); ++i) {
      const bool own = made.owners[i] == static_cast<int>(word);
      if (own) behind.back() = i + 1;
      if (!own) text.tokens.push_back(made.ids[i]);
      if (own && question_.neutral) text.tokens.push_back(*question_.neutral);
    }
    const std::size_t left = behind.back() == 0 ? 0 : made.ids.size() - behind.back();
    text.first_scored = text.tokens.size() - left;
    texts.push_back(std::move(text));
  }
  const std::vector<std::vector<double>> scores = scores_.of(texts);
  std::vector<std::vector<double>> values;
  for (std::size_t word = 0; word < texts.size(); ++word) {
    std::vector<double> tokens = scores_.of_base();
    for (std::size_t i = 0; i < scores[word].size(); ++i)
      tokens[behind[word] + i] = scores[word][i];
    values.push_back(values_of(tokens, {}));
  }
  return values;
}

Attribution occlusion(Erasure& erasure, bool include_made) {
  const std::size_t spans = erasure.question().prompt.spans.size();
  std::vector<SpansOut> sets;
  for (std::size_t s = 0; s < spans; ++s) {
    sets.emplace_back(spans);
    sets.back()[s] = true;
  }
  std::vector<std::vector<double>> without = erasure.without(sets);
  if (include_made) {
    for (auto& values : erasure.without_made()) without.push_back(std::move(values));
  }
  const std::vector<double>& whole = erasure.whole();
  Attribution found{.targets = whole.size(), .sources = without.size(), .influence = {}};
  for (std::size_t t = 0; t < found.targets; ++t) {
    for (const std::vector<double>& values : without) {
      found.influence.push_back(whole[t] - values[t]);
    }
  }
  return found;
}

Attribution summed_over_words(const TokenInfluence& tokens, const Question& question,
                              bool include_made) {
  const std::size_t prompt = question.prompt.ids.size(), made = question.made.ids.size();
  if (tokens.n_targets != made || tokens.n_inputs != prompt + made ||
      tokens.influence.size() != made * (prompt + made)) {
    throw std::logic_error("a method gives influences of another shape than its texts have");
  }
  const std::size_t spans = question.prompt.spans.size();
  Attribution found{.targets = question.made.spans.size(),
                    .sources = spans + (include_made ? question.made.spans.size() : 0),
                    .influence = {},
                    .gap = tokens.gap};
  found.influence.resize(found.targets * found.sources);
  const auto source_of = [&](std::size_t input) {
    if (input < prompt) return question.prompt.owners[input];
    const int owner = question.made.owners[input - prompt];
    return include_made && owner >= 0 ? static_cast<int>(spans) + owner : -1;
  };
  for (std::size_t t = 0; t < made; ++t) {
    const int target = question.made.owners[t];
    for (std::size_t input = 0; target >= 0 && input < prompt + made; ++input) {
      const int source = source_of(input);
      if (source < 0) continue;
      found.influence[static_cast<std::size_t>(target) * found.sources +
                      static_cast<std::size_t>(source)] +=
          static_cast<double>(tokens.influence[t * tokens.n_inputs + input]);
    }
  }
  return found;
}

}  // namespace medgen::why
