// The table: every measure of every setting, its interval and its comparison.
#include "research/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <unordered_map>

#include "base/random.h"
#include "base/refuse.h"
#include "base/value_shown.h"
#include "engine/sequence.h"
#include "engine/settings.h"
#include "medgen/error.h"
#include "research/metrics_mauve.h"
#include "research/metrics_ngrams.h"
#include "research/metrics_notices.h"
#include "research/metrics_resampling.h"
#include "research/self_bleu.h"

namespace medgen::research {
namespace {

// Keeps these draws separate from those of samples, whose numbers are small.
constexpr std::uint32_t kSelfBleuStream = 0x40000001U, kReferenceStream = 0x40000002U;

void check(const MetricsOptions& options) {
  if (options.bootstrap_resamples < 0 || options.bootstrap_resamples > 1'000'000) {
    base::refuse_value("resamples", fmt::to_string(options.bootstrap_resamples),
                       "from 0 (none) to 1000000", "10000 is usual");
  }
  if (!(options.confidence > 0 && options.confidence < 1)) {
    base::refuse_value("confidence", fmt::format("{:g}", options.confidence), "above 0 and below 1",
                       "0.95 is usual");
  }
  if (options.self_bleu_limit < 1) {
    base::refuse_value("self_bleu_texts", fmt::to_string(options.self_bleu_limit), "1 or more",
                       "1000 is usual");
  }
}

bool tokens_unknown(const Sample& sample) { return sample.tokens.empty() && !sample.text.empty(); }

// Texts to ids, all in the same way.
class Units {
 public:
  Units(const std::vector<Sample>& samples, const std::vector<Sample>& reference,
        const Tokenizer* tokenizer)
      : tokenizer_(tokenizer) {
    words_ =
        tokenizer == nullptr && (std::any_of(samples.begin(), samples.end(), tokens_unknown) ||
                                 std::any_of(reference.begin(), reference.end(), tokens_unknown));
  }

  const char* name() const { return words_ ? "word" : "token"; }

  // Texts so far whose first token stands for some of the prompt, too.
  std::size_t crossing() const { return crossing_; }

  Tokens operator()(const Sample& sample) {
    if (words_) return words_of(sample.text);
    if (tokens_unknown(sample)) {
      JoinedTokens joined = join_tokens(*tokenizer_, sample.prompt, sample.text);
      crossing_ += joined.crosses_border ? 1 : 0;
      return {joined.tokens.begin() + static_cast<std::ptrdiff_t>(joined.first),
              joined.tokens.end()};
    }
    crossing_ += sample.crosses_border ? 1 : 0;
    Tokens tokens = sample.tokens;
    if (sample.finish_reason == "eos" && !tokens.empty()) tokens.pop_back();
    return tokens;
  }

 private:
  // The words between whitespace.
  Tokens words_of(const std::string& text) {
    constexpr const char* kBlanks = " \t\n\r\f\v";
    Tokens ids;
    for (std::size_t begin = text.find_first_not_of(kBlanks); begin != std::string::npos;) {
      const std::size_t end = std::min(text.find_first_of(kBlanks, begin), text.size());
      const auto next = static_cast<TokenId>(numbers_.size());
      ids.push_back(numbers_.try_emplace(text.substr(begin, end - begin), next).first->second);
      begin = text.find_first_not_of(kBlanks, end);
    }
    return ids;
  }

