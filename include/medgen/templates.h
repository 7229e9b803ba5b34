// The forms that a model was trained on, by task: what goes before and after the user's words, so
// that the continuation stays on the task. A bundle may hold them as templates.json.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "medgen/export.h"

namespace medgen {

struct TaskTemplate {
  std::string prefix;                  // goes before the user's words
  std::string suffix;                  // and after them
  std::vector<std::string> stop;       // strings that end a continuation
  std::vector<std::string> bad_words;  // as SamplingParams::bad_words_texts
  std::vector<std::string> never_say;  // texts that never appear in a continuation
  std::string notice;                  // one line, shown to the continuation's reader
  bool specials = false;               // special tokens in prefix and suffix are read as such
};

// "symptoms", "conditions", "medication", "advice": see task_names().
using Templates = std::map<std::string, TaskTemplate>;

MEDGEN_API const std::vector<std::string>& task_names();

// Reads {"format_version": 1, "tasks": {NAME: {"prefix", "suffix", "stop", "bad_words",
// "never_say", "notice", "specials"}}}; all lists and "specials" are optional. `source` names the
// text in messages. Throws Error(kModel) naming the task, the key and what is allowed; a notice
// that says "diagnosis" or "recommended" is refused.
MEDGEN_API Templates parse_templates(std::string_view json, const std::string& source);

// The template of a task. If there is none, throws Error(kUsage) that names the existing ones.
MEDGEN_API const TaskTemplate& find_template(const Templates& templates, const std::string& task);

// Prefix, words and suffix. A trailing full stop of the words is dropped before a suffix,
// and so are spaces around the words, unless the template adds nothing. Throws Error(kUsage) if the
// words are empty but the template needs them.
MEDGEN_API std::string fill(const TaskTemplate& task, std::string_view words);

}  // namespace medgen
