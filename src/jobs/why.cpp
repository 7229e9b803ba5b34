// See the header.
#include "jobs/why.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <utility>

#include "base/random.h"
#include "base/refuse.h"
#include "base/text_blocks.h"
#include "jobs/batch_slots.h"
#include "medgen/generate.h"
#include "records/record_file.h"
#include "research/sample.h"

namespace medgen::jobs {
namespace {

constexpr std::uint64_t kMostSpanBytes = std::uint64_t{1} << 20U;

// The prompt and what was made of it.
struct AskedTexts {
  std::string text = {};  // the prompt's; empty where only its ids are known
  std::vector<TokenId> prompt = {}, made = {};
  std::vector<why::Span> brackets = {};
  std::string origin = {};
  std::optional<std::uint64_t> seed = {};
  std::optional<double> logprob = {};  // of the made text, as its record says
};

// The record that is asked for, with the text that is.
struct ChosenRecord {
  records::RecordedRun run;
  records::RecordedText text;
};

ChosenRecord choose_record(const RecordChoice& choice) {
  std::vector<ChosenRecord> fitting;
  std::size_t seen = 0, count = 0;
  records::read_placed_records(choice.file, [&](const records::RecordReader& record) {
    ++seen;
    if (record.failed()) return;
    if (choice.id && record.id(record.number()) != *choice.id) return;
    if (choice.setting && record.setting("") != *choice.setting) return;
    if (++count > 1) return;
    std::vector<records::RecordedText> texts = record.texts();
    const auto place = static_cast<std::size_t>(choice.sample - 1);
    if (place >= texts.size()) {
      base::refuse(
          fmt::format("the record has {} texts, and `sample` is {}", texts.size(), choice.sample));
    }
    fitting.push_back({record.run(), std::move(texts[place])});
    records::RecordedRun& run = fitting.back().run;
    run.prompt = record.prompt();
    run.prompt_ids = record.prompt_ids();
    run.specials = record.specials();
    run.model_sha256 = record.origin().model_sha256.value_or("");
  });
  if (count == 1) return std::move(fitting.front());
  const bool none = count == 0;
  base::refuse(fmt::format(
      "{} of the {} records in {} {}: {}", count, seen, choice.file,
      none ? "fit" : "could be meant",
      none ? "give an `id` and a `setting` that are in the file"
           : "choose one by its `id`, or its line in the file where it has none, and its "
             "`setting` where a sweep made it"));
}

// The tokens of a continuation that is known as a text.
std::vector<TokenId> made_tokens(const Tokenizer& tokenizer, const std::string& prompt,
                                 const std::string& text) {
  std::vector<TokenId> alone = tokenizer.encode(text);
  if (why::spelled(tokenizer, alone).text == text) return alone;
  // The tokenizer brings a blank of its own: what follows the prompt has it already.
  const research::JoinedTokens joined = research::join_tokens(tokenizer, prompt, text);
  if (joined.crosses_border) return alone;
  return {joined.tokens.begin() + static_cast<std::ptrdiff_t>(joined.first), joined.tokens.end()};
}

bool goes_on_with_a_word(const std::string& prompt, const std::string& continuation) {
  const auto is_letter = [](unsigned char c) { return c >= 0x80 || std::isalnum(c) != 0; };
  return !prompt.empty() && !continuation.empty() && is_letter(prompt.back()) &&
         is_letter(continuation.front());
}

void say(const WhyAsked& asked, const std::string& what) {
  if (asked.note) asked.note(what);
}

AskedTexts recorded_texts(const WhyAsked& asked, const ModelFiles& model) {
  ChosenRecord chosen = choose_record(*asked.record);
  const records::RecordedRun& run = chosen.run;
  AskedTexts texts{.text = run.prompt, .prompt = run.prompt_ids, .origin = "recorded"};
  if (texts.prompt.empty()) {
    texts.prompt =
        prompt_tokens(model, run.prompt, run.specials ? Specials::kParse : Specials::kAsText);
  } else {
    texts.text.clear();
  }
  if (texts.prompt.size() > run.prompt_tokens && run.prompt_tokens > 0) {  // it was cut to fit
    texts.prompt.erase(texts.prompt.begin(),
                       texts.prompt.end() - static_cast<std::ptrdiff_t>(run.prompt_tokens));
    texts.text.clear();
  }
  const records::RecordedText& text = chosen.text;
  const Tokenizer& tokenizer = *model.tokenizer;
  texts.made = text.tokens;
  if (texts.made.empty()) {
    texts.made = made_tokens(tokenizer, run.prompt, text.text);
    const auto count = static_cast<int>(texts.made.size());
    if (text.finish_reason == "eos" && text.num_tokens == count + 1 && tokenizer.eos_id()) {
      texts.made.push_back(*tokenizer.eos_id());
    } else if (text.num_tokens > 0 && text.num_tokens != count) {
      say(asked, fmt::format("the record's text has {} tokens and its spelling {}: it was read "
                             "again, since the record holds no ids",
                             text.num_tokens, count));
    }
  }
  if (!run.model_sha256.empty() && run.model_sha256 != model.sha256) {
    say(asked, "the record was made by another model: what this one makes of its words is shown");
  }
  texts.logprob = text.logprob;
  return texts;
}

// The prompt as it is asked, its brackets taken out where they mark spans.
AskedTexts asked_prompt(const WhyAsked& asked, const ModelFiles& model) {
  AskedTexts texts{.text = asked.text, .prompt = asked.ids};
  if (!texts.prompt.empty()) {
    engine::check_prompt_ids(texts.prompt, "prompt-ids", model.tokenizer->vocab_size());
    return texts;
  }
  if (asked.by == "span" && !asked.spans_of) {
    why::BracketedText read = why::read_brackets(asked.text);
    texts.text = std::move(read.text);
    texts.brackets = std::move(read.spans);
  }
  texts.prompt =
      prompt_tokens(model, texts.text, asked.specials ? Specials::kParse : Specials::kAsText);
  return texts;
}

class OneCompletion : public GenerationObserver {
 public:
  void on_text(std::uint64_t, int, std::string_view) override {}
  void on_finish(std::uint64_t, const Completion& completion) override { made = completion; }

