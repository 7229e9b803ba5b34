// The checks that need settings and tokens.
#include "batch/request_maker.h"

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

void RequestMaker::take_settings(const BatchRow& row, Request& request) const {
  if (!variants.empty()) {
    refuse_own_settings(row);
    for (const NamedSettings& variant : variants) request.variants.push_back(variant.settings);
    return;
  }
  if (row.settings.contains("n") && row.settings.contains("num_return_sequences")) {
    throw Error(ErrorCode::kUsage,
                "n and num_return_sequences are two names for one setting: give one of them");
  }
  const DecodingSettings& base = row.form == RowForm::kOpenAi ? openai : plain;
  DecodingSettings settings =
      row.settings.empty() ? base : engine::make_settings(row.settings, base);
  engine::check_token_ids(settings.sampling, settings.stopping, vocab_size);
  engine::resolve_texts(settings.sampling, *tokenizer);
  request.num_return_sequences = settings.num_return_sequences;
  request.sampling = std::move(settings.sampling);
  request.stopping = std::move(settings.stopping);
}

void RequestMaker::make(BatchRow& row, Request& request) const {
  if (row.error) return;
  const char* code = "bad_setting";
  try {
    request.id = row.key;
    take_settings(row, request);
    code = "bad_prompt";
    request.prompt = encode(row.prompt, request.stopping, n_positions);
    BackendInfo model;
    model.n_positions = n_positions;
    model.vocab_size = vocab_size;
    model.max_slots = max_slots;
    const std::vector<Request> all = engine::split_variants(request);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const bool too_long = static_cast<int>(request.prompt.size()) > n_positions;
      code = too_long || engine::new_token_limit(all[i]) < 1 ? "prompt_too_long" : "bad_setting";
      const std::string name = variants.empty() ? "" : " under \"" + variants[i].name + "\"";
      validate(all[i], "the prompt" + name, model, *tokenizer);
    }
  } catch (const Error& error) {
    row.error = RowError{code, error.what()};
  }
}

}  // namespace medgen::batch
