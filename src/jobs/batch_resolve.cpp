// From what was asked to what is left to do.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "base/random.h"
#include "base/refuse.h"
#include "jobs/batch_description.h"
#include "jobs/batch_job.h"
#include "jobs/batch_slots.h"

namespace medgen::jobs {
namespace {

namespace fs = std::filesystem;

// The defaults of OpenAI's form: 16 tokens, one continuation, temperature 1.
DecodingSettings openai_settings(const engine::SettingsJson& given, const DecodingSettings& plain) {
  engine::SettingsJson defaults = {{"n", 1}, {"temperature", 1.0}, {"top_p", 1.0}, {"top_k", 0}};
  if (!given.contains("max_length")) defaults["max_new_tokens"] = 16;
  for (const char* name : {"n", "num_return_sequences"}) {
    if (given.contains(name)) defaults.erase("n");
  }
  const SamplingParams& p = plain.sampling;
  if (p.num_beams > 1 && !p.beam_sample) defaults.erase("temperature");  // nothing is drawn
  for (const auto& [name, value] : given.items()) defaults[name] = value;
  return engine::make_settings(defaults, plain);
}

std::vector<TokenId> last_tokens_that_fit(std::vector<TokenId> tokens, int n_positions,
                                          const StoppingParams& stopping) {
  const int kept = kept_prompt_tokens(static_cast<int>(tokens.size()), n_positions, stopping);
  tokens.erase(tokens.begin(), tokens.end() - kept);
  return tokens;
}

// Finds the model and what its rows start from.
void find_model(BatchResolved& job) {
  const BatchAsked& asked = job.asked;
  job.model = open_model(asked.model, asked.tokenizer);
  batch::RequestMaker& maker = job.maker;
  maker.plain = engine::settings_for(asked.settings, job.model.defaults, engine::NameStyle::kFlags);
  maker.openai = openai_settings(asked.settings, maker.plain);
  maker.tokenizer = job.model.tokenizer.get();
  maker.vocab_size = std::max(job.model.config.vocab_size, maker.tokenizer->vocab_size());
  maker.n_positions = job.model.config.n_positions;
  maker.max_slots = asked.slots.value_or(automatic_slots(job.model.config));
  maker.wording = asked.wording;
  if (asked.identifiers != nullptr) asked.identifiers->watch_prompts(maker);
  maker.specials = asked.specials;
  maker.encode = [model = job.model, truncate = asked.truncate_prompt](
                     const batch::BatchRow& row, const StoppingParams& stopping, int n_positions) {
    const Specials specials = row.specials.value_or(false) ? Specials::kParse : Specials::kAsText;
    std::vector<TokenId> tokens =
        row.prompt_ids.empty() ? prompt_tokens(model, row.prompt, specials) : row.prompt_ids;
    return truncate ? last_tokens_that_fit(std::move(tokens), n_positions, stopping) : tokens;
  };
  if (!asked.variants) return;
  job.variants = asked.variants(maker.plain, *maker.tokenizer);
  maker.variants = job.variants;
  for (batch::NamedSettings& variant : maker.variants) {
    if (!variant.settings.sampling.logprobs) variant.settings.sampling.logprobs = 0;  // for entropy
  }
}

// The user's, that of the job that was begun, or a new one.
std::uint64_t chosen_seed(const BatchResolved& job) {
  if (job.seed_given()) return job.seed();
  if (job.found() != nullptr) {
    const batch::Json& before = job.found()->job;
    if (before.contains("settings") && before["settings"].contains("seed")) {
      return before["settings"]["seed"].get<std::uint64_t>();
    }
  }
  return base::system_seed();
}

void add_identifiers(BatchResolved& job) {
  const RowIdentifiers* identifiers = job.asked.identifiers;
  if (identifiers == nullptr || !identifiers->looks()) return;
  job.settings["identifiers"] = safety::name_of(identifiers->action());
}

void set_seed(BatchResolved& job, std::uint64_t seed) {
  job.maker.plain.sampling.seed = seed;
  job.maker.openai.sampling.seed = seed;
  for (batch::NamedSettings& variant : job.variants) variant.settings.sampling.seed = seed;
  if (job.variants.empty()) {
    job.settings = engine::settings_json(job.maker.plain);
    job.settings["seed"] = seed;
    job.settings["openai"] = engine::settings_json(job.maker.openai);
    job.settings["truncate_prompt"] = job.asked.truncate_prompt;
    if (job.asked.specials) job.settings["specials"] = true;
    add_identifiers(job);
    return;
  }
  job.settings = batch::Json{{"seed", seed}, {"variants", batch::Json::object()}};
  if (job.asked.specials) job.settings["specials"] = true;
  add_identifiers(job);
  for (batch::NamedSettings& variant : job.maker.variants) {
    variant.settings.sampling.seed = seed;
    job.settings["variants"][variant.name] = engine::settings_json(variant.settings);
  }
}

void refuse_useless_inputs(const BatchAsked& asked) {
  for (const std::string& name : asked.input.names) {
    std::error_code ignored;
    if (!asked.output.empty() && fs::equivalent(name, asked.output, ignored)) {
      base::refuse(name + " is both input and output: choose another output");
    }
    // The rows are looked through first, and then read again.
    if (fs::is_fifo(name, ignored)) {
      base::refuse(name +
                   " is a pipe, and a batch reads its input twice: give a file, or the pipe "
                   "as standard input, named -");
    }
  }
}

void open_output(BatchResolved& job) {
  const BatchAsked& asked = job.asked;
  refuse_useless_inputs(asked);
  if (asked.output.empty()) return;
  if (!asked.retry_errors) {
    job.file = std::make_unique<batch::OutputFile>(asked.output, asked.restart);
    return;
  }
  batch::mend_retry(asked.output);
  job.file = std::make_unique<batch::OutputFile>(asked.output, /*restart=*/false);
  job.file->require_this_format();
  if (job.found() == nullptr || !job.found()->committed.done) {
    base::refuse(asked.output.string() +
                 " is not a complete batch: give the command without `retry_errors` to complete it "
                 "first");
  }
}

// The name and precision of the back end that the job was begun with; checked once it is loaded.
std::string part_of_model(const BatchResolved& job, const char* key) {
  const batch::Json& before = job.found()->job;
  return before.contains("model") ? before["model"].value(key, std::string()) : std::string();
}

// Whether this medgen or another, whose jobs this one does not continue, has done all of this one.
bool is_complete(const BatchResolved& job, const batch::Json& described) {
  const batch::JournalContent& found = *job.found();
  if (!found.committed.done || !job.survey) return false;
  const auto without_version = [](batch::Json all) {
    if (all.is_object()) all.erase("medgen");
    return all;
  };
  return batch::differences(without_version(found.job), without_version(described)).empty();
}

// What the fields are called that rows carry through, in order of appearance.
class CarriedNames {
 public:
  void add(const batch::BatchRow& row) {
    constexpr std::size_t kMost = 1000;
    for (const records::Field& field : row.extras) {
      if (!seen_.insert(field.name).second) continue;
      if (names_.size() == kMost) {
        base::refuse(fmt::format(
            "rows carry fields of more than {} names, and a table has a column for each: give "
            "`format` jsonl",
            kMost));
      }
      names_.push_back(field.name);
    }
  }
  std::vector<std::string> take() { return std::move(names_); }

