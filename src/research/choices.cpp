// Multiple choice by likelihood; see evaluation.h.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/lines.h"
#include "base/random.h"
#include "base/refuse.h"
#include "base/text_blocks.h"
#include "base/value_shown.h"
#include "medgen/error.h"
#include "research/evaluation.h"
#include "research/shares.h"
#include "text/utf8.h"

namespace medgen::research {
namespace {

constexpr std::size_t kMostFileBytes = std::size_t{256} << 20U;
constexpr std::size_t kItemsAtOnce = 32;
constexpr std::uint32_t kShotStream = 0x40000004U;  // of random numbers

// What is wrong with the line, or empty.
std::string parse_item(std::string_view line, ChoiceItem& item) {
  const auto record = base::parse_json<nlohmann::json>(line);
  if (record.is_discarded()) return "it is " + base::json_fault(line, "not a JSON object");
  if (!record.is_object()) return "it is not a JSON object";
  const auto prompt = record.find("prompt");
  const auto choices = record.find("choices");
  const auto answer = record.find("answer");
  const auto type = record.find("type");
  if (prompt == record.end() || !prompt->is_string()) return "\"prompt\" must be a text";
  if (choices == record.end() || !choices->is_array() || choices->size() < 2) {
    return "\"choices\" must be a list of two texts or more";
  }
  for (const auto& choice : *choices) {
    if (!choice.is_string() || choice.get_ref<const std::string&>().empty()) {
      return "each of \"choices\" must be a text and not empty";
    }
  }
  if (answer == record.end() || !answer->is_number_unsigned() ||
      answer->get<std::uint64_t>() >= choices->size()) {
    return "\"answer\" must be the number of a choice, counted from 0";
  }
  item = {.prompt = prompt->get<std::string>(),
          .choices = choices->get<std::vector<std::string>>(),
          .answer = answer->get<int>(),
          .type = type != record.end() && type->is_string() ? type->get<std::string>() : ""};
  return "";
}

std::string replaced(std::string text, std::string_view name, const std::string& value) {
  for (std::size_t at = 0; (at = text.find(name, at)) != text.npos; at += value.size()) {
    text.replace(at, name.size(), value);
  }
  return text;
}

// The form up to {choice}.
std::string form_of_context(const std::string& form) {
  constexpr std::string_view kChoice = "{choice}";
  const std::size_t at = form.find(kChoice);
  if (at == form.npos || at + kChoice.size() != form.size() || at == 0) {
    throw Error(ErrorCode::kUsage,
                fmt::format("the form of an item is {}; it must end with {{choice}}, name it "
                            "once and begin with something else, such as {{prompt}}",
                            base::value_shown(form)));
  }
  return form.substr(0, at);
}

double characters(const std::string& text) {
  return static_cast<double>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

// Spaces at the end of the context belong to the choice's first token.
struct Parts {
  std::string context, choice;
};
Parts part(std::string context, const std::string& choice) {
  const std::size_t end = context.find_last_not_of(' ') + 1;
  std::string spaces = context.substr(end);
  context.resize(end);
  return {std::move(context), spaces + choice};
}

class ChoiceScorer {
 public:
  ChoiceScorer(Backend& backend, const Tokenizer& tokenizer, const ChoiceOptions& options)
      : backend_(backend),
        tokenizer_(tokenizer),
        options_(options),
        form_(form_of_context(options.form)) {}

  // Scores some of all items, those from `begin` on.
  std::vector<ItemScore> run(std::span<const ChoiceItem> all, std::size_t begin,
                             std::size_t count) {
    const std::span<const ChoiceItem> items = all.subspan(begin, count);
    std::vector<ScoredSequence> sequences;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::string context =
          examples(all, begin + i) + replaced(form_, "{prompt}", items[i].prompt);
      bool cut = false;
      for (const std::string& choice : items[i].choices) {
        sequences.push_back(sequence(part(context, choice), cut));
      }
      truncated += cut ? 1 : 0;
    }
    const auto scores = score(backend_, sequences);
    std::vector<ItemScore> results;
    std::size_t at = 0;
    for (const ChoiceItem& item : items) {
      ItemScore& result = results.emplace_back();
      std::vector<double> normalized;
      for (const std::string& choice : item.choices) {
        double sum = 0;
        for (const double value : scores[at]) sum += value;
        ++at;
        result.logprobs.push_back(sum);
        normalized.push_back(sum / characters(choice));
      }
      result.chosen = largest(result.logprobs);
      result.chosen_normalized = largest(normalized);
      result.answer = item.answer;
      result.type = item.type;
    }
    return results;
  }

  std::uint64_t truncated = 0;

 private:
  static int largest(const std::vector<double>& values) {
    return static_cast<int>(std::max_element(values.begin(), values.end()) - values.begin());
  }

  // Other items with their answers.
  std::string examples(std::span<const ChoiceItem> all, std::size_t item) const {
    std::string text;
    if (options_.shots == 0) return text;
    int shown = 0;
    for (const std::uint32_t other : base::permutation(static_cast<std::uint32_t>(all.size()),
                                                       {options_.seed, item, kShotStream})) {
      if (other == item) continue;
      const ChoiceItem& example = all[other];
      text += replaced(form_, "{prompt}", example.prompt) +
              example.choices[static_cast<std::size_t>(example.answer)] + "\n\n";
      if (++shown == options_.shots) break;
    }
    return text;
  }

  ScoredSequence sequence(const Parts& parts, bool& cut) const {
    const std::size_t context = tokenizer_.encode(parts.context).size();
    std::vector<TokenId> tokens = tokenizer_.encode(parts.context + parts.choice);
    // A tokenizer may merge the context's end with the choice; something must be left to score.
    std::size_t first = std::min(context, tokens.size() - 1);
    if (options_.prefix) {
      tokens.insert(tokens.begin(), *options_.prefix);
      ++first;
    }
    const auto most = static_cast<std::size_t>(backend_.info().n_positions) + 1;
    if (tokens.size() > most) {
      const std::size_t gone = tokens.size() - most;
      tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(gone));
      first = std::max<std::size_t>(first > gone ? first - gone : 0, 1);
      cut = true;
    }
    return {std::move(tokens), std::max<std::size_t>(first, 1)};
  }

