// An account for a terminal, and as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "text/utf8.h"
#include "text/visible.h"
#include "why/account.h"

namespace medgen::why {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLeading = 3;        // sources that a row of the table names
constexpr std::size_t kShownLetters = 28;  // of a part that is named
constexpr std::string_view kEndOfColour = "\x1b[0m";

std::size_t letters_in(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

// One line, nothing that controls a terminal.
std::string one_line(const std::string& given) {
  std::string text = text::visible(given);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return text;
}

std::string shortened(const std::string& given) {
  std::string text = one_line(given);
  if (letters_in(text) <= kShownLetters) return text;
  std::size_t letters = 0, at = 0;
  while (at < text.size() && letters < kShownLetters) {
    do ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U);
    ++letters;
  }
  return text.substr(0, at) + "…";
}

// Dark letters on blue where a part made the text likelier, on orange where less likely.
std::string_view background(int shade) {
  switch (shade) {
    case 3:
      return "\x1b[38;5;16;48;5;39m";
    case 2:
      return "\x1b[38;5;16;48;5;117m";
    case 1:
      return "\x1b[38;5;16;48;5;195m";
    case -1:
      return "\x1b[38;5;16;48;5;230m";
    case -2:
      return "\x1b[38;5;16;48;5;222m";
    case -3:
      return "\x1b[38;5;16;48;5;208m";
    default:
      return {};
  }
}

// Rows of words that are no wider than the window.
class WordRows {
 public:
  WordRows(int columns, std::string indent)
      : columns_(static_cast<std::size_t>(std::max(columns, 20))), indent_(std::move(indent)) {}

  void add(const std::string& word, std::string_view colour = {}) {
    const std::size_t width = letters_in(word);
    if (column_ > 0 && column_ + 1 + width > columns_) {
      rows_ += "\n";
      column_ = 0;
    }
    rows_ += column_ == 0 ? indent_ : " ";
    column_ += (column_ == 0 ? letters_in(indent_) : 1) + width;
    rows_ += colour.empty() ? word : std::string(colour) + word + std::string(kEndOfColour);
  }
  void add_all(std::string_view text) {
    for (const Span& word : words_of(text)) {
      add(std::string(text.substr(word.begin, word.end - word.begin)));
    }
  }
  std::string take() { return rows_ + (column_ > 0 ? "\n" : ""); }

 private:
  std::size_t columns_;
  std::string indent_;
  std::string rows_;
  std::size_t column_ = 0;
};

std::string paragraph(const std::string& words, int columns) {
  WordRows rows(columns, "");
  rows.add_all(text::visible(words));
  return rows.take();
}

// The words of a text, each shaded as the span that it is part of.
std::string shaded(const MarkedText& text, std::span<const double> sums, double largest,
                   int columns, bool color) {
  WordRows rows(columns, "  ");
  std::size_t span = 0;
  for (const Span& word : words_of(text.text)) {
    while (span < text.spans.size() && text.spans[span].end <= word.begin) ++span;
    const bool inside = span < text.spans.size() && text.spans[span].begin < word.end;
    const int shade = inside ? shade_of(sums[span], largest) : 0;
    std::string shown = one_line(text.text.substr(word.begin, word.end - word.begin));
    // The sign stands once, behind the span's last word.
    const bool last = inside && text.spans[span].end <= word.end;
    if (!color && shade != 0 && last) {
      shown +=
          "(" + std::string(static_cast<std::size_t>(std::abs(shade)), shade > 0 ? '+' : '-') + ")";
    }
    rows.add(shown, color ? background(shade) : std::string_view());
  }
  return rows.take();
}

std::string influences(const Account& account, std::size_t target, std::size_t most) {
  const Attribution& found = account.attribution;
  std::string words;
  for (const std::size_t s : leading_sources(account, target, most)) {
    const bool all = target == found.targets;
    const double value = all ? account.sums[s] : found.at(target, s);
    words += fmt::format("{}{} {:+.2f}", words.empty() ? "" : ", ",
                         shortened(account.source_text(s)), value);
    const std::vector<double>& errors = all ? found.sum_errors : found.errors;
    if (!errors.empty()) {
      words += fmt::format(" ±{:.2f}", errors[all ? s : target * found.sources + s]);
    }
  }
  return words.empty() ? "-" : words;
}

std::string padded(const std::string& text, std::size_t width) {
  const std::size_t letters = letters_in(text);
  return text + std::string(width > letters ? width - letters : 0, ' ');
}

std::string table_of_targets(const Account& account) {
  const std::size_t targets = account.attribution.targets;
  std::vector<std::string> words;
  std::size_t width = 10;
  for (std::size_t t = 0; t < targets; ++t) {
    words.push_back(shortened(account.target_text(t)));
    width = std::max(width, letters_in(words.back()));
  }
  std::string table = fmt::format("{}  {:>8}  {}s of most influence\n", padded("made word", width),
                                  account.question.contrasts() ? "nats" : "log p", account.part);
  for (std::size_t t = 0; t < targets; ++t) {
    table += fmt::format("{}  {:>8.2f}  {}\n", padded(words[t], width), account.whole[t],
                         influences(account, t, kLeading));
  }
  return table;
}

Json test_json(const TrustTest& test) {
  return {{"named", test.named},
          {"random_mean", test.mean_of_others},
          {"random", test.others},
          {"random_as_good", test.others_as_good}};
}

Json trust_json(const Account& account) {
  if (!account.trust) return {{"verdict", "too few parts"}};
  constexpr const char* kNames[] = {"better than random", "better than random in part",
                                    "no better than random", "too few parts"};
  const Trust& trust = *account.trust;
  return {{"verdict", kNames[static_cast<int>(trust.verdict)]},
          {"unit", account.question.contrasts() ? "nats" : "nats per made token"},
          {"named_parts", trust.named},
          {"random_sets", trust.comprehensiveness.others.size()},
          {"all_sets", trust.all_others},
          {"comprehensiveness", test_json(trust.comprehensiveness)},
          {"sufficiency", test_json(trust.sufficiency)},
          {"correlation", trust.correlation ? Json(*trust.correlation) : Json(nullptr)},
          {"p_value", trust.p}};
}

Json rows_json(const std::vector<double>& values, std::size_t rows) {
  Json all = Json::array();
  const std::size_t width = rows == 0 ? 0 : values.size() / rows;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(row * width);
    all.push_back(std::vector<double>(begin, begin + static_cast<std::ptrdiff_t>(width)));
  }
  return all;
}

