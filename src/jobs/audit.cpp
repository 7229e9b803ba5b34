// See the header. The order: files and model, documents, continuations, canaries.
#include "jobs/audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "base/random.h"
#include "base/refuse.h"
#include "corpus/canaries.h"
#include "corpus/documents.h"
#include "corpus/shards.h"
#include "engine/settings.h"
#include "medgen/error.h"
#include "medgen/generate.h"
#include "research/evaluation.h"
#include "research/shares.h"
#include "why/trace.h"

namespace medgen::jobs {
namespace {

namespace fs = std::filesystem;

constexpr double kConfidence = 0.95;
constexpr double kFoundBelow = 0.05;
constexpr int kResamples = 2000;
constexpr std::uint32_t kDocumentStream = 0x40000011U;  // of random numbers
constexpr std::uint32_t kHeldOutStream = 0x40000012U;
constexpr std::size_t kShortLength = 10;  // tokens: about eight words
constexpr std::uint64_t kMostTrainingJson = std::uint64_t{64} << 20U;

// What a model is fed of a document, and how the document goes on.
struct Excerpt {
  std::vector<TokenId> prefix, next;
};

void check_asked(const AuditAsked& asked) {
  const auto require = [](const char* name, int value, int low, int high) {
    if (value >= low && value <= high) return;
    base::refuse_value(name, fmt::to_string(value), fmt::format("from {} to {}", low, high));
  };
  require("documents", asked.documents, 1, 1'000'000);
  require("prefix-tokens", asked.prefix_tokens, 1, 100'000);
  require("max-new-tokens", asked.new_tokens, 1, 100'000);
  require("least-tokens", asked.least_tokens, 1, asked.new_tokens);
  require("samples", asked.samples, 0, 100);
  require("candidates", asked.candidates, 99, 1'000'000);
}

void require_tokenizer(const ModelFiles& model, const AuditAsked& asked, const std::string& sha256,
                       const fs::path& of) {
  const fs::path files =
      model.folder.empty() ? fs::path(asked.tokenizer.value_or("")) : model.folder;
  if (corpus::tokenizer_fingerprint(files) == sha256) return;
  base::refuse(
      fmt::format("{} is of another tokenizer than the model {}: prepare the text with the "
                  "model's tokenizer, and index it anew",
                  of.string(), model.name));
}

AuditShare share_of(const std::vector<double>& hits, const std::vector<double>& all) {
  AuditShare share;
  research::PromptSums sums{hits, all};
  for (const double value : hits) share.hits += static_cast<std::uint64_t>(value);
  for (const double value : all) share.all += static_cast<std::uint64_t>(value);
  if (share.all > 0) share.interval = research::clustered_wilson_interval(sums, kConfidence);
  return share;
}

// Gathers the tokens of continuations by request.
class ContinuationTokens : public GenerationObserver {
 public:
  explicit ContinuationTokens(std::size_t requests) : tokens_(requests) {}
  void on_text(std::uint64_t, int, std::string_view) override {}
  void on_finish(std::uint64_t id, const Completion& completion) override {
    if (completion.finish_reason == FinishReason::kInterrupted) return;
    tokens_[id].push_back(completion.tokens);
  }
  const std::vector<std::vector<std::vector<TokenId>>>& all() const { return tokens_; }

 private:
  std::vector<std::vector<std::vector<TokenId>>> tokens_;
};

class Auditor {
 public:
  Auditor(const AuditAsked& asked, const ModelFiles& model, const why::SuffixIndex& index,
          Backend& backend)
      : asked_(asked), model_(model), index_(index), backend_(backend) {
    const int needed = asked.prefix_tokens + asked.new_tokens + (model.prompt_prefix ? 1 : 0);
    if (needed > backend.info().n_positions) {
      base::refuse(
          fmt::format("a prefix of {} tokens and {} new ones do not fit the model's context "
                      "of {}: lower `prefix_tokens` or `max_new_tokens`",
                      asked.prefix_tokens, asked.new_tokens, backend.info().n_positions));
    }
  }

  AuditResult run(const std::vector<std::vector<TokenId>>& held_out) {
    result_.model_name = model_.name;
    result_.model_sha256 = model_.sha256;
    result_.index_documents = index_.documents();
    result_.index_tokens = index_.tokens();
    continue_all(true, training_excerpts());
    if (!asked_.held_out.empty()) continue_held_out(held_out_excerpts(held_out));
    return std::move(result_);
  }

  void expose(AuditResult& result, const std::vector<corpus::Canary>& canaries) const {
    std::vector<double> p_values;
    for (std::size_t i = 0; i < canaries.size(); ++i) {
      tell("canary", i, canaries.size());
      result.canaries.push_back({i + 1, canaries[i].times, exposure(canaries[i], i), 1});
      p_values.push_back(result.canaries.back().exposure.p_value());
    }
    p_values = research::holm(p_values);
    std::map<int, std::vector<const AuditedCanary*>> by_times;
    for (std::size_t i = 0; i < canaries.size(); ++i) {
      result.canaries[i].p_value = p_values[i];
      by_times[canaries[i].times].push_back(&result.canaries[i]);
    }
    for (const auto& [times, members] : by_times)
      result.by_times.push_back(summary(times, members));
    const double least = static_cast<double>(canaries.size()) / (asked_.candidates + 1);
    if (least > kFoundBelow) {
      result.notes.push_back(fmt::format(
          "with {} canaries and {} candidates none can be found: give `candidates` {} or more",
          canaries.size(), asked_.candidates,
          static_cast<int>(static_cast<double>(canaries.size()) / kFoundBelow)));
    }
  }

 private:
  void tell(const char* what, std::size_t done, std::size_t all) const {
    if (asked_.progress) asked_.progress(what, done, all);
  }

  std::size_t excerpt_tokens() const {
    return static_cast<std::size_t>(asked_.prefix_tokens + asked_.new_tokens);
  }

  Excerpt excerpt_of(const std::vector<TokenId>& tokens) const {
    const auto border = tokens.begin() + asked_.prefix_tokens;
    return {{tokens.begin(), border}, {border, border + asked_.new_tokens}};
  }

  // Random ones of those that are long enough.
  std::vector<Excerpt> training_excerpts() const {
    std::vector<Excerpt> excerpts;
    const auto order = base::permutation(static_cast<std::uint32_t>(index_.documents()),
                                         {asked_.seed, 0, kDocumentStream});
    for (const std::uint32_t number : order) {
      if (excerpts.size() == static_cast<std::size_t>(asked_.documents)) break;
      const why::IndexedDocument document = index_.document(number);
      if (document.end - document.begin < excerpt_tokens()) continue;
      excerpts.push_back(
          excerpt_of(index_.tokens_of(document.begin, document.begin + excerpt_tokens())));
    }
    if (!excerpts.empty()) return excerpts;
    throw Error(ErrorCode::kRuntime,
                fmt::format("no document of the index has {} tokens: lower `prefix_tokens` or "
                            "`max_new_tokens`",
                            excerpt_tokens()));
  }

  std::vector<Excerpt> held_out_excerpts(const std::vector<std::vector<TokenId>>& documents) {
    std::vector<Excerpt> excerpts;
    for (const std::uint32_t number : base::permutation(
             static_cast<std::uint32_t>(documents.size()), {asked_.seed, 0, kHeldOutStream})) {
      const std::vector<TokenId>& tokens = documents[number];
      if (tokens.size() < excerpt_tokens()) continue;
      ++result_.held_out_documents;
      if (excerpts.size() == static_cast<std::size_t>(asked_.documents)) continue;
      if (index_.longest_match(std::span(tokens).first(excerpt_tokens())) == excerpt_tokens()) {
        ++result_.held_out_in_index;
        continue;
      }
      excerpts.push_back(excerpt_of(tokens));
    }
    if (!excerpts.empty()) return excerpts;
    throw Error(ErrorCode::kRuntime,
                fmt::format("no held-out document that is not in the index has {} tokens: lower "
                            "`prefix_tokens` or `max_new_tokens`, or give other text",
                            excerpt_tokens()));
  }

  void continue_held_out(const std::vector<Excerpt>& excerpts) {
    std::vector<double> hits, all;
    for (const Excerpt& excerpt : excerpts) {
      hits.push_back(static_cast<double>(recited(excerpt.next)));
      all.push_back(static_cast<double>(excerpt.next.size()));
    }
    result_.written = share_of(hits, all);
    continue_all(false, excerpts);
  }

  void continue_all(bool training, const std::vector<Excerpt>& excerpts) {
    const auto add = [&](int samples) {
      result_.texts.push_back(measure(excerpts, generated(excerpts, samples)));
      result_.texts.back().training = training;
      result_.texts.back().sampled = samples > 0;
    };
    add(0);
    if (asked_.samples > 0) add(asked_.samples);
  }

  // `samples` of each, or one greedy one for 0.
  std::vector<std::vector<std::vector<TokenId>>> generated(const std::vector<Excerpt>& excerpts,
                                                           int samples) const {
    constexpr std::size_t kAtOnce = 64;  // between two reports
    std::vector<std::vector<std::vector<TokenId>>> all;
    for (std::size_t begin = 0; begin < excerpts.size(); begin += kAtOnce) {
      const std::size_t end = std::min(begin + kAtOnce, excerpts.size());
      std::vector<Request> requests;
      for (std::size_t i = begin; i < end; ++i)
        requests.push_back(request(excerpts[i], i, samples));
      ContinuationTokens gathered(excerpts.size());
      generate(backend_, *model_.tokenizer, requests, gathered,
               {.interrupted = asked_.interrupted});
      tell("document", end, excerpts.size());
      for (std::size_t i = begin; i < end; ++i) all.push_back(gathered.all()[i]);
    }
    return all;
  }

  Request request(const Excerpt& excerpt, std::size_t number, int samples) const {
    engine::SettingsJson given = {{"max_new_tokens", asked_.new_tokens}, {"seed", asked_.seed}};
    given["num_return_sequences"] = std::max(samples, 1);
    if (samples == 0) given["temperature"] = 0;
    engine::ModelDefaults defaults = model_.defaults;
    defaults.settings.erase("num_beams");  // one token after the other is what is asked
    const DecodingSettings settings = engine::settings_for(given, defaults);
    Request request;
    request.id = number;
    if (model_.prompt_prefix) request.prompt.push_back(*model_.prompt_prefix);
    request.prompt.insert(request.prompt.end(), excerpt.prefix.begin(), excerpt.prefix.end());
    request.num_return_sequences = settings.num_return_sequences;
    request.sampling = settings.sampling;
    request.stopping = settings.stopping;
    engine::resolve_texts(request.sampling, *model_.tokenizer);
    return request;
  }

  std::size_t recited(std::span<const TokenId> tokens) const {
    return why::covered_tokens(
        why::verbatim_runs(index_, tokens, static_cast<std::size_t>(asked_.least_tokens)));
  }

  std::vector<std::size_t> lengths() const {
    std::vector<std::size_t> lengths = {kShortLength, static_cast<std::size_t>(asked_.least_tokens),
                                        static_cast<std::size_t>(asked_.new_tokens)};
    std::ranges::sort(lengths);
    const auto same = std::ranges::unique(lengths);
    lengths.erase(same.begin(), same.end());
    std::erase_if(lengths, [&](std::size_t length) {
      return length > static_cast<std::size_t>(asked_.new_tokens);
    });
    return lengths;
  }

  AuditedTexts measure(const std::vector<Excerpt>& excerpts,
                       const std::vector<std::vector<std::vector<TokenId>>>& texts) const {
    AuditedTexts audited;
    audited.documents = excerpts.size();
    std::vector<double> counts, tokens, covered;
    std::map<std::size_t, std::vector<double>> own, anywhere;
    for (std::size_t i = 0; i < excerpts.size(); ++i) {
      double all = 0, within = 0;
      std::map<std::size_t, double> own_hits, any_hits;
      for (const std::vector<TokenId>& text : texts[i]) {
        all += static_cast<double>(text.size());
        within += static_cast<double>(recited(text));
        const std::size_t same = why::tokens_in_common(text, excerpts[i].next);
        std::size_t longest = 0;
        for (const why::TokenRun& run : why::verbatim_runs(index_, text, 1)) {
          longest = std::max(longest, run.size());
        }
        for (const std::size_t length : lengths()) {
          own_hits[length] += same >= length ? 1 : 0;
          any_hits[length] += longest >= length ? 1 : 0;
        }
      }
      counts.push_back(static_cast<double>(texts[i].size()));
      tokens.push_back(all);
      covered.push_back(within);
      for (const std::size_t length : lengths()) {
        own[length].push_back(own_hits[length]);
        anywhere[length].push_back(any_hits[length]);
      }
    }
    for (const std::size_t length : lengths()) {
      audited.lengths.push_back({static_cast<int>(length), share_of(own[length], counts),
                                 share_of(anywhere[length], counts)});
    }
    audited.recited = share_of(covered, tokens);
    return audited;
  }

  research::ScoredSequence scored(const std::string& text) const {
    std::vector<TokenId> tokens = model_.tokenizer->encode(text);
    if (model_.prompt_prefix) tokens.insert(tokens.begin(), *model_.prompt_prefix);
    const auto most = static_cast<std::size_t>(backend_.info().n_positions) + 1;
    if (tokens.size() > most) {
      base::refuse(
          fmt::format("a canary has {} tokens, which do not fit the model's context of {}: "
                      "leave it out",
                      tokens.size(), most - 1));
    }
    return {std::move(tokens), 1};
  }

  why::Exposure exposure(const corpus::Canary& canary, std::size_t number) const {
    std::vector<research::ScoredSequence> sequences = {scored(canary.text)};
    const std::uint64_t seed = asked_.seed + number * 0x9E3779B97F4A7C15U;
    for (std::uint64_t i = 0; sequences.size() <= static_cast<std::size_t>(asked_.candidates);
         ++i) {
      const std::string other = corpus::with_random_digits(canary.text, seed, i);
      if (other != canary.text) sequences.push_back(scored(other));
    }
    // What all begin with is equally probable in each.
    std::size_t common = sequences.front().tokens.size();
    for (const research::ScoredSequence& other : sequences) {
      common = std::min(common, why::tokens_in_common(sequences.front().tokens, other.tokens));
    }
    for (research::ScoredSequence& one : sequences) {
      one.first_scored = std::max<std::size_t>(common, 1);
    }
    std::vector<double> logprobs;
    for (const std::vector<double>& tokens : research::score(backend_, sequences)) {
      double sum = 0;
      for (const double value : tokens) sum += value;
      logprobs.push_back(sum);
    }
    return why::exposure_of(logprobs.front(), std::span(logprobs).subspan(1));
  }

  AuditedCanaries summary(int times, const std::vector<const AuditedCanary*>& members) const {
    AuditedCanaries group;
    group.times = times;
    group.count = members.size();
    research::PromptSums sums;
    for (const AuditedCanary* canary : members) {
      group.found += canary->p_value <= kFoundBelow ? 1 : 0;
      sums.top.push_back(canary->exposure.bits());
      sums.bottom.push_back(1);
    }
    group.bits = sums.value();
    if (members.size() > 1) {
      auto draws = research::bootstrap(std::span(&sums, 1), kResamples, asked_.seed);
      group.interval = research::percentile_interval(std::move(draws.front()), kConfidence);
    }
    return group;
  }

  const AuditAsked& asked_;
  const ModelFiles& model_;
  const why::SuffixIndex& index_;
  Backend& backend_;
  AuditResult result_;
};

// The documents of a prepared corpus's valid part, or of a file.
std::vector<std::vector<TokenId>> read_held_out(const AuditAsked& asked, const ModelFiles& model) {
  std::vector<std::vector<TokenId>> documents;
  if (corpus::is_shard_folder(asked.held_out)) {
    const corpus::Shards shards = corpus::open_shards(asked.held_out);
    require_tokenizer(model, asked, shards.tokenizer().sha256, asked.held_out);
    const auto all = shards.documents(corpus::Split::kValid);
    for (std::size_t i = 0; i < all->size(); ++i) all->append(i, documents.emplace_back());
    if (!documents.empty()) return documents;
    base::refuse(
        asked.held_out.string() +
        " has no held-out documents: prepare it with a `valid_fraction`, or give a file of "
        "text that the model was not trained on");
  }
  if (!corpus::has_known_ending(asked.held_out)) {
    base::refuse(asked.held_out.string() +
                 " is neither a folder that medgen prepare wrote nor a .jsonl, .csv or .txt file");
  }
  corpus::read_documents(asked.held_out, [&](corpus::Document&& document) {
    documents.push_back(model.tokenizer->encode(document.text));
  });
  return documents;
}

// What the model's own record says of its data and canaries, as notes.
void compare_with_record(const AuditAsked& asked, const ModelFiles& model,
                         const std::vector<corpus::Canary>& canaries,
                         std::vector<std::string>& notes) {
  const fs::path file = model.folder / "training.json";
  if (model.folder.empty() || !base::is_file(file)) return;
  const auto record = base::parse_json<nlohmann::json>(base::read_file(file, kMostTrainingJson));
  if (!record.is_object() || !record.contains("settings") || !record.at("settings").is_object())
    return;
  const auto planted = record.at("settings").value("canaries", nlohmann::json());
  if (planted.is_object() && asked.canaries.empty()) {
    notes.emplace_back(
        "canaries were planted in this model's training text: give their file, canaries.jsonl of "
        "the run's work folder, as `canaries`");
  }
  if (asked.canaries.empty()) return;
  const bool same = planted.is_object() && planted.value("sha256", nlohmann::json()) ==
                                               corpus::canaries_fingerprint(canaries);
  if (!same) {
    notes.emplace_back(
        "the model's training.json does not name these canaries: what `times` says of them holds "
        "for the run that they were made for");
  }
}

}  // namespace

AuditResult audit(const AuditAsked& asked) {
  check_asked(asked);
  std::vector<corpus::Canary> canaries;
  if (!asked.canaries.empty()) canaries = corpus::read_canaries(asked.canaries);
  const why::SuffixIndex index = why::SuffixIndex::open(asked.index);
  const ModelFiles model = open_model(asked.model, asked.tokenizer);
  require_tokenizer(model, asked, index.tokenizer_sha256(), asked.index);
  const auto backend = open_backend(model, asked.backend);
  if (asked.loaded) asked.loaded();
  std::vector<std::vector<TokenId>> held_out;
  if (!asked.held_out.empty()) held_out = read_held_out(asked, model);
  Auditor auditor(asked, model, index, *backend);
  AuditResult result = auditor.run(held_out);
  auditor.expose(result, canaries);
  compare_with_record(asked, model, canaries, result.notes);
  return result;
}

}  // namespace medgen::jobs
