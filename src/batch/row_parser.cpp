// JSON is checked before it is parsed: depth first, since deep nesting costs stack later on.
#include "batch/row_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/json.h"
#include "base/json_members.h"
#include "batch/openai_row.h"
#include "batch/row_parts.h"
#include "batch/row_settings.h"
#include "engine/settings.h"
#include "medgen/error.h"
#include "text/utf8.h"

namespace medgen::batch {
namespace {

Json parse_object(const std::string& text) {
  auto object = base::parse_json<Json>(text);
  if (object.is_discarded()) {
    if (base::json_depth(text) > base::kMaxJsonDepth) {
      refuse_row("json_too_deep",
                 fmt::format("its JSON is nested more deeply than {} levels: give a flatter object",
                             base::kMaxJsonDepth));
    }
    if (base::json_members(text) > base::kMaxJsonMembers) {
      refuse_row("too_many_members",
                 fmt::format("it has an object of more than {} members: give fewer, or a list",
                             base::kMaxJsonMembers));
    }
    refuse_row("invalid_json", "it is " + base::json_fault(text, "not valid JSON") +
                                   ": give one JSON object per line");
  }
  if (!object.is_object()) {
    refuse_row("not_an_object",
               std::string("it is a JSON ") + object.type_name() +
                   ": give an object such as {\"id\": \"a\", \"prompt\": \"...\"}");
  }
  if (base::repeats_a_member(text)) {
    const std::string place = base::json_repeated_key(text);
    refuse_row("duplicate_field", "a field is given twice" +
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
      refuse_row(
          "invalid_encoding",
          fmt::format("{} does not define what stands behind its first {} characters: give the "
                      "`encoding` that the file has",
                      base::name_of(encoding), characters(text.substr(0, *offset))));
    }
    refuse_row("invalid_utf8",
               fmt::format("it is not valid UTF-8 at byte {} of the row: convert the file to UTF-8",
                           *offset));
  }
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    refuse_row("nul_byte",
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

void check_extra(const std::string& name) {
  if (records::is_member(name)) {
    refuse_row("reserved_field",
               "the field \"" + name + "\" has a name that results use: rename it");
  }
}

}  // namespace

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
      refuse_row("row_too_long",
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
    refuse_row(
        "bad_quotes",
        "it breaks the rules of CSV (RFC 4180): " + raw.csv_error +
            "; put a field that contains quotes or line breaks in quotes, and double each quote "
            "inside");
  }
  if (fields.size() != columns_.size()) {
    refuse_row("wrong_columns",
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
    refuse_row("bad_prompt", "it has a prompt and prompt_ids: give one of them");
  } else {
    take_prompt_ids(object[kPromptIds], kPromptIds, row);
  }
  if (is_about_prompt(kSpecials)) take_specials(object, row);
  std::vector<std::string> unclear;
  for (const auto& [name, value] : object.items()) {
    if (name == prompt_name_ || name == id_name_ || is_about_prompt(name)) continue;
    if (kind_of(name, fields_) == FieldKind::kUnclear) unclear.push_back(name);
  }
  if (!unclear.empty()) refuse_row(kUnclearField, unclear_fields(unclear, fields_, false));
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
