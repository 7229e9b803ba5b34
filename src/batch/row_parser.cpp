// JSON is checked before it is parsed: depth first, since deep nesting costs stack later on.
#include "batch/row_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/json.h"
#include "base/json_members.h"
#include "base/sha256.h"
#include "batch/row_settings.h"
#include "engine/setting_values.h"
#include "engine/settings.h"
#include "medgen/error.h"
#include "text/utf8.h"

namespace medgen::batch {
namespace {

constexpr std::size_t kMaxIdBytes = 1024;
constexpr std::size_t kMostPrompts = 2048;  // of a row

// Thrown while a row is parsed, caught in parse().
struct Refused {
  RowError error;
};

[[noreturn]] void refuse(const char* code, const std::string& message) {
  throw Refused{{code, message}};
}

Json parse_object(const std::string& text) {
  auto object = base::parse_json<Json>(text);
  if (object.is_discarded()) {
    if (base::json_depth(text) > base::kMaxJsonDepth) {
      refuse("json_too_deep",
             fmt::format("its JSON is nested more deeply than {} levels: give a flatter object",
                         base::kMaxJsonDepth));
    }
    if (base::json_members(text) > base::kMaxJsonMembers) {
      refuse("too_many_members",
             fmt::format("it has an object of more than {} members: give fewer, or a list",
                         base::kMaxJsonMembers));
    }
    refuse("invalid_json",
           "it is " + base::json_fault(text, "not valid JSON") + ": give one JSON object per line");
  }
  if (!object.is_object()) {
    refuse("not_an_object", std::string("it is a JSON ") + object.type_name() +
                                ": give an object such as {\"id\": \"a\", \"prompt\": \"...\"}");
  }
  if (base::repeats_a_member(text)) {
    const std::string place = base::json_repeated_key(text);
    refuse("duplicate_field", "a field is given twice" +
                                  (place.empty() ? std::string() : " (" + place + ")") +
                                  ": give each once");
  }
  return object;
}

std::ptrdiff_t characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
}

void check_text(std::string_view text, base::Encoding encoding) {
  if (const auto offset = text::find_invalid_utf8(text)) {
    if (encoding != base::Encoding::kUtf8) {
      refuse("invalid_encoding",
             fmt::format("{} does not define what stands behind its first {} characters: give the "
                         "`encoding` that the file has",
                         base::name_of(encoding), characters(text.substr(0, *offset))));
    }
    refuse("invalid_utf8",
           fmt::format("it is not valid UTF-8 at byte {} of the row: convert the file to UTF-8",
                       *offset));
  }
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    refuse("nul_byte",
           fmt::format("it holds a NUL at byte {} of the row: give plain text in UTF-8", nul));
  }
}

// "; it has "id", "text": ", and what may be wrong if that is one column.
std::string columns_found(const std::vector<std::string>& columns) {
  constexpr std::size_t kMostShown = 20;
  std::string list;
  for (const std::string& column : columns) {
    if (list.empty() && columns.size() == 1 && column.empty()) break;
    // Without a header the first line is a prompt, which no message shows.
    const bool is_text = column.size() > 40 || std::count(column.begin(), column.end(), ' ') > 2;
    list += (list.empty() ? "" : ", ") +
            (is_text ? "one that looks like a text" : base::json_key_shown(column));
    if (&column - columns.data() + 1 == kMostShown && columns.size() > kMostShown) {
      list += fmt::format(" and {} more", columns.size() - kMostShown);
      break;
    }
  }
  if (list.empty()) return ", and no others: ";
  const std::size_t other =
      columns.size() == 1 ? columns[0].find_first_of(",;\t|") : std::string::npos;
  if (other == std::string::npos) return "; it has " + list + ": ";
  const char separator = columns[0][other];
  return fmt::format("; it has one column, {}: give `delimiter` {} if that separates columns, or ",
                     list, separator == '\t' ? "tab" : fmt::format("\"{}\"", separator));
}

void take_prompt(std::string prompt, BatchRow& row) {
  if (prompt.find('\0') != std::string::npos) {
    refuse("nul_byte", "the prompt holds a NUL character: give plain text");
  }
  row.prompt = std::move(prompt);
  if (row.prompt.empty()) refuse("no_prompt", "the prompt is empty: give at least one character");
}

