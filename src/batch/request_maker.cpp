// The checks that need settings and tokens.
#include "batch/request_maker.h"

#include "engine/sequence.h"
#include "engine/settings.h"
#include "medgen/error.h"

namespace medgen::batch {

void RequestMaker::make(BatchRow& row, Request& request) const {
  if (row.error) return;
  const char* code = "bad_setting";
  try {
    if (row.settings.contains("n") && row.settings.contains("num_return_sequences")) {
      throw Error(ErrorCode::kUsage,
                  "n and num_return_sequences are two names of one setting: give one of them");
    }
    const DecodingSettings& base = row.form == RowForm::kOpenAi ? openai : plain;
    DecodingSettings settings = row.settings.empty() ? base : make_settings(row.settings, base);
    check_token_ids(settings.sampling, settings.stopping, vocab_size);
    resolve_texts(settings.sampling, *tokenizer);
    request.id = row.key;
    request.num_return_sequences = settings.num_return_sequences;
    request.sampling = std::move(settings.sampling);
    request.stopping = std::move(settings.stopping);
    code = "bad_prompt";
    request.prompt = encode(row.prompt, request.stopping);
    const bool too_long = static_cast<int>(request.prompt.size()) > n_positions;
    code = too_long || new_token_limit(request) < 1 ? "prompt_too_long" : "bad_setting";
    BackendInfo model;
    model.n_positions = n_positions;
    model.vocab_size = vocab_size;
    model.max_slots = max_slots;
    validate(request, "the prompt", model, *tokenizer);
  } catch (const Error& error) {
    row.error = RowError{code, error.what()};
  }
}

}  // namespace medgen::batch
