#include "batch/row_parts.h"

#include <fmt/format.h>

#include "base/json.h"
#include "base/sha256.h"
#include "engine/setting_values.h"
#include "engine/settings.h"
#include "medgen/error.h"

namespace medgen::batch {

void refuse_row(const char* code, const std::string& message) { throw Refused{{code, message}}; }

void take_prompt(std::string prompt, BatchRow& row) {
  if (prompt.find('\0') != std::string::npos) {
    refuse_row("nul_byte", "the prompt holds a NUL character: give plain text");
  }
  row.prompt = std::move(prompt);
  if (row.prompt.empty())
    refuse_row("no_prompt", "the prompt is empty: give at least one character");
}

namespace {

// A whole number is that, however long, and 3.0 is 3; anything else is empty.
std::string whole_number(std::string_view spelling) {
  std::string_view digits = spelling.substr(0, spelling.find('.'));
  const std::string_view rest = spelling.substr(digits.size());
  if (rest.find_first_not_of('0', 1) != std::string_view::npos) return "";
  const std::string_view figures = digits.substr(digits.starts_with('-') ? 1 : 0);
  const bool whole = figures.find_first_not_of("0123456789") == std::string_view::npos;
  return whole ? std::string(digits) : "";
}

}  // namespace

void take_id(const Json& id, std::string_view spelling, BatchRow& row) {
  std::string text = id.is_string()           ? id.get<std::string>()
                     : id.is_number_integer() ? id.dump()
                     : id.is_number()         ? whole_number(spelling)
                                              : "";
  if (!id.is_string() && text.empty()) {
    refuse_row("bad_id", std::string("the id is a JSON ") + id.type_name() +
                             ": give a string or a whole number");
  }
  if (text.empty() || text.size() > kMaxIdBytes) {
    refuse_row("bad_id",
               fmt::format("the id is {} bytes long: give 1 to {}", text.size(), kMaxIdBytes));
  }
  // Of a number beyond 64 bits only the text has all digits.
  constexpr std::size_t kExactDigits = 15;
  const bool beyond =
      id.is_number_float() && (spelling.find('.') == spelling.npos || text.size() > kExactDigits);
  row.id = beyond ? Json(text) : id;
  row.key = key_of_id(text);
  row.id_text = std::move(text);
}

void add_setting(const std::string& name, const Json& value, BatchRow& row) {
  if (value.is_null()) return;
  if (row.settings.contains(name)) {
    refuse_row("bad_setting",
               "it sets " + name + " both by itself and within \"settings\": give it once");
  }
  row.settings[name] = value;
}

void add_settings(const Json& settings, BatchRow& row) {
  if (!settings.is_object() && !settings.is_null()) {
    refuse_row(
        "bad_setting",
        std::string("its field \"settings\" is a JSON ") + settings.type_name() +
            ": give an object such as {\"top_p\": 0.9}, or `carry` settings if it is your own");
  }
  for (const auto& [name, value] : settings.items()) {
    if (!engine::is_setting(name)) {
      const std::string nearest = engine::nearest_setting(name);
      refuse_row(
          "bad_setting",
          fmt::format("\"settings\" holds {}, which is no setting{}", base::json_key_shown(name),
                      nearest.empty() ? std::string(": docs/SAMPLING.md lists them")
                                      : "; did you mean \"" + nearest + "\"?"));
    }
    add_setting(name, value, row);
  }
}

bool has_value(const Json& object, const std::string& name) {
  const auto field = object.find(name);
  return field != object.end() && !field->is_null();
}

void take_prompt_ids(const Json& ids, const char* name, BatchRow& row) {
  try {
    engine::from_json(ids, name, row.prompt_ids);
  } catch (const Error& error) {
    refuse_row("bad_prompt", error.what());
  }
  if (row.prompt_ids.empty()) {
    refuse_row("no_prompt", std::string(name) + " holds no ids: give at least one");
  }
}

void take_specials(const Json& object, BatchRow& row) {
  if (!has_value(object, kSpecials)) return;
  if (!object[kSpecials].is_boolean()) {
    refuse_row("bad_prompt", std::string("specials is a JSON ") + object[kSpecials].type_name() +
                                 ": give true or false");
  }
  row.specials = object[kSpecials].get<bool>();
  if (*row.specials && !row.prompt_ids.empty()) {
    refuse_row("bad_prompt",
               "specials is true beside prompt_ids, which are tokens already: leave it out");
  }
}

const Json& required_prompt(const Json& object, const char* name) {
  const auto prompt = object.find(name);
  if (prompt == object.end() || prompt->is_null()) {
    refuse_row("no_prompt", "it has no prompt: give one, or say with `prompt_column` where it is");
  }
  return *prompt;
}

std::string text_prompt(const Json& object, const std::string& name) {
  const Json& prompt = required_prompt(object, name.c_str());
  if (!prompt.is_string()) {
    refuse_row("bad_prompt",
               std::string("the prompt is a JSON ") + prompt.type_name() + ": give a string");
  }
  return prompt.get<std::string>();
}

std::uint64_t key_of_id(const std::string& id) {
  return std::stoull(base::sha256("medgen row " + id).substr(0, 16), nullptr, 16);
}

std::uint64_t key_of_prompt(std::uint64_t row_key, std::size_t prompt) {
  return prompt == 0 ? row_key : key_of_id(fmt::format("prompt {} of {}", prompt, row_key));
}

}  // namespace medgen::batch