// A whole number is that, however long, and 3.0 is 3; anything else is empty.
std::string whole_number(std::string_view spelling) {
  std::string_view digits = spelling.substr(0, spelling.find('.'));
  const std::string_view rest = spelling.substr(digits.size());
  if (rest.find_first_not_of('0', 1) != std::string_view::npos) return "";
  const std::string_view figures = digits.substr(digits.starts_with('-') ? 1 : 0);
  const bool whole = figures.find_first_not_of("0123456789") == std::string_view::npos;
  return whole ? std::string(digits) : "";
}

// `spelling`: of a number, as the row has it.
void take_id(const Json& id, std::string_view spelling, BatchRow& row) {
  std::string text = id.is_string()           ? id.get<std::string>()
                     : id.is_number_integer() ? id.dump()
                     : id.is_number()         ? whole_number(spelling)
                                              : "";
  if (!id.is_string() && text.empty()) {
    refuse("bad_id",
           std::string("the id is a JSON ") + id.type_name() + ": give a string or a whole number");
  }
  if (text.empty() || text.size() > kMaxIdBytes) {
    refuse("bad_id",
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

void check_extra(const std::string& name) {
  if (records::is_member(name)) {
    refuse("reserved_field", "the field \"" + name + "\" has a name that results use: rename it");
  }
}

// A null gives no setting.
void add_setting(const std::string& name, const Json& value, BatchRow& row) {
  if (value.is_null()) return;
  if (row.settings.contains(name)) {
    refuse("bad_setting",
           "it sets " + name + " both by itself and within \"settings\": give it once");
  }
  row.settings[name] = value;
}

void add_settings(const Json& settings, BatchRow& row) {
  if (!settings.is_object() && !settings.is_null()) {
    refuse("bad_setting",
           std::string("its field \"settings\" is a JSON ") + settings.type_name() +
               ": give an object such as {\"top_p\": 0.9}, or `carry` settings if it is your own");
  }
  for (const auto& [name, value] : settings.items()) {
    if (!engine::is_setting(name)) {
      const std::string nearest = engine::nearest_setting(name);
      refuse("bad_setting",
             fmt::format("\"settings\" holds {}, which is no setting{}", base::json_key_shown(name),
                         nearest.empty() ? std::string(": docs/SAMPLING.md lists them")
                                         : "; did you mean \"" + nearest + "\"?"));
    }
    add_setting(name, value, row);
  }
}

// Fields beside the prompt that say what it is.
constexpr const char* kPromptIds = "prompt_ids";
constexpr const char* kSpecials = "specials";

bool has_value(const Json& object, const std::string& name) {
  const auto field = object.find(name);
  return field != object.end() && !field->is_null();
}

void take_prompt_ids(const Json& ids, const char* name, BatchRow& row) {
  try {
    engine::from_json(ids, name, row.prompt_ids);
  } catch (const Error& error) {
    refuse("bad_prompt", error.what());
  }
  if (row.prompt_ids.empty()) {
    refuse("no_prompt", std::string(name) + " holds no ids: give at least one");
  }
}

void take_specials(const Json& object, BatchRow& row) {
  if (!has_value(object, kSpecials)) return;
  if (!object[kSpecials].is_boolean()) {
    refuse("bad_prompt", std::string("specials is a JSON ") + object[kSpecials].type_name() +
                             ": give true or false");
  }
  row.specials = object[kSpecials].get<bool>();
  if (*row.specials && !row.prompt_ids.empty()) {
    refuse("bad_prompt",
           "specials is true beside prompt_ids, which are tokens already: leave it out");
  }
}

const Json& required_prompt(const Json& object, const std::string& name) {
  const auto prompt = object.find(name);
  if (prompt == object.end() || prompt->is_null()) {
    refuse("no_prompt", "it has no prompt: give one, or say with `prompt_column` where it is");
  }
  return *prompt;
}

std::string text_prompt(const Json& object, const std::string& name) {
  const Json& prompt = required_prompt(object, name);
  if (!prompt.is_string()) {
    refuse("bad_prompt",
           std::string("the prompt is a JSON ") + prompt.type_name() + ": give a string");
  }
  return prompt.get<std::string>();
}

void take_openai_prompt_of_one(const Json& prompt, BatchRow& row) {
  if (prompt.is_array()) {
    take_prompt_ids(prompt, "prompt", row);
  } else if (prompt.is_string()) {
    take_prompt(prompt.get<std::string>(), row);
  } else {
    refuse("bad_prompt", std::string("the prompt is a JSON ") + prompt.type_name() +
                             ": give a string, or a list of token ids");
  }
}

// "text", [ID, ...], or a list of these.
void take_openai_prompt(const Json& prompt, BatchRow& row) {
  const bool list = prompt.is_array() && !prompt.empty() && !prompt[0].is_number();
  if (!list) return take_openai_prompt_of_one(prompt, row);
  if (prompt.size() > kMostPrompts) {
    refuse("bad_prompt", fmt::format("the prompt is a list of {} prompts: give at most {} in a row",
                                     prompt.size(), kMostPrompts));
  }
  for (const Json& one : prompt) {
    if (!one.is_string() && !one.is_array()) {
      refuse("bad_prompt", std::string("the prompt is a list that holds a JSON ") +
                               one.type_name() + ": give texts or lists of token ids");
    }
    BatchRow single;
    take_openai_prompt_of_one(one, single);
    row.prompts.push_back({std::move(single.prompt), std::move(single.prompt_ids)});
  }
  row.prompt = row.prompts[0].text;
  row.prompt_ids = row.prompts[0].ids;
  if (row.prompts.size() == 1) row.prompts.clear();
}

// {"custom_id", "method", "url", "body"}
void take_openai(const Json& object, const std::vector<std::string>& spellings, BatchRow& row) {
  row.form = RowForm::kOpenAi;
  std::size_t member = 0;
  for (const auto& [name, value] : object.items()) {
    if (name == "custom_id") take_id(value, spellings[member], row);
    ++member;
  }
  const auto text_of = [&](const char* name) {
    const auto it = object.find(name);
    return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  if (text_of("url") == "/v1/chat/completions") {
    refuse("unsupported_request",
           "it asks for /v1/chat/completions, and a model of this kind continues a text, it does "
           "not chat: give the url /v1/completions, and a \"prompt\" in place of \"messages\"");
  }
  if (text_of("method") != "POST" || text_of("url") != "/v1/completions") {
    refuse("unsupported_request",
           "it asks for something other than POST /v1/completions, which is all there is");
  }
  const auto body = object.find("body");
  if (body == object.end() || !body->is_object()) {
    refuse("no_body", "it has no body: give an object with the prompt");
  }
  const Json& prompt = required_prompt(*body, "prompt");
  for (const auto& [name, value] : body->items()) {
    if (name == "prompt" || name == "model" || name == "user" || value.is_null()) continue;
    // All that are made are given: the best of as many is all of them.
    if (name == "best_of" && value == body->value("n", Json(1))) continue;
    const char* own = openai_setting(name, value);
    if (own == nullptr) {
      refuse("unsupported_setting",
             "the body sets a field that is not supported here, or a value that is not supported; "
             "allowed are model, prompt, max_tokens, n, temperature, top_p, stop, seed, logprobs, "
             "logit_bias, presence_penalty, frequency_penalty, best_of equal to n, user, metadata, "
             "and of vLLM's top_k, min_p, repetition_penalty, length_penalty, ignore_eos, "
             "min_tokens");
    }
    const bool off = name == "top_k" && value == -1;
    if (*own != '\0') row.settings[own] = off ? Json(0) : value;
  }
  take_openai_prompt(prompt, row);
}

// A line of OpenAI's form that cannot be read is answered in that form, under its custom_id if that
// can be.
void answer_in_kind(const std::string& text, BatchRow& row) {
  constexpr std::string_view kName = "\"custom_id\"";
  const std::string& code = row.error->code;
  if (code != "invalid_json" && code != "duplicate_field" && code != "json_too_deep") return;
  if (text.find("\"body\"") == std::string::npos) return;
  std::size_t at = text.find(kName);
  if (at == std::string::npos) return;
  at = text.find_first_not_of(" \t", at + kName.size());
  if (at == std::string::npos || text[at] != ':') return;
  at = text.find_first_not_of(" \t", at + 1);
  if (at == std::string::npos || text[at] != '"') return;
  std::size_t end = at + 1;
  while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
  if (end >= text.size()) return;
  const auto id = base::parse_json<Json>(std::string_view(text).substr(at, end + 1 - at));
  if (!id.is_string() || id.get<std::string>().empty() ||
      id.get<std::string>().size() > kMaxIdBytes) {
    return;
  }
  row.form = RowForm::kOpenAi;
  row.id = id;
}

}  // namespace

std::uint64_t key_of_id(const std::string& id) {
  return std::stoull(base::sha256("medgen row " + id).substr(0, 16), nullptr, 16);
}

std::uint64_t key_of_prompt(std::uint64_t row_key, std::size_t prompt) {
  return prompt == 0 ? row_key : key_of_id(fmt::format("prompt {} of {}", prompt, row_key));
}

RowParser::RowParser(InputFormat format, const RowNames& names, std::string input_name,
                     std::function<void(const std::string&)> warn)
    : format_(format),
      prompt_name_(names.prompt.value_or("prompt")),
      id_name_(names.id.value_or("id")),
      id_was_named_(names.id.has_value()),
      input_name_(std::move(input_name)),
      wants_header_(format == InputFormat::kCsv || format == InputFormat::kTsv),
      fields_(names.fields),
      encoding_(names.encoding),
      warn_(std::move(warn)) {}

void RowParser::look_at_name(const std::string& name) const {
  if (!warn_) return;
  const std::string meant = watch_.look(name, fields_);
  if (meant.empty()) return;
  const std::string shown = base::json_key_shown(name);
  warn_(
      fmt::format("{}: the field {} is carried through and sets nothing; the setting is called "
                  "\"{}\": rename it, or give `carry` {} if it is your own",
                  input_name_, shown, meant, shown));
}

void RowParser::take_header(const RawRow& row) {
  const auto fail = [&](const std::string& why) {
    throw Error(ErrorCode::kUsage, input_name_ + ": its header, the first line, " + why);
  };
  if (row.too_long || text::find_invalid_utf8(row.text) ||
      row.text.find('\0') != std::string::npos || !row.csv_error.empty()) {
    fail(std::string("cannot be read as column names: it must be ") + base::name_of(encoding_) +
         ", with quotes as in RFC 4180; `encoding` gives another encoding, `delimiter` another "
         "separator");
  }
  columns_ = row.fields;
  std::set<std::string> names;
  std::vector<std::string> unclear;
  for (const std::string& column : columns_) {
    if (!names.insert(column).second) fail("has two columns with the same name: rename one");
    if (column == prompt_name_ || column == id_name_) continue;
    if (records::is_member(column))
      fail("has a column \"" + column + "\", a name that results use");
    if (kind_of(column, fields_) == FieldKind::kUnclear) unclear.push_back(column);
  }
  if (!unclear.empty()) {
    throw Error(ErrorCode::kUsage, input_name_ + ": " + unclear_fields(unclear, fields_, true));
  }
  for (const std::string& column : columns_) {
    if (column != prompt_name_ && column != id_name_) look_at_name(column);
  }
  if (!names.contains(prompt_name_) &&
      !(names.contains(kPromptIds) && is_about_prompt(kPromptIds))) {
    fail("has no column \"" + prompt_name_ + "\"" + columns_found(columns_) +
         "name the one that holds the prompts with `prompt_column`");
  }
  if (id_was_named_ && !names.contains(id_name_)) {
    fail("has no column \"" + id_name_ + "\", which `id_column` names" + columns_found(columns_) +
         "name another");
  }
  wants_header_ = false;
}

BatchRow RowParser::parse(const RawRow& raw, std::uint64_t position) const {
  BatchRow row;
  row.position = position;
  row.id = position + 1;
  row.key = position + 1;
  try {
    if (raw.too_long) {
      refuse("row_too_long",
             fmt::format("it is longer than the {} bytes that a row may have", kMaxRowBytes));
    }
    check_text(raw.text, encoding_);
    if (format_ == InputFormat::kText) {
      take_prompt(raw.text, row);
    } else if (format_ == InputFormat::kJsonl) {
      parse_json(raw.text, row);
    } else {
      parse_csv(raw, row);
    }
  } catch (const Refused& refused) {
    row.error = refused.error;
    row.prompt.clear();
    row.prompt_ids.clear();
    row.prompts.clear();
    if (format_ == InputFormat::kJsonl) answer_in_kind(raw.text, row);
  }
  return row;
}

void RowParser::parse_json(const std::string& text, BatchRow& row) const {
  const Json object = parse_object(text);
  if (object.contains("custom_id") &&
      (object.contains("url") || object.contains("body") || object.contains("method"))) {
    take_openai(object, base::json_member_texts(text), row);
  } else {
    take_plain(object, base::json_member_texts(text), row);
  }
}

void RowParser::parse_csv(const RawRow& raw, BatchRow& row) const {
  const std::vector<std::string>& fields = raw.fields;
  if (!raw.csv_error.empty()) {
    refuse("bad_quotes",
           "it breaks the rules of CSV (RFC 4180): " + raw.csv_error +
               "; put a field that contains quotes or line breaks in quotes, and double each quote "
               "inside");
  }
  if (fields.size() != columns_.size()) {
    refuse("wrong_columns",
           fmt::format("it has {} fields, the header {}", fields.size(), columns_.size()));
  }
  Json object = Json::object();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string& name = columns_[i];
    const bool acts = name != id_name_ && kind_of(name, fields_) == FieldKind::kSetting;
    if (name == prompt_name_ || !(name == id_name_ || acts || is_about_prompt(name))) {
      object[name] = fields[i];
    } else if (!fields[i].empty()) {  // an empty cell gives no id and no setting
      object[name] = name == id_name_ ? Json(fields[i]) : setting_of_text(name, fields[i]);
    }
  }
  // Where there is a column of ids, an empty cell of the other is no prompt.
  if (is_about_prompt(kPromptIds) && has_value(object, kPromptIds) &&
      object.value(prompt_name_, Json()) == "") {
    object.erase(prompt_name_);
  }
  take_plain(object, {}, row);
}

bool RowParser::is_about_prompt(const std::string& name) const {
  return (name == kPromptIds || name == kSpecials) && !is_carried(name, fields_);
}

void RowParser::take_plain(const Json& object, const std::vector<std::string>& spellings,
                           BatchRow& row) const {
  std::size_t member = 0;
  for (const auto& [name, value] : object.items()) {
    const std::string spelling = spellings.empty() ? "" : spellings[member];
    if (name == id_name_ && !value.is_null()) take_id(value, spelling, row);
    ++member;
  }
  std::optional<std::string> prompt;
  if (!is_about_prompt(kPromptIds) || !has_value(object, kPromptIds)) {
    prompt = text_prompt(object, prompt_name_);
  } else if (prompt_name_ != kPromptIds && has_value(object, prompt_name_)) {
    refuse("bad_prompt", "it has a prompt and prompt_ids: give one of them");
  } else {
    take_prompt_ids(object[kPromptIds], kPromptIds, row);
  }
  if (is_about_prompt(kSpecials)) take_specials(object, row);
  std::vector<std::string> unclear;
  for (const auto& [name, value] : object.items()) {
    if (name == prompt_name_ || name == id_name_ || is_about_prompt(name)) continue;
    if (kind_of(name, fields_) == FieldKind::kUnclear) unclear.push_back(name);
  }
  if (!unclear.empty()) refuse(kUnclearField, unclear_fields(unclear, fields_, false));
  member = 0;
  for (const auto& [name, value] : object.items()) {
    const std::size_t here = member++;
    if (name == prompt_name_ || name == id_name_ || is_about_prompt(name)) continue;
    const FieldKind kind = kind_of(name, fields_);
    if (kind == FieldKind::kSetting) {
      add_setting(name, value, row);
    } else if (name == "settings" && format_ == InputFormat::kJsonl && !is_carried(name, fields_)) {
      add_settings(value, row);
    } else {
      check_extra(name);
      row.extras.push_back({name, spellings.empty() ? value.dump() : spellings[here]});
      look_at_name(name);
    }
  }
  if (prompt) take_prompt(*std::move(prompt), row);
}

}  // namespace medgen::batch
