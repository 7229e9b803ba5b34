// See settings_table.h. One entry for each setting, in the order in which help lists them.
#include "engine/settings_table.h"

#include <limits>

#include "engine/filters.h"
#include "engine/processors.h"
#include "engine/setting_values.h"
#include "engine/steps.h"

namespace medgen::engine {
namespace {

using Json = SettingsJson;
using Settings = DecodingSettings;
constexpr double kMax = std::numeric_limits<double>::max();

constexpr SettingKind kInteger = SettingKind::kInteger, kNumber = SettingKind::kNumber,
                      kFlag = SettingKind::kFlag, kText = SettingKind::kText,
                      kTexts = SettingKind::kTexts, kWord = SettingKind::kWord,
                      kJson = SettingKind::kJson;

void temperature_step(const SamplingParams& p, Candidates& c) {
  if (p.dynatemp_range > 0) {
    filters::dynamic_temperature(c, p.temperature, p.dynatemp_range, p.dynatemp_exponent);
  } else {
    filters::temperature(c, p.temperature);
  }
}

// The coin comes from a different stream than the draw's, so that XTC shifts nothing.
void xtc_step(const SamplingParams& p, const DecodingContext& x, Candidates& c) {
  if (x.xtc_coin < p.xtc_probability) filters::xtc(c, p.xtc_threshold);
}

}  // namespace

// What the setting does, and when it is on: `p` are the parameters, `x` the context, `c` the
// candidates.
#define MEDGEN_PROCESSOR(ACTIVE, FUNCTION)                                    \
  {                                                                           \
    [](const SamplingParams& p) -> bool { return ACTIVE; }, FUNCTION, nullptr \
  }
#define MEDGEN_FILTER(ACTIVE, CALL)                                            \
  {                                                                            \
    [](const SamplingParams& p) -> bool { return ACTIVE; }, nullptr,           \
        [](const SamplingParams& p, const DecodingContext& x, Candidates& c) { \
          (void)p, (void)x, CALL;                                              \
        }                                                                      \
  }

// A field that JSON stores unchanged.
#define MEDGEN_FIELD(FIELD)                                   \
  [](const Settings& s) -> Json { return to_json(s.FIELD); }, \
      [](Settings& s, const Json& v, const std::string& name) { from_json(v, name, s.FIELD); }

const std::vector<SettingEntry>& settings_table() {
  static const std::vector<SettingEntry> entries = {
      {{"temperature", "filters", kNumber,
        "0 or more: below 1 likelier words, above 1 more surprising ones, 0 as `greedy`."},
       MEDGEN_FIELD(sampling.temperature),
       {0, kMax, false, false, "0 always takes the most likely token, 0.7 is usual"},
       MEDGEN_FILTER(p.temperature != 1 || p.dynatemp_range > 0, temperature_step(p, c))},
      {{"top_k", "filters", kInteger, "Draw from the K likeliest tokens; 0 or more, 0 is off."},
       MEDGEN_FIELD(sampling.top_k),
       {0, 2147483647, false, false, "0 turns it off, 50 is usual"},
       MEDGEN_FILTER(p.top_k > 0, filters::top_k(c, static_cast<std::size_t>(p.top_k), x.least))},
      {{"top_p", "filters", kNumber,
        "Draw from the fewest tokens whose probability reaches P; above 0, at most 1, 1 is off."},
       MEDGEN_FIELD(sampling.top_p),
       {0, 1, true, false, "1 turns it off, 0.95 is usual"},
       MEDGEN_FILTER(p.top_p < 1, filters::top_p(c, p.top_p, x.least))},
      {{"min_p", "filters", kNumber,
        "Leave out tokens less likely than P times the likeliest; 0 to 1, 0 is off."},
       MEDGEN_FIELD(sampling.min_p),
       {0, 1, false, false, "0 turns it off, 0.05 is usual"},
       MEDGEN_FILTER(p.min_p > 0, filters::min_p(c, p.min_p, x.least))},
      {{"typical_p", "filters", kNumber,
        "Draw from the most typical tokens (surprise nearest to the entropy) that reach P; above "
        "0, at "
        "most 1, 1 is off."},
       MEDGEN_FIELD(sampling.typical_p),
       {0, 1, true, false, "1 turns it off, 0.95 is usual"},
       MEDGEN_FILTER(p.typical_p < 1, filters::typical_p(c, p.typical_p, x.least))},
      {{"epsilon_cutoff", "filters", kNumber,
        "Leave out tokens less likely than this; 0 to below 1, 0 is off."},
       MEDGEN_FIELD(sampling.epsilon_cutoff),
       {0, 1, false, true, "0 turns it off, 0.0003 is usual"},
       MEDGEN_FILTER(p.epsilon_cutoff > 0, filters::epsilon_cutoff(c, p.epsilon_cutoff, x.least))},
      {{"eta_cutoff", "filters", kNumber,
        "The same, with a cutoff that decreases with the entropy; 0 to below 1, 0 is off."},
       MEDGEN_FIELD(sampling.eta_cutoff),
       {0, 1, false, true, "0 turns it off, 0.0003 is usual"},
       MEDGEN_FILTER(p.eta_cutoff > 0, filters::eta_cutoff(c, p.eta_cutoff, x.least))},
      {{"top_h", "filters", kNumber,
        "Of the 100 likeliest, draw from the best that hold this share of the entropy; above 0, at "
        "most "
        "1."},
       MEDGEN_FIELD(sampling.top_h),
       {0, 1, true, false, "leave it out to turn it off, 0.4 is usual"},
       MEDGEN_FILTER(p.top_h.has_value(), filters::top_h(c, *p.top_h))},
      {{"top_n_sigma", "filters", kNumber,
        "Leave out scores more than N standard deviations below the highest; 0 or more, 0 is off."},
       MEDGEN_FIELD(sampling.top_n_sigma),
       {0, kMax, false, false, "0 turns it off, 1 is usual"},
       MEDGEN_FILTER(p.top_n_sigma > 0, filters::top_n_sigma(c, p.top_n_sigma))},
      {{"xtc_probability", "filters", kNumber,
        "How often to exclude the top choices: all tokens above `xtc_threshold` but the least "
        "likely of "
        "them; 0 to 1, 0 is off."},
       MEDGEN_FIELD(sampling.xtc_probability),
       {0, 1, false, false, "0 turns it off, 0.5 is usual"},
       MEDGEN_FILTER(p.xtc_probability > 0 && p.xtc_threshold <= 0.5, xtc_step(p, x, c))},
      {{"xtc_threshold", "filters", kNumber,
        "Probability from which a token is a top choice; 0 to 1, off above 0.5."},
       MEDGEN_FIELD(sampling.xtc_threshold),
       {0, 1, false, false, "0.1 is usual"}},
      {{"dynatemp_range", "filters", kNumber,
        "Dynamic temperature: lets the temperature go this far up and down with the entropy; 0 or "
        "more, "
        "0 is off."},
       MEDGEN_FIELD(sampling.dynatemp_range),
       {0, kMax, false, false, "0 turns it off"}},
      {{"dynatemp_exponent", "filters", kNumber, "Exponent of the dynamic temperature; above 0."},
       MEDGEN_FIELD(sampling.dynatemp_exponent),
       {0, kMax, true, false, "1 is usual"}},
      {{"mirostat", "filters", kInteger,
        "2: keep the surprise of the text near `mirostat_tau`, instead of the other filters; 0 is "
        "off."},
       MEDGEN_FIELD(sampling.mirostat),
       {0, 2, false, false, "0 turns it off, 2 is Mirostat 2"},
       MEDGEN_FILTER(p.mirostat == 2, filters::mirostat(c, x.mirostat_mu))},
      {{"mirostat_tau", "filters", kNumber, "Surprise to aim at, in bits; above 0."},
       MEDGEN_FIELD(sampling.mirostat_tau),
       {0, kMax, true, false, "5 is usual"}},
      {{"mirostat_eta", "filters", kNumber, "How fast Mirostat adapts; above 0, at most 1."},
       MEDGEN_FIELD(sampling.mirostat_eta),
       {0, 1, true, false, "0.1 is usual"}},
      {{"repetition_penalty", "processors", kNumber,
        "Makes tokens that occurred, also in the prompt, less likely: above 0, 1 is off, below 1 "
        "more "
        "likely."},
       MEDGEN_FIELD(sampling.repetition_penalty),
       {0, kMax, true, false, "1 turns it off, 1.1 is usual"},
       MEDGEN_PROCESSOR(p.repetition_penalty != 1, processors::repetition_penalty)},
      {{"presence_penalty", "processors", kNumber,
        "Subtracted from the scores of generated tokens; -2 to 2, 0 is off."},
       MEDGEN_FIELD(sampling.presence_penalty),
       {-2, 2, false, false, "0 turns it off"},
       MEDGEN_PROCESSOR(p.presence_penalty != 0, processors::presence_penalty)},
      {{"frequency_penalty", "processors", kNumber, "The same per occurrence; -2 to 2, 0 is off."},
       MEDGEN_FIELD(sampling.frequency_penalty),
       {-2, 2, false, false, "0 turns it off"},
       MEDGEN_PROCESSOR(p.frequency_penalty != 0, processors::frequency_penalty)},
      {{"no_repeat_ngram_size", "processors", kInteger,
        "No N tokens in a row occur twice, prompt included; 0 or more, 0 is off."},
       MEDGEN_FIELD(sampling.no_repeat_ngram_size),
       {0, 2147483647, false, false, "0 turns it off, 3 is usual"},
       MEDGEN_PROCESSOR(p.no_repeat_ngram_size > 0, processors::no_repeat_ngram_size)},
      {{"encoder_repetition_penalty", "processors", kNumber,
        "Makes the tokens of the prompt likelier: above 0, 1 is off, below 1 less likely."},
       MEDGEN_FIELD(sampling.encoder_repetition_penalty),
       {0, kMax, true, false, "1 turns it off, 1.1 is usual"},
       MEDGEN_PROCESSOR(p.encoder_repetition_penalty != 1, processors::encoder_repetition_penalty)},
      {{"encoder_no_repeat_ngram_size", "processors", kInteger,
        "No N tokens in a row of the prompt occur again; 0 or more, 0 is off."},
       MEDGEN_FIELD(sampling.encoder_no_repeat_ngram_size),
       {0, 2147483647, false, false, "0 turns it off, 4 is usual"},
       MEDGEN_PROCESSOR(p.encoder_no_repeat_ngram_size > 0,
                        processors::encoder_no_repeat_ngram_size)},
      {{"dry_multiplier", "processors", kNumber,
        "DRY: penalty on tokens that would extend a repetition; 0 or more, 0 is off."},
       MEDGEN_FIELD(sampling.dry_multiplier),
       {0, kMax, false, false, "0 turns it off, 0.8 is usual"},
       MEDGEN_PROCESSOR(p.dry_multiplier > 0, processors::dry)},
      {{"dry_base", "processors", kNumber, "How the DRY penalty grows with the length; 1 or more."},
       MEDGEN_FIELD(sampling.dry_base),
       {1, kMax, false, false, "1.75 is usual"}},
      {{"dry_allowed_length", "processors", kInteger,
        "Repetitions shorter than this cost nothing; 1 or more."},
       MEDGEN_FIELD(sampling.dry_allowed_length),
       {1, 2147483647, false, false, "2 is usual"}},
      {{"dry_penalty_last_n", "processors", kInteger,
        "How many tokens DRY looks back; -1 is all of them."},
       MEDGEN_FIELD(sampling.dry_penalty_last_n),
       {-1, 2147483647, false, false, "-1 looks at all"}},
      {{"dry_sequence_breakers", "processors", kTexts, "Texts that break a repetition."},
       MEDGEN_FIELD(sampling.dry_sequence_breakers)},
      {{"bad_words", "processors", kTexts,
        "Texts that are never completed, with and without a leading space; or lists of token ids."},
       [](const Settings& s) { return bad_words_json(s.sampling); },
       [](Settings& s, const Json& v, const std::string& name) {
         read_bad_words(v, name, s.sampling);
       },
       {},
       MEDGEN_PROCESSOR(!p.bad_words.empty(), processors::bad_words)},
      {{"sequence_bias", "processors", kJson,
        "[[[ID, ...], BIAS], ...]: added to the last id where the text ends with the others."},
       MEDGEN_FIELD(sampling.sequence_bias),
       {},
       MEDGEN_PROCESSOR(!p.sequence_bias.empty(), processors::sequence_bias)},
      {{"logit_bias", "processors", kJson,
        "{\"ID\": BIAS, ...}: added to the scores of tokens; -100 to 100."},
       [](const Settings& s) { return logit_bias_json(s.sampling.logit_bias); },
       [](Settings& s, const Json& v, const std::string& name) {
         read_logit_bias(v, name, s.sampling.logit_bias);
       },
       {},
       MEDGEN_PROCESSOR(!p.logit_bias.empty(), processors::logit_bias)},
      {{"suppress_tokens", "processors", kJson, "[ID, ...]: tokens that are never drawn."},
       MEDGEN_FIELD(sampling.suppress_tokens),
       {},
       MEDGEN_PROCESSOR(!p.suppress_tokens.empty(), processors::suppress_tokens)},
      {{"begin_suppress_tokens", "processors", kJson, "[ID, ...]: tokens that never come first."},
       MEDGEN_FIELD(sampling.begin_suppress_tokens),
       {},
       MEDGEN_PROCESSOR(!p.begin_suppress_tokens.empty(), processors::begin_suppress_tokens)},
      {{"min_new_tokens", "processors", kInteger,
        "No end before N new tokens; 0 or more, 0 is off."},
       MEDGEN_FIELD(sampling.min_new_tokens),
       {0, 2147483647, false, false, "0 turns it off"},
       MEDGEN_PROCESSOR(p.min_new_tokens > 0, processors::min_new_tokens)},
      {{"min_length", "processors", kInteger,
        "No end before N tokens, including the text's; 0 or more, 0 is off."},
       MEDGEN_FIELD(sampling.min_length),
       {0, 2147483647, false, false, "0 turns it off"},
       MEDGEN_PROCESSOR(p.min_length > 0, processors::min_length)},
      {{"exponential_decay_length_penalty", "processors", kJson,
        "[START, FACTOR]: after START new tokens the end grows likelier, FACTOR times per token."},
       MEDGEN_FIELD(sampling.exponential_decay_length_penalty),
       {},
       MEDGEN_PROCESSOR(p.exponential_decay_length_penalty.has_value(),
                        processors::exponential_decay_length_penalty)},
      {{"forced_bos_token_id", "processors", kInteger, "Token forced after a one-token prompt."},
       MEDGEN_FIELD(sampling.forced_bos_token_id),
       {},
       MEDGEN_PROCESSOR(p.forced_bos_token_id.has_value(), processors::forced_bos_token_id)},
      {{"forced_eos_token_id", "processors", kJson,
        "ID or [ID, ...]: the token forced where the length limit is reached."},
       MEDGEN_FIELD(sampling.forced_eos_token_id),
       {},
       MEDGEN_PROCESSOR(!p.forced_eos_token_id.empty(), processors::forced_eos_token_id)},
      {{"guidance_scale", "processors", kNumber,
        "Above 1: steer away from the `negative_prompt` (default: the prompt's last token); below "
        "1: towards it; any number, 1 is off."},
       MEDGEN_FIELD(sampling.guidance_scale),
       {-kMax, kMax, false, false, "1 turns it off, 1.5 is usual"},
       MEDGEN_PROCESSOR(p.guidance_scale != 1, processors::guidance_scale)},
      {{"negative_prompt", "processors", kText, "What `guidance_scale` steers away from."},
       MEDGEN_FIELD(sampling.negative_prompt)},
      {{"negative_prompt_ids", "processors", kJson, "[ID, ...]: the same as token ids."},
       MEDGEN_FIELD(sampling.negative_prompt_ids)},
      {{"renormalize_logits", "processors", kFlag, "Log-softmax after the last step."},
       MEDGEN_FIELD(sampling.renormalize_logits),
       {},
       MEDGEN_PROCESSOR(p.renormalize_logits, processors::renormalize_logits)},
      {{"sampler_order", "search", kWord,
        "Order of the steps: hf, vllm or llama, as in those libraries; or step names separated by "
        "commas."},
       [](const Settings& s) -> Json {
         const auto& order = s.sampling.sampler_order;
         return order.size() == 1 && is_named_order(order[0]) ? Json(order[0]) : Json(order);
       },
       [](Settings& s, const Json& v, const std::string& name) {
         read_sampler_order(v, name, s.sampling.sampler_order);
       }},
      {{"never_say", "search", kTexts,
        "Never write TEXT, in any case, where it begins a word; with a * ahead of it (*itis) "
        "anywhere. May be given several times."},
       MEDGEN_FIELD(sampling.never_say)},
      {{"num_beams", "search", kInteger,
        "Above 1: beam search, which draws nothing unless `beam_sample` is given; 1 to 64."},
       MEDGEN_FIELD(sampling.num_beams),
       {1, 64, false, false, "1 turns it off"}},
      {{"beam_sample", "search", kFlag,
        "Beam search draws its candidates from what temperature and filters leave, instead of "
        "taking the best."},
       MEDGEN_FIELD(sampling.beam_sample)},
      {{"length_penalty", "search", kNumber,
        "Beam search divides log-probabilities by length to this power: above 0 for longer texts."},
       MEDGEN_FIELD(sampling.length_penalty),
       {-kMax, kMax, false, false, "1 is usual"}},
      {{"early_stopping", "search", kWord,
        "When beam search ends: false, by what is likely still to come; true, at the first "
        "num_beams "
        "texts; never, when nothing better can come."},
       [](const Settings& s) { return early_stopping_json(s.sampling.early_stopping); },
       [](Settings& s, const Json& v, const std::string& name) {
         read_early_stopping(v, name, s.sampling.early_stopping);
       }},
      {{"num_return_sequences", "search", kInteger, "How many continuations; 1 to 4096."},
       MEDGEN_FIELD(num_return_sequences),
       {1, kMaxNumReturnSequences, false, false,
        "run medgen several times with other seeds for more"}},
      {{"logprobs", "output", kInteger,
        "Report each token's log-probabilities, its entropy and K alternatives; 0 to 100."},
       MEDGEN_FIELD(sampling.logprobs),
       {0, 100, false, false, "leave it out to turn it off, 5 is usual"}},
      {{"seed", "output", kInteger,
        "The same seed gives the same continuations; 0 to 18446744073709551615."},
       MEDGEN_FIELD(sampling.seed)},
      {{"max_length", "stopping", kInteger,
        "Maximum tokens of text and continuation together; 1 or more."},
       MEDGEN_FIELD(stopping.max_length),
       {1, 2147483647, false, false, "it counts the tokens of the prompt and of the continuation"}},
      {{"max_new_tokens", "stopping", kInteger,
        "Maximum tokens of the continuation, instead of `max_length`; 1 or more."},
       MEDGEN_FIELD(stopping.max_new_tokens),
       {1, 2147483647, false, false, "it counts the tokens of the continuation"}},
      {{"stop", "stopping", kTexts, "End a continuation before TEXT; may be given several times."},
       MEDGEN_FIELD(stopping.stop)},
      {{"include_stop", "stopping", kFlag, "End after the stop TEXT instead of before it."},
       MEDGEN_FIELD(stopping.include_stop)},
      {{"eos_token_id", "stopping", kJson,
        "ID or [ID, ...]: tokens that end a text, instead of the model's own."},
       MEDGEN_FIELD(stopping.eos_token_id)},
      {{"ignore_eos", "stopping", kFlag, "Go on after a token that would end the text."},
       MEDGEN_FIELD(stopping.ignore_eos)},
      {{"max_time", "stopping", kNumber,
        "Seconds after which a continuation ends; above 0. Texts then depend on the machine's "
        "speed."},
       MEDGEN_FIELD(stopping.max_time),
       {0, kMax, true, false, "leave it out to turn it off"}},
      {{"end_at", "stopping", kWord, "sentence: cut after the last complete sentence."},
       [](const Settings& s) -> Json {
         return s.stopping.end_at_sentence ? Json("sentence") : Json();
       },
       [](Settings& s, const Json& v, const std::string& name) {
         read_end_at(v, name, s.stopping.end_at_sentence);
       }},
      {{"stop_on_loop", "stopping", kFlag, "End when one phrase occurs three times in a row."},
       MEDGEN_FIELD(stopping.stop_on_loop)},
  };
  return entries;
}
#undef MEDGEN_FIELD
#undef MEDGEN_PROCESSOR
#undef MEDGEN_FILTER

}  // namespace medgen::engine