  Completion made;
};

Request request_for(const WhyAsked& asked, const ModelFiles& model) {
  engine::SettingsJson given = asked.given;
  given.erase("n");
  given["num_return_sequences"] = 1;
  DecodingSettings settings =
      engine::settings_for(given, model.defaults, engine::NameStyle::kFlags);
  if (!given.contains("seed")) settings.sampling.seed = base::system_seed();
  Request request;
  request.sampling = settings.sampling;
  request.stopping = settings.stopping;
  engine::resolve_texts(request.sampling, *model.tokenizer);
  return request;
}

// Keeps the end of a prompt that leaves no room, where that is asked.
void fit_asked_prompt(AskedTexts& texts, const WhyAsked& asked, const StoppingParams& stopping,
                      int n_positions) {
  const int length = static_cast<int>(texts.prompt.size());
  const int made = static_cast<int>(texts.made.size());  // the last token of it is never fed
  const int kept = made == 0 ? kept_prompt_tokens(length, n_positions, stopping)
                             : std::min(length, std::max(1, n_positions + 1 - made));
  if (!asked.truncate || kept == length) return;
  if (asked.by == "span") {
    base::refuse(
        "the text is too long and would lose its beginning, and with it parts that are "
        "asked about: shorten it, or leave `truncate_prompt` out");
  }
  texts.prompt.erase(texts.prompt.begin(), texts.prompt.end() - kept);
  say(asked, fmt::format("the prompt was too long: its first {} of {} tokens were dropped",
                         length - kept, length));
}

void draw(AskedTexts& texts, Request request, const WhyAsked& asked, const ModelFiles& model,
          Backend& backend) {
  request.prompt = texts.prompt;
  if (!asked.given.contains("seed") && request.sampling.temperature > 0) {
    say(asked, fmt::format("seed {0} (repeat with `seed` {0})", request.sampling.seed));
  }
  OneCompletion one;
  GenerateOptions options;
  options.interrupted = asked.interrupted;
  generate(backend, *model.tokenizer, {request}, one, options);
  texts.made = one.made.tokens;
  texts.origin = "drawn";
  texts.seed = request.sampling.seed;
}

std::vector<why::Span> spans_for(const WhyAsked& asked, const AskedTexts& texts,
                                 const why::MarkedText& prompt) {
  if (asked.by == "word") return why::words_of(prompt.text);
  if (asked.by == "sentence") return why::sentences_of(prompt.text);
  const std::string& text = texts.text.empty() ? prompt.text : texts.text;
  std::vector<why::Span> spans = texts.brackets;
  if (asked.spans_of) {
    spans = why::quoted_spans(
        text, base::read_text_file(*asked.spans_of, kMostSpanBytes, ErrorCode::kUsage),
        *asked.spans_of);
  }
  return why::spans_of_spelled(prompt, text, std::move(spans));
}

why::Question question_for(const WhyAsked& asked, const AskedTexts& texts,
                           const Tokenizer& tokenizer) {
  why::Question question = why::question_of_words(tokenizer, texts.prompt, texts.made);
  why::mark(question.prompt, spans_for(asked, texts, question.prompt));
  if (asked.replace) question.neutral = why::neutral_token(tokenizer);
  if (asked.instead && !texts.made.empty()) contrast_with(question, tokenizer, *asked.instead);
  return question;
}

void compare_with_record(const WhyAsked& asked, const AskedTexts& texts,
                         const why::Account& account) {
  if (!texts.logprob || account.question.contrasts()) return;
  double here = 0;
  for (const double value : account.whole) here += value;
  if (std::abs(here - *texts.logprob) <= 0.01 + 0.001 * std::abs(here)) return;
  say(asked, fmt::format("the record gives its text a log-probability of {:.3f}; here it has "
                         "{:.3f}: another model, precision or reading of the text",
                         *texts.logprob, here));
}

void check(const WhyAsked& asked) {
  using Kind = why::Method::Kind;
  const auto is = [&](Kind kind) {
    return asked.options.method.kind == kind ||
           (asked.options.other && asked.options.other->kind == kind);
  };
  if (asked.options.include_made && is(Kind::kShapley)) {
    base::refuse("Shapley values are those of the prompt alone: leave `include_generated` out");
  }
  const auto is_named = [&](const char* name) {
    return asked.options.method.name == name ||
           (asked.options.other && asked.options.other->name == name);
  };
  if (asked.steps && !is_named("integrated-gradients")) {
    base::refuse(
        "`steps` are those of integrated gradients: give them as `method` or `compare_with`, or "
        "leave `steps` out");
  }
  if (asked.instead && (asked.options.include_made || is(Kind::kTokens))) {
    base::refuse(
        "`instead` compares two words that could begin the text, by occlusion or Shapley values "
        "of the prompt: leave `include_generated` and other methods out");
  }
  if (asked.continuation || asked.record) {
    for (const auto& setting : asked.given.items()) {
      if (setting.key() == "seed") continue;  // of the draws
      base::refuse(
          "a setting of how to draw a text is given, and the text is there already: leave "
          "`" +
          setting.key() + "` out");
    }
  }
  if (asked.record && asked.continuation) {
    base::refuse("a `record` has its own text: leave `continuation` out");
  }
  if (asked.spans_of && asked.by != "span") {
    base::refuse("`spans` names parts of the text, and `by` is " + asked.by +
                 ": leave one of them out");
  }
  if (asked.by == "span" && !asked.spans_of && (asked.record || !asked.ids.empty())) {
    base::refuse("brackets mark parts in a text that is typed: name them in a file with `spans`");
  }
}

}  // namespace

WhyResult explain_why(const WhyAsked& asked) {
  check(asked);
  const ModelFiles model = open_model(asked.model, asked.tokenizer);
  for (const std::string& text : model.defaults.notes) say(asked, text);
  AskedTexts texts = asked.record ? recorded_texts(asked, model) : asked_prompt(asked, model);
  if (asked.continuation) {
    texts.made = made_tokens(*model.tokenizer, texts.text, *asked.continuation);
    texts.origin = "given";
    if (goes_on_with_a_word(texts.text, *asked.continuation)) {
      say(asked,
          "the continuation begins without a blank, so it goes on with the text's last word");
    }
  }
  const bool drawn = texts.origin.empty();
  Request request;
  if (drawn) request = request_for(asked, model);
  why::AccountOptions account_options = asked.options;
  account_options.seed = drawn ? request.sampling.seed
                               : engine::settings_for(asked.given, model.defaults).sampling.seed;
  BackendOptions options = asked.backend;
  options.max_slots = std::max({2, automatic_slots(model.config), request.sampling.num_beams});
  const auto backend = open_backend(model, options);
  DerivativeOptions derivatives{.steps = asked.steps.value_or(50), .threads = options.threads};
  if (asked.replace) derivatives.baseline = why::neutral_token(*model.tokenizer);
  bind_method(account_options.method, model, *backend, derivatives);
  if (account_options.other) bind_method(*account_options.other, model, *backend, derivatives);
  if (asked.loaded) asked.loaded();
  fit_asked_prompt(texts, asked, request.stopping, backend->info().n_positions);
  if (drawn) draw(texts, std::move(request), asked, model, *backend);
  WhyResult result{
      .account = why::account_for(*backend, question_for(asked, texts, *model.tokenizer),
                                  asked.by == "span" ? "part" : asked.by, account_options),
      .model_name = model.name,
      .model_sha256 = model.sha256,
      .backend = backend->info(),
      .origin = texts.origin,
      .seed = texts.seed};
  compare_with_record(asked, texts, result.account);
  return result;
}

}  // namespace medgen::jobs
