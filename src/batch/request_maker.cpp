// The checks that need settings and tokens.
#include "batch/request_maker.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "batch/row_settings.h"
#include "engine/sequence.h"
#include "engine/settings.h"
#include "medgen/error.h"

namespace medgen::batch {
namespace {

void refuse_own_settings(const BatchRow& row) {
  if (row.settings.empty() && row.form == RowForm::kPlain) return;
  throw Error(ErrorCode::kUsage,
              "it has settings of its own, but all prompts are run with the same ones here: "
              "give a row with an id and a prompt only");
}

}  // namespace

engine::ValidSettings RequestMaker::settings_of(const BatchRow& row) const {
  if (row.settings.contains("n") && row.settings.contains("num_return_sequences")) {
    throw Error(ErrorCode::kUsage,
                "n and num_return_sequences are two names for one setting: give one of them");
  }
  check_ceilings(row.settings);
  return engine::check_settings(row.settings, row.form == RowForm::kOpenAi ? openai : plain,
                                *tokenizer);
}

void RequestMaker::settle_prompt(BatchRow& row) const {
  if (row.prompt_ids.empty()) {
    if (!row.specials) row.specials = specials;
    return;
  }
  row.specials = false;
  try {
    engine::check_prompt_ids(row.prompt_ids, "prompt_ids", tokenizer->vocab_size());
    row.prompt = tokenizer->decode(row.prompt_ids);
  } catch (const Error& error) {
    row.error = RowError{"bad_prompt", error.what()};
  }
}

std::optional<engine::ValidRequest> RequestMaker::make(BatchRow& row, std::uint64_t tag) const {
  if (!row.error) settle_prompt(row);
  if (!row.error && look) look(row);
  if (row.error) {
    row.error = in_words(*row.error);
    return std::nullopt;
  }
  const char* code = "bad_setting";
  try {
    Request request;
    request.id = row.key;
    request.tag = tag;
    std::optional<engine::ValidSettings> settings;
    if (variants.empty()) {
      settings = settings_of(row);
    } else {
      refuse_own_settings(row);
      for (const NamedSettings& variant : variants) request.variants.push_back(variant.settings);
    }
    code = "bad_prompt";
    request.prompt = encode(row, settings ? (*settings)->stopping : request.stopping, n_positions);
    code = "bad_setting";
    BackendInfo model;
    model.n_positions = n_positions;
    model.vocab_size = vocab_size;
    model.max_slots = max_slots;
    // Asked for only if the prompt is what is refused.
    const auto name = [&](std::size_t i) {
      const StoppingParams& stopping =
          settings ? (*settings)->stopping : variants[i].settings.stopping;
      const std::size_t length = request.prompt.size();
      if (length > static_cast<std::size_t>(n_positions) ||
          engine::new_token_limit(length, stopping) < 1) {
        code = "prompt_too_long";
      }
      return std::string("the prompt") +
             (variants.empty() ? std::string() : " under \"" + variants[i].name + "\"");
    };
    if (settings)
      return engine::check_request(*settings, std::move(request), name, model, *tokenizer);
    return engine::check_request(std::move(request), name, model, *tokenizer);
  } catch (const Error& error) {
    row.error = in_words({code, error.what()});
  }
  return std::nullopt;
}

std::vector<engine::ValidRequest> RequestMaker::make_all(BatchRow& row, std::uint64_t place) const {
  std::vector<engine::ValidRequest> requests;
  if (row.error || row.prompts.empty()) {
    if (auto request = make(row, tag_of(place, 0))) requests.push_back(*std::move(request));
    return requests;
  }
  std::set<std::string> identifiers;
  for (std::size_t i = 0; i < row.prompts.size(); ++i) {
    BatchRow part = row;
    part.prompts.clear();
    part.prompt = row.prompts[i].text;
    part.prompt_ids = row.prompts[i].ids;
    part.key = key_of_prompt(row.key, i);
    auto request = make(part, tag_of(place, i));
    identifiers.insert(part.identifiers.begin(), part.identifiers.end());
    if (!request) {
      row.error = RowError{part.error->code, fmt::format("prompt {} of {}: {}", i + 1,
                                                         row.prompts.size(), part.error->message)};
      requests.clear();
      break;
    }
    row.prompts[i].text = std::move(part.prompt);  // ids written out, or masked
    if (row.prompts[i].ids.empty()) row.specials = part.specials;
    requests.push_back(*std::move(request));
  }
  row.prompt = row.prompts[0].text;
  row.identifiers.assign(identifiers.begin(), identifiers.end());
  return requests;
}

RowError RequestMaker::in_words(const RowError& error) const {
  return {error.code, wording ? wording(error.message) : error.message};
}

}  // namespace medgen::batch