Json attribution_json(const Attribution& found) {
  Json json{{"influence", rows_json(found.influence, found.targets)}, {"sums", found.sums()}};
  if (!found.errors.empty()) {
    json["standard_errors"] = rows_json(found.errors, found.targets);
    json["sum_standard_errors"] = found.sum_errors;
  }
  return json;
}

Json sources_json(const Account& account) {
  Json sources = Json::array();
  const MarkedText& prompt = account.question.prompt;
  for (std::size_t s = 0; s < account.attribution.sources; ++s) {
    const bool of_prompt = s < prompt.spans.size();
    const MarkedText& text = of_prompt ? prompt : account.question.made;
    const std::size_t span = of_prompt ? s : s - prompt.spans.size();
    sources.push_back({{"text", account.source_text(s)},
                       {"of", of_prompt ? "prompt" : "made text"},
                       {"begin", text.spans[span].begin},
                       {"end", text.spans[span].end},
                       {"first_token", text.first_token_of(span)},
                       {"tokens", text.tokens_of(span)}});
  }
  return sources;
}

}  // namespace

std::string account_text(const Account& account, int columns, bool color) {
  const std::size_t spans = account.question.prompt.spans.size();
  double largest = 0;
  for (const double sum : account.sums) largest = std::max(largest, std::abs(sum));
  if (largest < 0.005) largest = 0;  // nothing to shade
  const std::span<const double> sums = account.sums;
  std::string text = paragraph(trust_in_words(account), columns) + "\n";
  text += paragraph(
      color ? "prompt, shaded by influence (blue: made the text likelier, orange: less likely)"
            : "prompt, shaded by influence (+ made the text likelier, - less likely)",
      columns);
  text += shaded(account.question.prompt, sums.first(spans), largest, columns, color);
  text += "machine-made text\n";
  const bool made_too = account.attribution.sources > spans;
  MarkedText made = account.question.made;
  if (!made_too) made.spans.clear();
  text += shaded(made, made_too ? sums.subspan(spans) : sums.first(0), largest, columns, color);
  text += "\n" + table_of_targets(account);
  if (account.attribution.targets > 1) {
    WordRows rows(columns, "  ");
    rows.add_all(influences(account, account.attribution.targets, account.attribution.sources));
    text += "\nover the whole text\n" + rows.take();
  }
  return text + "\n" + paragraph(reading_in_words(account), columns);
}

nlohmann::ordered_json account_json(const Account& account) {
  const Question& question = account.question;
  Json json{{"trust", trust_json(account)},
            {"method", account.options.method.name},
            {"parts", account.part},
            {"unit", account.options.method.unit}};
  if (account.options.method.kind != Method::Kind::kTokens) {
    json["parts_out_are"] = question.neutral ? "replaced" : "taken out";
    json["neutral_token"] = question.neutral ? Json(*question.neutral) : Json(nullptr);
  }
  json["seed_of_draws"] = account.options.seed;
  json["prompt"] = text::replace_invalid_utf8(question.prompt.text);
  json["made_text"] = text::replace_invalid_utf8(question.made.text);
  json["prompt_ids"] = question.prompt.ids;
  json["made_ids"] = question.made.ids;
  if (question.contrasts()) json["instead_ids"] = question.instead;
  json["sources"] = sources_json(account);
  json["targets"] = Json::array();
  for (std::size_t t = 0; t < account.attribution.targets; ++t) {
    json["targets"].push_back(
        {{"text", account.target_text(t)},
         {question.contrasts() ? "difference" : "logprob", account.whole[t]}});
  }
  json.update(attribution_json(account.attribution));
  if (account.attribution.gap) json["completeness_gap"] = *account.attribution.gap;
  if (account.other) {
    json["compared_with"] = {{"method", account.options.other->name}};
    json["compared_with"].update(attribution_json(*account.other));
    json["compared_with"]["kendall_tau_b"] =
        account.agreement ? Json(*account.agreement) : Json(nullptr);
  }
  return json;
}

}  // namespace medgen::why