  const Tokenizer* tokenizer_;
  bool words_ = false;
  std::size_t crossing_ = 0;
  std::unordered_map<std::string, TokenId> numbers_;
};

std::vector<const Sample*> pointers(const std::vector<Sample>& samples) {
  std::vector<const Sample*> all;
  for (const Sample& sample : samples) all.push_back(&sample);
  return all;
}

TextRow make_row(std::vector<const Sample*> samples,
                 const std::function<Tokens(const Sample&)>& units) {
  TextRow row;
  std::map<std::string, std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    members[samples[i]->prompt_id].push_back(i);
    row.tokens.push_back(units(*samples[i]));
  }
  for (auto& [prompt, texts] : members) {
    row.prompts.push_back(prompt);
    row.members.push_back(std::move(texts));
  }
  row.samples = std::move(samples);
  return row;
}

Measure ratio(const TextRow& row, bool exponential, const std::function<double(std::size_t)>& top,
              const std::function<double(std::size_t)>& bottom) {
  Measure measure;
  measure.sums.exponential = exponential;
  for (const auto& texts : row.members) {
    double above = 0, below = 0;
    for (const std::size_t text : texts) {
      above += top(text);
      below += bottom(text);
    }
    measure.sums.top.push_back(above);
    measure.sums.bottom.push_back(below);
  }
  const double value = measure.sums.value();
  if (std::isfinite(value)) measure.value = value;
  return measure;
}

Measure mean(const TextRow& row, const std::function<double(std::size_t)>& of) {
  return ratio(row, false, of, [](std::size_t) { return 1.0; });
}

// Each sample's value, weighted by tokens; no value unless all have one.
Measure token_mean(const TextRow& row, std::optional<double> Sample::*member, bool is_sum,
                   double sign, bool exponential) {
  for (const Sample* sample : row.samples) {
    const bool has_tokens = sample->num_tokens > 0 || !sample->text.empty();
    if (has_tokens && !(sample->*member)) return {};
  }
  return ratio(
      row, exponential,
      [&](std::size_t i) {
        const double value = (row.samples[i]->*member).value_or(0);
        return sign * (is_sum ? value : value * row.samples[i]->num_tokens);
      },
      [&](std::size_t i) { return static_cast<double>(row.samples[i]->num_tokens); });
}

// A measure of all texts together. Texts drawn twice would count as repetition, so what is
// resampled is each prompt's influence: its jackknife pseudo-value (Efron and Tibshirani 1993,
// chapter 11), shifted so that all together give the value itself.
Measure jackknifed(
    const TextRow& row, std::optional<double> value,
    const std::function<std::optional<double>(std::span<const std::size_t>)>& without) {
  Measure measure{value};
  if (!value || row.prompts.size() < 2) return measure;
  const auto prompts = static_cast<double>(row.prompts.size());
  std::vector<double> influence;
  double sum = 0;
  for (const auto& texts : row.members) {
    const std::optional<double> rest = without(texts);
    if (!rest) return measure;
    influence.push_back(-(prompts - 1) * *rest);
    sum += influence.back();
  }
  for (const double each : influence) {
    measure.sums.top.push_back(*value + each - sum / prompts);
    measure.sums.bottom.push_back(1);
  }
  return measure;
}

std::optional<double> share(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

Measure distinct(const TextRow& row, const Ngrams& ngrams, std::uint64_t NgramTotals::*counted) {
  const NgramTotals all = ngram_totals(ngrams);
  const auto without = [&](std::span<const std::size_t> texts) {
    const NgramTotals rest = ngram_totals(ngrams, all, texts);
    return share(rest.*counted, rest.total);
  };
  Measure measure = jackknifed(row, share(all.*counted, all.total), without);
  measure.range = {0, 1};
  return measure;
}

Measure zipf(const TextRow& row, const Ngrams& unigrams) {
  const FrequencyTable all = frequency_table(unigrams);
  return jackknifed(row, zipf_coefficient(all), [&](std::span<const std::size_t> texts) {
    return zipf_coefficient(frequency_table(unigrams, all, texts));
  });
}

// A text's score depends on the texts of other prompts too, so what is resampled is again each
// prompt's influence.
Measure self_bleu(const TextRow& row, const NgramOrders& orders, SelfBleu& bleu,
                  const MetricsOptions& options) {
  const std::size_t n = row.samples.size();
  if (n < 2) return {};
  std::vector<std::size_t> among(n), scored;
  for (std::size_t i = 0; i < n; ++i) among[i] = i;
  for (const std::uint32_t text :
       base::permutation(static_cast<std::uint32_t>(n), {options.seed, 0, kSelfBleuStream})) {
    if (scored.size() < static_cast<std::size_t>(options.self_bleu_limit)) scored.push_back(text);
  }
  double sum = 0;
  for (const double score : bleu.scores(among, scored)) sum += score;
  const std::vector<std::optional<double>> rest = self_bleu_without(orders, row.members, scored);
  auto next = rest.begin();
  Measure measure = jackknifed(row, sum / static_cast<double>(scored.size()),
                               [&](std::span<const std::size_t>) { return *next++; });
  measure.range = {0, 1};
  return measure;
}

Measure self_bleu_of_prompts(const TextRow& row, SelfBleu& bleu) {
  std::vector<std::optional<double>> scores(row.samples.size());
  for (const auto& texts : row.members) {
    if (texts.size() < 2) continue;
    const std::vector<double> values = bleu.scores(texts, texts);
    for (std::size_t i = 0; i < texts.size(); ++i) scores[texts[i]] = values[i];
  }
  return ratio(
      row, false, [&](std::size_t i) { return scores[i].value_or(0); },
      [&](std::size_t i) { return scores[i] ? 1.0 : 0.0; });
}

// In the order of metric_infos().
std::vector<Measure> measure(const TextRow& row, const MetricsOptions& options) {
  const NgramOrders orders = count_ngrams(row.tokens);
  SelfBleu bleu(orders);
  std::vector<Measure> all = {
      token_mean(row, &Sample::logprob, true, -1, true),
      token_mean(row, &Sample::mean_entropy, false, 1, false),
      self_bleu(row, orders, bleu, options),
      self_bleu_of_prompts(row, bleu),
  };
  for (const auto counted : {&NgramTotals::distinct, &NgramTotals::once}) {
    for (std::size_t n = 0; n < 3; ++n) all.push_back(distinct(row, orders[n], counted));
  }
  all.push_back(zipf(row, orders.front()));
  const auto share_of = [&](const std::function<bool(std::size_t)>& is) {
    return mean(row, [&](std::size_t i) { return is(i) ? 1.0 : 0.0; });
  };
  all.push_back(share_of([&](std::size_t i) { return repeats_at_end(row.tokens[i]); }));
  all.push_back(share_of([&](std::size_t i) { return repeats_at_end_in_code(row.tokens[i]); }));
  all.push_back(share_of([&](std::size_t i) {
    return row.samples[i]->finish_reason == "loop" || engine::ends_in_loop(row.tokens[i]);
  }));
  all.push_back(
      mean(row, [&](std::size_t i) { return static_cast<double>(row.tokens[i].size()); }));
  all.resize(metric_infos().size());  // add_mauve() fills the rest
  return all;
}

SettingMetrics described(const std::string& setting, bool is_reference, const TextRow& row,
                         const std::vector<Measure>& measures) {
  SettingMetrics result;
  result.setting = setting;
  result.is_reference = is_reference;
  result.texts = row.samples.size();
  result.prompts = row.prompts.size();
  for (const Tokens& tokens : row.tokens) result.tokens += tokens.size();
  for (const Sample* sample : row.samples) {
    if (!sample->finish_reason.empty()) ++result.finish_reasons[sample->finish_reason];
  }
  for (std::size_t m = 0; m < measures.size(); ++m) {
    result.metrics.push_back({std::string(metric_infos()[m].name), measures[m].value});
  }
  return result;
}

// Marks all whose distance reads as the least does: what is not shown decides nothing.
void mark_closest(std::vector<SettingMetrics>& rows, std::size_t m) {
  std::optional<double> least;
  for (const SettingMetrics& row : rows) {
    const auto& distance = row.metrics[m].distance;
    if (distance && (!least || *distance < *least)) least = distance;
  }
  if (!least) return;
  const MetricInfo& info = metric_infos()[m];
  const std::string shown = metric_text(info, least);
  for (SettingMetrics& row : rows) {
    const auto& distance = row.metrics[m].distance;
    row.metrics[m].is_closest = distance && metric_text(info, distance) == shown;
  }
}

void measure_distances(Metrics& metrics) {
  const SettingMetrics* reference = metrics.reference();
  if (reference == nullptr) return;
  for (std::size_t m = 0; m < metric_infos().size(); ++m) {
    const auto& human = reference->metrics[m].value;
    for (SettingMetrics& row : metrics.rows) {
      const auto& value = row.metrics[m].value;
      if (row.is_reference || !value || !human) continue;
      row.metrics[m].distance = std::fabs(*value - *human);
    }
    mark_closest(metrics.rows, m);
  }
}

// Longer or more texts than the settings' would differ for that alone: the reference is cut
// to the same number of texts and the longest text's length.
std::vector<Sample> drawn_reference(const std::vector<Sample>& reference,
                                    const std::vector<TextRow>& rows, Units& units,
                                    const MetricsOptions& options,
                                    std::vector<std::string>& notices) {
  std::size_t most = 0, longest = 0;
  for (const TextRow& row : rows) {
    most = std::max(most, row.samples.size());
    for (const Tokens& tokens : row.tokens) longest = std::max(longest, tokens.size());
  }
  std::vector<std::uint32_t> chosen = base::permutation(
      static_cast<std::uint32_t>(reference.size()), {options.seed, 0, kReferenceStream});
  chosen.resize(std::min(chosen.size(), most));
  std::sort(chosen.begin(), chosen.end());
  std::vector<Sample> drawn;
  std::size_t cut = 0;
  for (const std::uint32_t i : chosen) {
    Sample& sample = drawn.emplace_back(reference[i]);
    sample.tokens = units(sample);
    sample.finish_reason.clear();  // its end-of-text token is gone
    if (sample.tokens.size() <= longest) continue;
    sample.tokens.resize(longest);
    ++cut;
  }
  note_reference(reference.size(), drawn.size(), cut, longest, units.name(), notices);
  return drawn;
}

std::vector<std::pair<std::string, std::vector<const Sample*>>> by_setting(
    const std::vector<Sample>& samples) {
  std::vector<std::pair<std::string, std::vector<const Sample*>>> settings;
  std::unordered_map<std::string, std::size_t> places;
  for (const Sample& sample : samples) {
    const auto [it, is_new] = places.try_emplace(sample.setting, settings.size());
    if (is_new) settings.push_back({sample.setting, {}});
    settings[it->second].second.push_back(&sample);
  }
  return settings;
}

void check_baseline(const std::string& baseline, const std::vector<std::string>& names) {
  if (baseline.empty() || std::count(names.begin(), names.end(), baseline) > 0) return;
  std::string message = "the baseline is " + base::word_shown(baseline, names);
  message += ", which is not one of the settings";
  const std::string nearest = engine::nearest_setting(baseline, names);
  if (std::count(names.begin(), names.end(), nearest) > 0) {
    message += "; did you mean \"" + nearest + "\"?";
  } else {
    message += ", which are:";
    for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), 12); ++i) {
      message += (i > 0 ? ", \"" : " \"") + names[i] + "\"";
    }
    if (names.size() > 12) message += " and others";
  }
  throw Error(ErrorCode::kUsage, message);
}

}  // namespace

