// How a request is decoded. Names and meanings are those of Hugging Face's `generate` where
// it has them. Ranges, help texts, flags and the JSON names of all of these are in one table
// (engine/settings.cpp), so that they cannot disagree. docs/SAMPLING.md gives formulas and sources.
//
// Token ids below must be in the model's vocabulary. "Score" is a token's logit as changed by the
// previous steps; "probability" is the softmax of the remaining tokens' scores.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "medgen/export.h"
#include "medgen/tokenizer.h"

namespace medgen {

// Adds `bias` to the last token of `ids` when the context ends with the others.
struct SequenceBias {
  std::vector<TokenId> ids;
  double bias = 0;
  friend bool operator==(const SequenceBias&, const SequenceBias&) = default;
};

enum class EarlyStopping { kFalse, kTrue, kNever };

struct SamplingParams {
  // --- Filters: which tokens may be drawn -----------------------------------------------------

  // Divides the scores; finite, >= 0. 0 is greedy: the highest score, on ties the lowest id.
  double temperature = 0.7;

  // Only the top_k highest scores can be drawn; ties with the k-th stay. >= 0; 0 is off.
  int top_k = 50;

  // From the least likely up, tokens go while their total mass is at most 1 - top_p; so the
  // one that crosses stays. On ties the lowest id goes first. In (0, 1]; 1 is off. Holtzman et
  // al., "The curious case of neural text degeneration", 2020.
  double top_p = 1;

  // Tokens less likely than min_p times the most likely go. In [0, 1]; 0 is off. Nguyen et al.,
  // "Turning up the heat: min-p sampling", 2024.
  double min_p = 0;

  // Of the tokens ranked by |-log p - entropy| the fewest whose mass reaches typical_p stay, with
  // ties of the last. In (0, 1]; 1 is off. Meister et al., "Locally typical sampling", 2023.
  double typical_p = 1;

  // Tokens less likely than this go; the most likely stays. In [0, 1); 0 is off. Hewitt, Manning,
  // Liang, "Truncation sampling as language model desmoothing", 2022.
  double epsilon_cutoff = 0;

  // The same with the cutoff min(eta, sqrt(eta) * e^-entropy). In [0, 1); 0 is off. Same paper.
  double eta_cutoff = 0;

  // Of the 100 most likely, renormalised: from the best down tokens stay while the sum of their
  // -p log p is at most top_h times the entropy; the first always. In (0, 1]; unset is off.
  // Potraghloo et al., "Top-H decoding", 2025.
  std::optional<double> top_h = {};

  // Scores below highest - top_n_sigma * (their standard deviation) go. >= 0; 0 is off. Tang et
  // al., "Top-n-sigma: not all logits are you need", 2024.
  double top_n_sigma = 0;

  // With probability xtc_probability (its coin comes from a stream of its own), of the tokens at
  // least as likely as xtc_threshold all but the least likely go. Both in [0, 1]; off where the
  // probability is 0 or the threshold above 0.5. llama.cpp's XTC.
  double xtc_probability = 0;
  double xtc_threshold = 0.1;

  // Dynamic temperature: between temperature - range (at least 0) and temperature + range, as
  // (entropy / highest possible entropy)^exponent. range >= 0, 0 is off; exponent > 0. llama.cpp.
  double dynatemp_range = 0;
  double dynatemp_exponent = 1;

  // 2 is Mirostat 2: tokens with a surprise above mu bits go; mu starts at 2 tau and falls by eta
  // times (surprise of the drawn token - tau). Excludes the other filters. 0 is off. tau > 0,
  // eta in (0, 1]. Basu et al., "Mirostat", 2021, and llama.cpp.
  int mirostat = 0;
  double mirostat_tau = 5;
  double mirostat_eta = 0.1;

  // --- Processors: what changes scores, whether something is drawn or not ------------------------

  // Once for each token of prompt and continuation: divides its score where positive, multiplies it
  // where negative. > 0; 1 is off. Keskar et al., "CTRL", 2019.
  double repetition_penalty = 1;

  // Subtracted from the score of a generated token: presence once, frequency for each
  // occurrence. In [-2, 2]; 0 is off. The prompt does not count.
  double presence_penalty = 0;
  double frequency_penalty = 0;

  // No sequence of that many tokens may occur twice, prompt included. >= 0; 0 is off.
  int no_repeat_ngram_size = 0;

  // As repetition_penalty, the other way round and for the prompt's tokens alone: above 1 they
  // become likelier. > 0; 1 is off. The name is Hugging Face's, of models with an encoder.
  double encoder_repetition_penalty = 1;

  // No sequence of that many tokens of the prompt occurs in the continuation. >= 0; 0 is off.
  int encoder_no_repeat_ngram_size = 0;

  // DRY: a token that would extend a repetition of `match` tokens loses multiplier * base^(match -
  // allowed) where match >= allowed. Matches do not cross a breaker. multiplier >= 0, 0 is
  // off; base >= 1; allowed >= 1; the last last_n tokens are searched, -1 is all. llama.cpp.
  double dry_multiplier = 0;
  double dry_base = 1.75;
  int dry_allowed_length = 2;
  int dry_penalty_last_n = -1;
  std::vector<std::string> dry_sequence_breakers = {"\n", ":", "\"", "*"};

