// The loop of continuous batching; see scheduler.h. A step has two halves: while the backend's
// logits are valid every token is drawn; only then are sequences advanced and slots handed on.
#include "engine/scheduler.h"

#include <algorithm>
#include <utility>

#include "medgen/error.h"

namespace medgen {

Scheduler::Scheduler(Backend& backend, const Tokenizer& tokenizer,
                     const std::vector<Request>& requests, GenerationObserver& observer,
                     const GenerateOptions& options)
    : backend_(backend),
      tokenizer_(tokenizer),
      requests_(requests),
      observer_(observer),
      options_(options) {}

Scheduler::~Scheduler() {
  try {
    while (!slots_.empty()) release_slot(slots_.back());
  } catch (...) {
    // The exception under way says what went wrong; a backend that fails here has nothing to add.
  }
}

void Scheduler::run() {
  while (!interrupted()) {
    fill_free_slots();
    if (running_.empty() && prefilling_.empty()) return;
    step();
  }
  for (const Running& running : running_) running.sequence->interrupt();
}

bool Scheduler::interrupted() const {
  return options_.interrupted != nullptr && options_.interrupted->load(std::memory_order_relaxed);
}

// Samples of prompts that are prefilled come first: they cost nothing to start.
void Scheduler::fill_free_slots() {
  while (static_cast<int>(slots_.size()) < backend_.info().max_slots) {
    while (!waiting_.empty() && !waiting_.front()->waits()) waiting_.pop_front();
    if (!waiting_.empty()) {
      const std::shared_ptr<Prompt> prompt = waiting_.front();
      const int from = slot_that_begins_with(*prompt);
      const int slot = acquire_slot();
      backend_.share_cache(from, slot, prompt->size());
      start_sample(prompt, slot);
    } else if (next_request_ < requests_.size()) {
      auto prompt = std::make_shared<Prompt>();
      prompt->request = &requests_[next_request_++];
      prompt->slot = acquire_slot();
      prefilling_.push_back(std::move(prompt));
    } else {
      return;
    }
  }
}

void Scheduler::step() {
  rows_.clear();
  add_decode_rows();
  add_prefill_rows();
  const std::vector<Draw> draws = read_logits(backend_.step(rows_));
  advance_running(draws);
  start_prefilled();
}

void Scheduler::add_decode_rows() {
  for (const Running& running : running_) {
    rows_.push_back({.slot = running.slot,
                     .token = running.sequence->last_token(),
                     .position = running.sequence->last_position(),
                     .want_logits = true});
  }
}

void Scheduler::add_prefill_rows() {
  int budget = options_.prefill_chunk;
  for (const std::shared_ptr<Prompt>& prompt : prefilling_) {
    for (; budget > 0 && prompt->prefilled < prompt->size(); --budget, ++prompt->prefilled) {
      rows_.push_back(
          {.slot = prompt->slot,
           .token = prompt->request->prompt[static_cast<std::size_t>(prompt->prefilled)],
           .position = prompt->prefilled,
           .want_logits = prompt->prefilled + 1 == prompt->size()});
    }
  }
}

// A draw for each running sequence; the logits of prompts that are now prefilled are kept.
std::vector<Draw> Scheduler::read_logits(std::span<const float> logits) {
  const auto width = static_cast<std::size_t>(backend_.info().vocab_size);
  // A model may be wider than its tokenizer; what has no text is never drawn.
  const auto vocab = std::min(width, static_cast<std::size_t>(tokenizer_.vocab_size()));
  std::size_t row = 0;
  const auto next_row = [&] { return logits.subspan(width * row++, width).first(vocab); };
  std::vector<Draw> draws;
  for (const Running& running : running_) draws.push_back(draw(next_row(), *running.sequence));
  for (const std::shared_ptr<Prompt>& prompt : prefilling_) {
    if (prompt->prefilled < prompt->size()) break;
    const auto last = next_row();
    prompt->logits.assign(last.begin(), last.end());
  }
  return draws;
}

Draw Scheduler::draw(std::span<const float> logits, const Sequence& sequence) {
  return sampler_.sample(logits, sequence.request().sampling, sequence.coin());
}

void Scheduler::advance_running(const std::vector<Draw>& draws) {
  std::vector<Running> before = std::exchange(running_, {});
  for (std::size_t i = 0; i < before.size(); ++i) {
    Running& running = before[i];
    if (running.sequence->advance(draws[i])) {
      running_.push_back(std::move(running));
    } else if (running.prompt->waits()) {
      backend_.truncate_cache(running.slot, running.prompt->size());
      start_sample(running.prompt, running.slot);
    } else {
      release_slot(running.slot);
    }
  }
}

void Scheduler::start_prefilled() {
  const auto is_prefilled = [](const auto& prompt) { return prompt->prefilled == prompt->size(); };
  const auto first_unready = std::find_if_not(prefilling_.begin(), prefilling_.end(), is_prefilled);
  for (auto prompt = prefilling_.begin(); prompt != first_unready; ++prompt) {
    start_sample(*prompt, (*prompt)->slot);
    if ((*prompt)->waits()) waiting_.push_back(*prompt);
  }
  prefilling_.erase(prefilling_.begin(), first_unready);
}

// Starts the next sample in a slot that holds exactly the prompt. One that ends with its first
// token leaves the slot as it was, for the one after it.
void Scheduler::start_sample(const std::shared_ptr<Prompt>& prompt, int slot) {
  while (prompt->waits()) {
    auto sequence = std::make_unique<Sequence>(*prompt->request, prompt->started++, tokenizer_,
                                               backend_.info().n_positions, observer_);
    const Draw first = draw(prompt->logits, *sequence);
    if (!prompt->waits()) prompt->logits = {};
    if (sequence->advance(first)) {
      running_.push_back({prompt, slot, std::move(sequence)});
      return;
    }
  }
  release_slot(slot);
}

// There is one while samples wait, since a finished sample hands its slot to the next.
int Scheduler::slot_that_begins_with(const Prompt& prompt) const {
  const auto source = std::find_if(running_.begin(), running_.end(), [&](const Running& running) {
    return running.prompt.get() == &prompt;
  });
  if (source == running_.end()) {
    throw Error(ErrorCode::kRuntime,
                "the scheduler lost a prompt's cache; this is a bug in medgen");
  }
  return source->slot;
}

int Scheduler::acquire_slot() {
  slots_.push_back(backend_.acquire_slot());
  return slots_.back();
}

void Scheduler::release_slot(int slot) {
  std::erase(slots_, slot);
  backend_.release_slot(slot);
}

}  // namespace medgen
