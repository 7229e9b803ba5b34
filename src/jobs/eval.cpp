// See the header.
#include "jobs/eval.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/count_of.h"
#include "medgen/error.h"

namespace medgen::jobs {
namespace {

using Json = nlohmann::ordered_json;

// Enough has been read.
struct LimitReached {};

// What precedes a document: as in training, where one begins after the end of another.
std::optional<TokenId> prefix_of(const ModelFiles& model) {
  if (model.prompt_prefix) return model.prompt_prefix;
  if (model.config.bos_token_id) return model.config.bos_token_id;
  return model.tokenizer->bos_id() ? model.tokenizer->bos_id() : model.tokenizer->eos_id();
}

std::function<void(std::uint64_t)> progress_of(const EvalAsked& asked, const char* what) {
  return [&asked, what](std::uint64_t count) {
    if (asked.progress) asked.progress(what, count);
  };
}

EvaluatedText evaluate_text(const EvalAsked& asked, const ModelFiles& model, Backend& backend) {
  EvaluatedText result;
  research::TextEvaluationOptions options;
  options.stride = asked.stride;
  options.prefix = prefix_of(model);
  options.progress = progress_of(asked, "document");
  options.windows = asked.windows;
  options.calibration = asked.calibration;
  result.packed = options.windows == research::Windows::kPacked;
  result.has_prefix = options.prefix.has_value();
  research::TextEvaluator evaluator(backend, *model.tokenizer, options);
  std::uint64_t documents = 0;
  corpus::ReadOptions read;
  read.text_field = asked.text_field;
  for (const auto& file : asked.data) {
    read.on_bad = [&](const corpus::BadRecord& bad) {
      ++result.bad_records;
      if (asked.on_bad) asked.on_bad(file, bad);
    };
    try {
      corpus::read_documents(
          file,
          [&](corpus::Document&& document) {
            if (asked.limit && documents == *asked.limit) throw LimitReached{};
            ++documents;
            evaluator.add(document);
          },
          read);
    } catch (const LimitReached&) {
      break;
    }
  }
  result.evaluation = evaluator.finish();
  if (result.evaluation.all.tokens == 0) {
    throw Error(
        ErrorCode::kRuntime,
        fmt::format("there is no text to evaluate: {} read, {} skipped; a file is read as JSON "
                    "lines unless its name ends in .csv or .txt",
                    base::count_of(documents, "document"),
                    base::count_of(result.bad_records, "record")));
  }
  if (asked.calibration) {
    result.calibration = research::calibration_of(result.evaluation.calibration);
  }
  return result;
}

}  // namespace

EvalResult evaluate(const EvalAsked& asked) {
  // Inputs are read before the model is loaded, which takes longer.
  std::vector<research::ChoiceItem> items;
  if (asked.choices) items = research::read_choices(*asked.choices);
  if (asked.limit && items.size() > *asked.limit) items.resize(*asked.limit);
  const ModelFiles model = open_model(asked.model, asked.tokenizer);
  const auto backend = open_backend(model, asked.backend);
  if (asked.loaded) asked.loaded();
  EvalResult result;
  result.model_name = model.name;
  result.model_sha256 = model.sha256;
  result.context = backend->info().n_positions;
  if (!asked.data.empty()) result.text = evaluate_text(asked, model, *backend);
  if (!asked.choices) return result;
  research::ChoiceOptions options;
  if (asked.form) options.form = *asked.form;
  options.prefix = prefix_of(model);
  options.shots = asked.shots;
  options.seed = asked.seed;
  options.progress = progress_of(asked, "item");
  result.choices = research::evaluate_choices(*backend, *model.tokenizer, items, options);
  result.form = options.form;
  result.shots = options.shots;
  return result;
}

ComparedResult compare_models(const EvalAsked& asked) {
  ComparedResult result;
  EvalAsked one = asked;
  one.loaded = nullptr;  // the other is not yet
  result.first = evaluate(one);
  EvalAsked other = asked;
  other.model = asked.compare;
  other.tokenizer = std::nullopt;
  result.second = evaluate(other);
  if (result.first.text) {
    result.text =
        research::compare_texts(result.first.text->evaluation, result.second.text->evaluation);
  }
  if (result.first.choices) {
    const research::ChoiceEvaluation &a = *result.first.choices, &b = *result.second.choices;
    result.choices = research::compare_choices(a, b, &research::ItemScore::right);
    result.choices_normalized =
        research::compare_choices(a, b, &research::ItemScore::right_normalized);
  }
  return result;
}

std::string items_jsonl(const EvalResult& result) {
  std::string lines;
  const auto add = [&](const Json& line) {
    lines += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  };
  std::size_t number = 0;
  if (result.text) {
    const research::TextEvaluation& evaluation = result.text->evaluation;
    for (const research::DocumentScore& document : evaluation.documents) {
      add({{"document", ++number},
           {"source", evaluation.sources[document.source]},
           {"logprob", -document.nats},
           {"tokens", document.tokens},
           {"bytes", document.bytes},
           {"words", document.words}});
    }
  }
  number = 0;
  if (!result.choices) return lines;
  for (const research::ItemScore& item : result.choices->items) {
    Json line = {{"item", ++number}};
    if (!item.type.empty()) line["type"] = item.type;
    line.update({{"logprobs", item.logprobs},
                 {"answer", item.answer},
                 {"chosen", item.chosen},
                 {"chosen_normalized", item.chosen_normalized}});
    add(line);
  }
  return lines;
}

}  // namespace medgen::jobs
