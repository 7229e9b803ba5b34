// Values of settings as JSON: reading them strictly, writing them as they were given.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "medgen/params.h"

namespace medgen::engine {

using SettingsJson = nlohmann::ordered_json;

// Each throws Error(kUsage) that names the setting, the value and what is allowed. Values that are
// whole numbers are read as such; numbers must be finite.
void from_json(const SettingsJson& value, const std::string& name, double& field);
void from_json(const SettingsJson& value, const std::string& name, int& field);
void from_json(const SettingsJson& given, const std::string& name, std::uint64_t& field);
void from_json(const SettingsJson& value, const std::string& name, bool& field);
void from_json(const SettingsJson& value, const std::string& name, std::string& field);
void from_json(const SettingsJson& value, const std::string& name, std::vector<std::string>& field);
void from_json(const SettingsJson& value, const std::string& name, std::vector<TokenId>& field);
void from_json(const SettingsJson& value, const std::string& name,
               std::vector<SequenceBias>& field);
void from_json(const SettingsJson& value, const std::string& name,
               SamplingParams::LengthDecay& field);

// null unsets.
template <class T>
void from_json(const SettingsJson& value, const std::string& name, std::optional<T>& field);

SettingsJson to_json(double value);
SettingsJson to_json(int value);
SettingsJson to_json(std::uint64_t value);
SettingsJson to_json(bool value);
SettingsJson to_json(const std::string& value);
SettingsJson to_json(const std::vector<std::string>& value);
SettingsJson to_json(const std::vector<TokenId>& value);
SettingsJson to_json(const std::vector<SequenceBias>& value);
SettingsJson to_json(const SamplingParams::LengthDecay& value);
template <class T>
SettingsJson to_json(const std::optional<T>& value);

// The special forms.
SettingsJson bad_words_json(const SamplingParams& params);
void read_bad_words(const SettingsJson& value, const std::string& name, SamplingParams& params);
SettingsJson logit_bias_json(const std::vector<SequenceBias>& bias);
void read_logit_bias(const SettingsJson& value, const std::string& name,
                     std::vector<SequenceBias>& bias);
void read_sampler_order(const SettingsJson& value, const std::string& name,
                        std::vector<std::string>& order);
SettingsJson early_stopping_json(EarlyStopping value);
void read_early_stopping(const SettingsJson& value, const std::string& name, EarlyStopping& field);
void read_end_at(const SettingsJson& value, const std::string& name, bool& sentence);

// Checks beyond ranges: texts that are UTF-8 and not empty, finite biases, ids of at least 0.
void check_values(const SamplingParams& params);
void check_values(const StoppingParams& params);

}  // namespace medgen::engine
