// See the header.
#include "batch/finished_row.h"

#include <cstddef>
#include <utility>

namespace medgen::batch {
namespace {

records::Record without_texts(const FinishedRow& finished) {
  return {.id = finished.row.id,
          .setting = {},
          .prompt = finished.row.prompt,
          .prompt_ids = finished.row.prompt_ids,
          .specials = finished.row.specials.value_or(false),
          .extras = finished.row.extras,
          .request = finished.request,
          .completions = {},
          .error = finished.row.error};
}

}  // namespace

records::Form form_of(const BatchRow& row, records::Form output) {
  const bool in_kind = row.form == RowForm::kOpenAi && output == records::Form::kJson;
  return in_kind ? records::Form::kOpenAi : output;
}

records::Record record_of(const FinishedRow& finished) {
  records::Record record = without_texts(finished);
  record.completions = finished.completions;
  for (const RowPrompt& prompt : finished.row.prompts) record.prompts.push_back(prompt.text);
  record.more_prompt_tokens = finished.more_prompt_tokens;
  return record;
}

std::vector<records::Record> records_of(const FinishedRow& finished,
                                        const std::vector<NamedSettings>& settings) {
  std::vector<records::Record> all;
  std::size_t next = 0;
  for (const auto& [name, asked] : settings) {
    records::Record& record = all.emplace_back(without_texts(finished));
    record.setting = name;
    record.request.num_return_sequences = asked.num_return_sequences;
    record.request.sampling = asked.sampling;
    record.request.stopping = asked.stopping;
    if (record.error) continue;
    for (int i = 0; i < asked.num_return_sequences; ++i) {
      record.completions.push_back(finished.completions[next++]);
      record.completions.back().index = i;  // within its setting
    }
  }
  return all;
}

}  // namespace medgen::batch
