// What rows of every form are made of. Each refuses by throwing Refused, which RowParser::parse
// catches.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "batch/row.h"

namespace medgen::batch {

inline constexpr std::size_t kMaxIdBytes = 1024;

// Thrown while a row is parsed.
struct Refused {
  RowError error;
};

[[noreturn]] void refuse_row(const char* code, const std::string& message);

// Fields beside the prompt that say what it is.
inline constexpr const char* kPromptIds = "prompt_ids";
inline constexpr const char* kSpecials = "specials";

bool has_value(const Json& object, const std::string& name);

void take_prompt(std::string prompt, BatchRow& row);
void take_prompt_ids(const Json& ids, const char* name, BatchRow& row);
void take_specials(const Json& object, BatchRow& row);
const Json& required_prompt(const Json& object, const char* name);
std::string text_prompt(const Json& object, const std::string& name);

// `spelling`: of a number, as the row has it.
void take_id(const Json& id, std::string_view spelling, BatchRow& row);

// A null gives no setting.
void add_setting(const std::string& name, const Json& value, BatchRow& row);
void add_settings(const Json& settings, BatchRow& row);

}  // namespace medgen::batch