  Backend& backend_;
  const Tokenizer& tokenizer_;
  const ChoiceOptions& options_;
  std::string form_;
};

ChoiceScore summary(const std::vector<ChoiceItem>& items, const std::vector<ItemScore>& scores,
                    const std::string* type) {
  ChoiceScore score;
  double right = 0, right_normalized = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (type != nullptr && items[i].type != *type) continue;
    ++score.items;
    right += scores[i].right() ? 1 : 0;
    right_normalized += scores[i].right_normalized() ? 1 : 0;
    score.chance += 1.0 / static_cast<double>(items[i].choices.size());
  }
  const auto count = static_cast<double>(score.items);
  score.chance /= count;
  score.accuracy = right / count;
  score.accuracy_normalized = right_normalized / count;
  score.interval = wilson_interval(score.accuracy, count, 0.95);
  score.interval_normalized = wilson_interval(score.accuracy_normalized, count, 0.95);
  return score;
}

}  // namespace

std::vector<ChoiceItem> read_choices(const std::filesystem::path& file) {
  base::Lines lines(base::text_file_blocks(file), kMostFileBytes);
  std::vector<ChoiceItem> items;
  std::size_t bytes = 0;
  for (base::Line line; lines.next(line);) {
    bytes += line.text.size() + (line.ended ? 1 : 0);
    if (line.too_long || bytes > kMostFileBytes) {
      throw Error(ErrorCode::kRuntime, file.string() + " holds more than 256 MiB of choices");
    }
    if (base::is_blank(line.text)) continue;
    ChoiceItem item;
    const std::string why = parse_item(line.text, item);
    if (!why.empty()) {
      throw Error(ErrorCode::kRuntime, fmt::format("{}:{}: {}; an item is {{\"prompt\": TEXT, "
                                                   "\"choices\": [TEXT, ...], \"answer\": NUMBER}}",
                                                   file.string(), line.number, why));
    }
    items.push_back(std::move(item));
  }
  if (items.empty()) throw Error(ErrorCode::kRuntime, file.string() + " has no items");
  return items;
}

ChoiceEvaluation evaluate_choices(Backend& backend, const Tokenizer& tokenizer,
                                  const std::vector<ChoiceItem>& items,
                                  const ChoiceOptions& options) {
  if (options.shots < 0 || static_cast<std::size_t>(options.shots) >= items.size()) {
    base::refuse_value("shots", fmt::to_string(options.shots),
                       fmt::format("from 0 to {}, the other items", items.size() - 1));
  }
  ChoiceScorer scorer(backend, tokenizer, options);
  ChoiceEvaluation result;
  for (std::size_t begin = 0; begin < items.size(); begin += kItemsAtOnce) {
    const std::size_t count = std::min(kItemsAtOnce, items.size() - begin);
    for (ItemScore& item : scorer.run(items, begin, count)) result.items.push_back(std::move(item));
    if (options.progress) options.progress(result.items.size());
  }
  result.truncated = scorer.truncated;
  result.all = summary(items, result.items, nullptr);
  for (const ChoiceItem& item : items) {
    if (item.type.empty() || result.by_type.contains(item.type)) continue;
    result.by_type[item.type] = summary(items, result.items, &item.type);
  }
  return result;
}

}  // namespace medgen::research
