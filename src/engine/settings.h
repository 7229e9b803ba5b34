// The one table of decoding settings: name, range, help and JSON form of each. Flags, help texts,
// rows of a batch, grids of a sweep and the records of what was done all come from it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "medgen/params.h"
#include "medgen/templates.h"
#include "medgen/tokenizer.h"

namespace medgen::engine {

using SettingsJson = nlohmann::ordered_json;

enum class SettingKind { kInteger, kNumber, kFlag, kText, kTexts, kWord, kJson };

struct SettingInfo {
  std::string_view name;     // "top_k"
  std::string_view section;  // "filters", "processors", "search", "stopping", "output"
  SettingKind kind;
  std::string_view help;  // what it does and what is allowed, without the default
};

// All settings, in the order in which they are listed.
const std::vector<SettingInfo>& setting_infos();

// Where the setting is `name` or an alias of it ("n", "bad_words_ids", "do_sample").
bool is_setting(std::string_view name);

// The default as help texts give it ("0.7", "off").
std::string default_text(const SettingInfo& info);

// The known name closest to a mistyped one; empty if none is close. `more`: names that are not
// settings but may have been meant.
std::string nearest_setting(std::string_view name, const std::vector<std::string>& more = {});

// `given` (an object of settings) over `defaults`. Defaults give way to what is given: beams that
// draw nothing turn off the filters that were not given, greedy decoding and beams return one
// sequence, mirostat turns off top_k. Throws Error(kUsage) for an unknown name (the nearest is
// suggested), a wrong type, a value out of range, settings that contradict each other. kFlags
// spells names in messages as on the command line.
enum class NameStyle { kJson, kFlags };
DecodingSettings make_settings(const SettingsJson& given, const DecodingSettings& defaults = {},
                               NameStyle style = NameStyle::kJson);

// Sets one setting, which is checked by itself alone. Throws as make_settings().
void set_alone(DecodingSettings& settings, const std::string& name, const SettingsJson& value);

// `over` wins; what it excludes (max_length, max_new_tokens) is removed from `base`.
SettingsJson merge_settings(SettingsJson base, const SettingsJson& over);

// Settings under which every token of the model's own distribution can be drawn: temperature 1, no
// filter, one sequence. What `explain --jsonl` starts from.
DecodingSettings neutral_settings();

// For records: the classic ones always, others where they differ from their default, the order of
// steps always. make_settings() of it gives the same settings again (the seed apart).
SettingsJson settings_json(const DecodingSettings& settings);

// Throws Error(kUsage) if that many sequences cannot be asked for, or not with these beams.
void check_sequence_count(int num_return_sequences, int num_beams);

// Throws Error(kUsage) if a setting names an id outside [0, vocab_size).
void check_token_ids(const SamplingParams& p, const StoppingParams& stopping, int vocab_size);

// Throws Error(kUsage) that names the place of an id outside [0, vocab_size).
void check_prompt_ids(const std::vector<TokenId>& ids, const std::string& name, int vocab_size);

// A task's stop strings, bad words and texts never said, besides those that are set.
void add_texts(const TaskTemplate& task, DecodingSettings& settings);

// Turns text settings into token ids: bad words, the negative prompt. Others stay.
void resolve_texts(SamplingParams& sampling, const Tokenizer& tokenizer);

}  // namespace medgen::engine
