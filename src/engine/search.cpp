// See search.h. Beam search itself is in beam_search.cpp; here is guidance, and the choice.
#include "engine/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/beam_search.h"
#include "engine/sequence.h"
#include "engine/slots.h"
#include "medgen/error.h"

namespace medgen::engine {
namespace {

std::vector<TokenId> negative_prompt(const Request& request) {
  const auto& ids = request.sampling.negative_prompt_ids;
  return ids.empty() ? std::vector<TokenId>{request.prompt.back()} : ids;
}

// One sample after another: its own context in a slot, the negative one in another, both cut back
// to their prompts for the next.
void guided(Backend& backend, const Tokenizer& tokenizer, const Request& request,
            GenerationObserver& observer, const std::function<bool()>& interrupted) {
  const std::vector<TokenId> negative = negative_prompt(request);
  const auto vocab = static_cast<std::size_t>(tokenizer.vocab_size());
  const auto width = static_cast<std::size_t>(backend.info().vocab_size);
  Slots slots(backend);
  const int own = slots.acquire();
  const int other = slots.acquire();
  const std::vector<float> first = prefill(backend, own, request.prompt, vocab);
  const std::vector<float> first_negative = prefill(backend, other, negative, vocab);
  const int longer = std::max(0, static_cast<int>(negative.size() - request.prompt.size()));
  const int shift = static_cast<int>(negative.size()) - static_cast<int>(request.prompt.size());
  Sampler sampler;
  for (int i = 0; i < request.num_return_sequences; ++i) {
    if (i > 0) {
      backend.truncate_cache(own, static_cast<int>(request.prompt.size()));
      backend.truncate_cache(other, static_cast<int>(negative.size()));
    }
    Sequence sequence(request, i, tokenizer, backend.info().n_positions - longer, observer);
    int cached = static_cast<int>(request.prompt.size());  // in the own slot
    bool running = true;
    while (running) {
      if (sequence.num_tokens() == 0) {
        running = sequence.advance(sequence.draw(sampler, first, first_negative));
        continue;
      }
      if (interrupted()) return sequence.interrupt();
      if (cached > sequence.last_position()) {  // it went back, for never_say
        backend.truncate_cache(own, sequence.last_position());
        backend.truncate_cache(other, sequence.last_position() + shift);
      }
      cached = sequence.last_position() + 1;
      const Row rows[] = {{own, sequence.last_token(), sequence.last_position(), true},
                          {other, sequence.last_token(), sequence.last_position() + shift, true}};
      const auto logits = backend.step(rows);
      running = sequence.advance(
          sequence.draw(sampler, logits.first(vocab), logits.subspan(width, vocab)));
    }
  }
}

bool is_guided(const Request& request) { return request.sampling.guidance_scale != 1; }

}  // namespace

bool needs_search(const Request& request) {
  return request.sampling.num_beams > 1 || is_guided(request);
}

void check_search(const Request& request, const BackendInfo& model) {
  const int beams = request.sampling.num_beams;
  const int wanted = is_guided(request) ? 2 : beams;
  if (needs_search(request) && wanted > model.max_slots) {
    throw Error(
        ErrorCode::kUsage,
        fmt::format("{} needs {} slots; the model has {}: ask for fewer beams",
                    is_guided(request) ? "guidance" : "num-beams", wanted, model.max_slots));
  }
  const std::size_t negative = request.sampling.negative_prompt_ids.size();
  if (negative > static_cast<std::size_t>(model.n_positions)) {
    throw Error(
        ErrorCode::kUsage,
        fmt::format(
            "the negative prompt is {} tokens long, the model's context only {}; shorten it",
            negative, model.n_positions));
  }
}

void search(Backend& backend, const Tokenizer& tokenizer, const Request& request,
            GenerationObserver& observer, const std::function<bool()>& interrupted) {
  if (request.sampling.num_beams > 1) {
    beam_search(backend, tokenizer, request, observer, interrupted);
  } else {
    guided(backend, tokenizer, request, observer, interrupted);
  }
}

}  // namespace medgen::engine
