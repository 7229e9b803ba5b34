// See the header.
#include "jobs/batch_description.h"

#include <fmt/format.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "batch/journal.h"
#include "medgen/version.h"

namespace medgen::jobs {
namespace {

std::string format_name(records::Form form) {
  if (form == records::Form::kCsv) return "csv";
  if (form == records::Form::kRawCsv) return "csv with raw cells";
  return form == records::Form::kText ? "txt" : "jsonl";
}

// The order of names says nothing.
batch::Json sorted(const std::vector<std::string>& names) {
  return std::set<std::string>(names.begin(), names.end());
}

batch::Json input_of(const BatchResolved& job) {
  const batch::InputOptions& options = job.asked.input;
  batch::Json input{{"source", batch::is_standard_input(options) ? "standard input" : "files"}};
  if (job.survey) {
    input["rows"] = job.survey->rows;
    input["hash"] = job.survey->hash;
  }
  input["prompt_column"] = options.columns.prompt.value_or("prompt");
  input["id_column"] = options.columns.id.value_or("id");
  if (options.limit != batch::InputOptions().limit) input["limit"] = options.limit;
  if (options.skip_blank) input["skip_blank"] = true;
  if (options.form.separator) input["delimiter"] = std::string(1, *options.form.separator);
  if (options.form.separator_of_header) input["delimiter"] = "auto";
  if (options.form.encoding != base::Encoding::kUtf8) {
    input["encoding"] = base::name_of(options.form.encoding);
  }
  // Where nothing was chosen the job is as it was before there was a choice.
  const batch::FieldChoice& fields = options.columns.fields;
  if (fields.all_act) input["row_settings"] = "all";
  if (!fields.acting.empty()) input["row_settings"] = sorted(fields.acting);
  if (!fields.carried.empty()) input["carry"] = sorted(fields.carried);
  return input;
}

}  // namespace

batch::Json describe(const BatchResolved& job, const std::string& backend,
                     const std::string& precision) {
  const batch::InputOptions& input = job.asked.input;
  batch::Json all;
  all["input"] = input_of(job);
  all["model"] = batch::Json{{"name", job.model.name},
                             {"sha256", job.model.sha256},
                             {"backend", backend},
                             {"precision", precision}};
  all["settings"] = job.settings;
  all["trust_ids"] = input.trust_ids;
  if (!job.variants.empty()) {
    // Beside the settings, where the order does not count.
    for (const batch::NamedSettings& variant : job.variants) {
      all["variants"].push_back(variant.name);
    }
    all["lines_per_row"] = job.variants.size();
  }
  all["format"] = format_name(job.asked.form);
  if (records::is_table(job.asked.form)) {
    all["columns"] =
        job.columns.together ? batch::Json("carried") : batch::Json(job.columns.carried);
  }
  all["order"] = job.asked.in_order ? "input" : "as finished";
  all["shard"] = fmt::format("{}/{}", input.shard.index, input.shard.count);
  all["medgen"] = std::string(version());
  return batch::without_prompts(std::move(all));
}

}  // namespace medgen::jobs