Metrics compute_metrics(const std::vector<Sample>& samples, const std::vector<Sample>& reference,
                        const MetricsOptions& options) {
  check(options);
  if (samples.empty()) throw Error(ErrorCode::kUsage, "there are no texts to measure");
  const auto settings = by_setting(samples);
  std::vector<std::string> names;
  for (const auto& setting : settings) names.push_back(setting.first);
  check_baseline(options.baseline, names);

  Units units(samples, reference, options.tokenizer);

  Metrics metrics;
  metrics.unit = units.name();
  metrics.baseline = options.baseline;
  metrics.bootstrap_resamples = options.bootstrap_resamples;
  metrics.confidence = options.confidence;
  metrics.seed = options.seed;

  std::vector<TextRow> rows;
  for (const auto& setting : settings) rows.push_back(make_row(setting.second, std::ref(units)));
  std::vector<Sample> drawn;
  if (!reference.empty()) {
    drawn = drawn_reference(reference, rows, units, options, metrics.notices);
    rows.push_back(make_row(pointers(drawn), [](const Sample& sample) { return sample.tokens; }));
  }
  std::vector<std::vector<Measure>> measures;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const bool is_reference = r == settings.size();
    measures.push_back(measure(rows[r], options));
    metrics.rows.push_back(described(is_reference ? "human" : settings[r].first, is_reference,
                                     rows[r], measures.back()));
  }
  if (options.bootstrap_resamples > 0) resample(metrics.rows, rows, measures, options);
  add_mauve(metrics, rows, options);
  measure_distances(metrics);
  note_crossing(units.crossing(), metrics.notices);
  note_rows(metrics);
  return metrics;
}

}  // namespace medgen::research