  // Token sequences that must not be completed; an EOS alone in the list is ignored.
  std::vector<std::vector<TokenId>> bad_words = {};
  // The same as texts: each with and without a leading space. Need a tokenizer.
  std::vector<std::string> bad_words_texts = {};

  // Texts that the continuation never holds, whatever their case and tokens: at the beginning of a
  // word, or anywhere with a * ahead ("*itis"). Where one would be complete, the text goes back to
  // the beginning of the word in which it begins and draws again there, without the token that
  // began the word; none of it is reported to anybody. A word that the prompt began counts. After
  // 100 attempts that led no further, or where no other token can be drawn, the text ends as
  // FinishReason::kNeverSay. Beams that would hold one are dropped. See docs/SAMPLING.md.
  std::vector<std::string> never_say = {};

  // Added where the context ends with all but the last id; several add up.
  std::vector<SequenceBias> sequence_bias = {};

  // Added to the scores of single tokens: {id} with its bias. In [-100, 100].
  std::vector<SequenceBias> logit_bias = {};

  // Never drawn; never drawn as the first token.
  std::vector<TokenId> suppress_tokens = {};
  std::vector<TokenId> begin_suppress_tokens = {};

  // No EOS before this many new tokens, or this many with the prompt. >= 0; 0 is off.
  int min_new_tokens = 0;
  int min_length = 0;

  // After more than `start` new tokens EOS gains |score| * (factor^(new - start) - 1).
  struct LengthDecay {
    int start = 0;      // >= 0
    double factor = 1;  // > 0
    friend bool operator==(const LengthDecay&, const LengthDecay&) = default;
  };
  std::optional<LengthDecay> exponential_decay_length_penalty = {};

  // The only token possible after a context of one token; as the last one of max_length.
  std::optional<TokenId> forced_bos_token_id = {};
  std::vector<TokenId> forced_eos_token_id = {};

  // Classifier-free guidance: log-probabilities become u + scale * (c - u), c of the model, u of
  // the model after the negative prompt (or the prompt's last token) and what was generated.
  // Finite; 1 is off, 0 leaves u alone, below 1 the negative prompt attracts. Sanchez et al., "Stay
  // on topic with classifier-free guidance", 2023.
  double guidance_scale = 1;
  std::vector<TokenId> negative_prompt_ids = {};
  std::string negative_prompt = {};  // the same as text; needs a tokenizer

  // Log-softmax after the last step. Changes no probability of a draw; with beams it does.
  bool renormalize_logits = false;

  // "hf", "vllm", "llama" (as those libraries order the steps), or names of steps.
  std::vector<std::string> sampler_order = {"hf"};

  // --- Search ------------------------------------------------------------------------------------

  // Above 1: beam search, which draws nothing unless beam_sample is set. From 1 to 64.
  int num_beams = 1;
  // Beam search draws each step's candidates, without replacement, from what temperature and
  // filters leave of all beams, instead of taking the best. Needs num_beams > 1, temperature > 0.
  bool beam_sample = false;
  // Score of a beam: log-probability / (new tokens)^length_penalty. Finite.
  double length_penalty = 1;
  // When the best possible running beam no longer beats the worst finished one: kFalse
  // judges by the length so far, kNever by the longest allowed; kTrue: when num_beams have
  // finished.
  EarlyStopping early_stopping = EarlyStopping::kFalse;

  // Set: each generated token comes with its log-probabilities, entropy and this many alternatives.
  // From 0 to 100.
  std::optional<int> logprobs = {};

  // First word of the random key (seed, request, sample); see base/random.h.
  std::uint64_t seed = 0;
};

struct StoppingParams {
  // Most tokens a sequence may have, prompt included. >= 1. Not used when max_new_tokens is set.
  int max_length = 150;

  // Most tokens to generate, >= 1. Wins over max_length.
  std::optional<int> max_new_tokens = {};

  // Generation ends when the decoded text contains one of these; the text is cut before it, or
  // after it with include_stop.
  std::vector<std::string> stop = {};
  bool include_stop = false;

  // Ids that end a text. Empty: the tokenizer's EOS.
  std::vector<TokenId> eos_token_id = {};

  // Continue after an EOS: it adds no text and ends nothing.
  bool ignore_eos = false;

  // Seconds after which a sequence ends with its current token, counted from its request's first
  // token; > 0. Texts then depend on the machine's speed. Unset is off.
  std::optional<double> max_time = {};

  // Cut the text after its last complete sentence, if it has one.
  bool end_at_sentence = false;

  // End when the last tokens are one phrase three times over (phrases of 2 tokens or more, and at
  // least 12 tokens together).
  bool stop_on_loop = false;
};

inline constexpr int kDefaultNumReturnSequences = 3;
inline constexpr int kMaxNumReturnSequences = 4096;

// Everything a generation needs except the prompt.
struct DecodingSettings {
  SamplingParams sampling;  // seed 0 unless given
  StoppingParams stopping;
  int num_return_sequences = kDefaultNumReturnSequences;
};

// Throw SettingError for a value out of range, and Error(kUsage) for settings that contradict each
// other; both say what to do.
MEDGEN_API void validate(const SamplingParams& params);
MEDGEN_API void validate(const StoppingParams& params);
MEDGEN_API void validate(const DecodingSettings& settings);

}  // namespace medgen