 private:
  std::set<std::string> seen_;
  std::vector<std::string> names_;
};

// Surveys the rows of files, and settles the columns of a table.
void look_through(BatchResolved& job, bool continued, const std::atomic<bool>& stop) {
  const BatchAsked& asked = job.asked;
  job.columns.identifiers = asked.identifiers != nullptr && asked.identifiers->looks();
  job.columns.together = batch::is_standard_input(asked.input);
  if (batch::is_standard_input(asked.input)) return;
  batch::InputOptions input = asked.input;
  CarriedNames names;
  if (records::is_table(asked.form)) {
    input.on_row = [&](const batch::BatchRow& row) { names.add(row); };
  }
  // Of a job that is continued the rows were checked when it began.
  job.survey = batch::survey(input, continued ? nullptr : &job.maker, stop);
  job.columns.carried = names.take();
}

BatchLeft survey_rows(BatchResolved& job, const std::atomic<bool>& stop) {
  const BatchAsked& asked = job.asked;
  const bool continued = job.found() != nullptr && !asked.retry_errors;
  look_through(job, continued, stop);
  if (stop) return BatchLeft::kUnknown;
  if (job.survey && job.survey->unclear) base::refuse(*job.survey->unclear);
  if (continued) {
    const batch::Json described =
        describe(job, part_of_model(job, "backend"), part_of_model(job, "precision"));
    if (is_complete(job, described)) return BatchLeft::kNothing;
    job.file->require_this_format();
    job.file->require_same(described);
  }
  const bool too_many = job.survey && asked.max_errors && job.survey->bad > *asked.max_errors;
  return too_many && !asked.retry_errors ? BatchLeft::kTooManyBad : BatchLeft::kRows;
}

}  // namespace

const batch::JournalContent* BatchResolved::found() const {
  return file && file->found() ? &*file->found() : nullptr;
}

BatchResolved resolve(BatchAsked asked, const std::atomic<bool>& stop) {
  BatchResolved job;
  job.asked = std::move(asked);
  find_model(job);
  open_output(job);
  set_seed(job, chosen_seed(job));
  if (job.asked.retry_errors && job.found()->committed.failed == 0) {
    job.left = BatchLeft::kNothing;
  } else {
    job.left = survey_rows(job, stop);
  }
  return job;
}

batch::Survey check_rows(
    BatchAsked asked, const std::atomic<bool>& stop,
    const std::function<void(const batch::BatchRow&, std::uint64_t line)>& on_bad) {
  BatchResolved job;
  job.asked = std::move(asked);
  find_model(job);
  return batch::survey(job.asked.input, &job.maker, stop, on_bad);
}

}  // namespace medgen::jobs
