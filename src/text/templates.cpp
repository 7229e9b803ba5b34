// Task templates: text from outside to structs, and the user's words into their place.
// See medgen/templates.h.
#include "medgen/templates.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "medgen/error.h"
#include "text/never_say.h"

namespace medgen {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestPart = 4096;  // bytes

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::kModel, message); }

std::string text_member(const json& object, const char* key, const std::string& where) {
  const auto entry = object.find(key);
  if (entry == object.end() || !entry->is_string() ||
      entry->get_ref<const std::string&>().size() > kLongestPart ||
      entry->get_ref<const std::string&>().find('\0') != std::string::npos) {
    fail(where + ": \"" + key + "\" must be a text of at most 4096 bytes");
  }
  return entry->get<std::string>();
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  return text;
}

// The notice says what the text is not; it must not read like a verdict itself.
void check_notice(const std::string& notice, const std::string& where) {
  if (notice.empty() || notice.find('\n') != std::string::npos) {
    fail(where + ": \"notice\" must be one line of text that is not empty");
  }
  for (const char* word : {"diagnosis", "recommended"}) {
    if (lower(notice).find(word) != std::string::npos) {
      fail(where + ": \"notice\" says \"" + word +
           "\"; a notice must not read as a verdict, so reword it");
    }
  }
}

// An optional list.
std::vector<std::string> texts_member(const json& object, const char* key,
                                      const std::string& where) {
  std::vector<std::string> texts;
  const auto list = object.find(key);
  if (list == object.end()) return texts;
  const std::string allowed =
      where + ": \"" + key + "\" must be a list of at most 100 texts, none empty";
  if (!list->is_array() || list->size() > 100) fail(allowed);
  for (const json& entry : *list) {
    if (!entry.is_string() || entry.get_ref<const std::string&>().empty()) fail(allowed);
    texts.push_back(entry.get<std::string>());
  }
  return texts;
}

TaskTemplate parse_task(const json& object, const std::string& where) {
  if (!object.is_object()) fail(where + " must be an object");
  for (const auto& [key, value] : object.items()) {
    if (key != "prefix" && key != "suffix" && key != "stop" && key != "bad_words" &&
        key != "never_say" && key != "notice" && key != "specials") {
      fail(where + ": unknown key \"" + key +
           "\"; the keys are \"prefix\", \"suffix\", \"stop\", \"bad_words\", \"never_say\", "
           "\"notice\" and \"specials\"");
    }
  }
  TaskTemplate task;
  task.prefix = text_member(object, "prefix", where);
  task.suffix = text_member(object, "suffix", where);
  task.notice = text_member(object, "notice", where);
  check_notice(task.notice, where);
  task.stop = texts_member(object, "stop", where);
  task.bad_words = texts_member(object, "bad_words", where);
  task.never_say = texts_member(object, "never_say", where);
  for (std::size_t i = 0; i < task.never_say.size(); ++i) {
    const std::string fault = text::never_say_fault(task.never_say[i]);
    if (!fault.empty()) fail(where + ": \"never_say\" number " + std::to_string(i + 1) + fault);
  }
  if (const auto specials = object.find("specials"); specials != object.end()) {
    if (!specials->is_boolean()) fail(where + ": \"specials\" must be true or false");
    task.specials = specials->get<bool>();
  }
  return task;
}

bool is_known(const std::string& task) {
  const auto& names = task_names();
  return std::find(names.begin(), names.end(), task) != names.end();
}

std::string_view trimmed(std::string_view text) {
  constexpr const char* kBlanks = " \t\r\n";
  const std::size_t begin = std::min(text.find_first_not_of(kBlanks), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

}  // namespace

const std::vector<std::string>& task_names() {
  static const std::vector<std::string> names = {"symptoms", "conditions", "medication", "advice"};
  return names;
}

Templates parse_templates(std::string_view text, const std::string& source) {
  const json object = base::parse_json<json>(text);
  if (object.is_discarded()) fail(source + " is " + base::json_fault(text, "not a JSON object"));
  if (!object.is_object()) fail(source + " is not a JSON object");
  const auto version = object.find("format_version");
  if (version == object.end() || *version != 1) {
    fail(source + ": \"format_version\" must be 1, the format this medgen reads");
  }
  const auto tasks = object.find("tasks");
  if (tasks == object.end() || !tasks->is_object() || tasks->empty()) {
    fail(source + ": \"tasks\" must be an object with at least one task");
  }
  Templates templates;
  for (const auto& [name, task] : tasks->items()) {
    if (!is_known(name)) {
      fail(source + ": unknown task \"" + name +
           "\"; the tasks are symptoms, conditions, medication and advice");
    }
    templates[name] = parse_task(task, source + ": task " + name);
  }
  return templates;
}

const TaskTemplate& find_template(const Templates& templates, const std::string& task) {
  const auto found = templates.find(task);
  if (found != templates.end()) return found->second;
  std::string there;
  for (const auto& [name, unused] : templates) there += (there.empty() ? "" : ", ") + name;
  throw Error(ErrorCode::kUsage,
              "the model has no form for the task " + task + "; " +
                  (there.empty() ? "it has none at all: give a file of them as `templates`"
                                 : "it has forms for: " + there));
}

std::string fill(const TaskTemplate& task, std::string_view words) {
  if (task.prefix.empty() && task.suffix.empty()) return std::string(words);
  words = trimmed(words);
  if (words.empty()) {
    throw Error(ErrorCode::kUsage, "this task needs words to go into its form: give a text");
  }
  // Training never had "What is ibuprofen. used for?", but it had the ends of paragraphs.
  const bool goes_on = !task.suffix.empty() && task.suffix.front() != '\n';
  if (goes_on && (words.ends_with('.') || words.ends_with('?'))) words.remove_suffix(1);
  std::string text = task.prefix;
  text.append(words);
  return text + task.suffix;
}

}  // namespace medgen
