// The loop of continuous batching; see scheduler.h. A step has two halves: while the backend's
// logits are valid every token is drawn; only then are sequences advanced and slots handed on.
#include "engine/scheduler.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include "engine/search.h"
#include "medgen/error.h"

namespace medgen::engine {

void Scheduler::Part::on_text(std::uint64_t request_id, int index, std::string_view piece) {
  prompt.observer.on_text(request_id, first_index + index, piece);
}

void Scheduler::Part::on_finish(std::uint64_t request_id, const Completion& completion) {
  Completion numbered = completion;
  numbered.index += first_index;
  prompt.observer.on_finish(request_id, numbered);
  if (prompt.cut_short) return;
  std::vector<Completion>& all = prompt.completions;
  all.push_back(std::move(numbered));
  if (static_cast<int>(all.size()) < prompt.total) return;
  std::sort(all.begin(), all.end(),
            [](const Completion& a, const Completion& b) { return a.index < b.index; });
  prompt.observer.on_request_finish(prompt.request, std::move(all));
}

Scheduler::Prompt::Prompt(GenerationObserver& next, ValidRequest asked)
    : observer(next), request(std::move(asked).take()) {
  for (Request& own : split_variants(request)) {
    const int n = own.num_return_sequences;
    const bool searches = needs_search(own);
    (searches ? searched : drawn).emplace_back(*this, std::move(own), total);
    total += n;
    if (!searches) to_draw += n;
  }
}

Scheduler::Sequences Scheduler::Prompt::next_sequences(int most, const Tokenizer& tokenizer,
                                                       int n_positions) {
  Sequences next;
  while (waits() && static_cast<int>(next.size()) < most) {
    if (next_part == drawn.size()) {
      next_part = 0;
      ++next_sample;
      if (!next.empty()) break;
    }
    Part& part = drawn[next_part++];
    if (next_sample >= part.request.num_return_sequences) continue;
    next.push_back(
        std::make_unique<Sequence>(part.request, next_sample, tokenizer, n_positions, part));
    ++started;
  }
  return next;
}

Scheduler::Scheduler(Backend& backend, const Tokenizer& tokenizer, ValidRequestSource& source,
                     GenerationObserver& observer, const GenerateOptions& options)
    : backend_(backend),
      tokenizer_(tokenizer),
      source_(source),
      observer_(observer),
      options_(options) {}

Scheduler::~Scheduler() {
  try {
    while (!slots_.empty()) release_slot(slots_.back());
    log_work();
  } catch (...) {
    // The exception in flight says what went wrong; a backend that fails here has nothing to add.
  }
}

void Scheduler::run() {
  while (!interrupted()) {
    fill_free_slots();
    if (!running_.empty() || !prefilling_.empty()) {
      step();
    } else if (alone_) {
      run_alone();
    } else if (source_ended_) {
      return;
    } else {
      take_request(/*wait=*/true);
    }
  }
  for (const Running& running : running_) running.prompt->cut_short = true;
  for (const Running& running : running_) {
    for (const auto& sequence : running.sequences) sequence->interrupt();
  }
}

bool Scheduler::interrupted() const {
  return options_.interrupted != nullptr && options_.interrupted->load(std::memory_order_relaxed);
}

int Scheduler::max_slots() const { return backend_.info().max_slots; }

// Unclaimed rows of a step: samples of prompts being prefilled will want
// theirs with the next step or the one after.
int Scheduler::free_rows() const {
  int free = max_slots();
  if (options_.max_slots > 0) free = std::min(free, options_.max_slots);
  free -= static_cast<int>(slots_.size());
  for (const PromptPointer& prompt : prefilling_) {
    if (free <= 0) break;
    free -= prompt->to_draw - 1;
  }
  return free;
}

// Neither taken nor reserved.
int Scheduler::free_slots() const {
  return max_slots() - static_cast<int>(slots_.size()) - promised_;
}

void Scheduler::fill_free_slots() {
  while (free_rows() > 0 && free_slots() > 0) {
    while (!waiting_.empty() && !waiting_.front()->waits()) waiting_.pop_front();
    if (!waiting_.empty()) {
      const PromptPointer prompt = waiting_.front();
      const int from = slot_that_begins_with(*prompt);
      const int slot = acquire_slot();
      backend_.share_cache(from, slot, prompt->size());
      start_samples(prompt, slot);
    } else if (alone_ || !take_request(/*wait=*/false)) {
      return;
    }
  }
}

// Takes the next request into prefill; false if there is none now.
bool Scheduler::take_request(bool wait) {
  if (source_ended_) return false;
  std::optional<ValidRequest> request;
  const RequestSource::Next next = source_.next(request, wait);
  source_ended_ = next == RequestSource::Next::kEnd;
  if (next != RequestSource::Next::kRequest) return false;
  if (!request) return true;
  auto prompt = std::make_shared<Prompt>(observer_, *std::move(request));
  if (!prompt->searched.empty()) alone_ = prompt;  // once all others are done
  if (prompt->drawn.empty()) return true;
  prompt->slot = acquire_slot();
  prefilling_.push_back(std::move(prompt));
  return true;
}

// Beams and guidance move whole caches around, in a loop of their own.
void Scheduler::run_alone() {
  const PromptPointer prompt = std::exchange(alone_, nullptr);
  const base::Stopwatch watch;
  const auto stop = [&] { return prompt->cut_short = interrupted(); };
  for (Part& part : prompt->searched) {
    if (prompt->failed || prompt->cut_short) return;
    try {
      search(backend_, tokenizer_, part.request, part, stop);
    } catch (const Error& error) {
      fail(*prompt, error);
    }
  }
  search_time_ += watch.elapsed();
}

void Scheduler::step() {
  const base::Stopwatch watch;
  rows_.clear();
  add_decode_rows();
  Work& work = warm_up_.steps == 0 ? warm_up_ : prefilling_.empty() ? decode_ : prefill_;
  add_prefill_rows();
  work.steps += 1;
  work.rows += static_cast<std::int64_t>(rows_.size());
  const std::vector<Draw> draws = read_logits(backend_.step(rows_));
  advance_running(draws);
  start_prefilled();
  work.time += watch.elapsed();
}

void Scheduler::log_work() const {
  if (!base::logs()) return;
  const auto log = [](base::LogWords what, const Work& work) {
    if (work.steps == 0) return;
    base::log_debug(what, {{"steps", work.steps}, {"rows", work.rows}, {"time", work.time}});
  };
  log("warm-up", warm_up_);
  log("prefill", prefill_);
  log("decode", decode_);
  if (search_time_.count() > 0) base::log_debug("search", {{"time", search_time_}});
}

void Scheduler::add_decode_rows() {
  for (Running& running : running_) {
    const Sequence& sequence = *running.sequences.front();
    const int position = sequence.last_position();
    if (running.cached > position) backend_.truncate_cache(running.slot, position);
    running.cached = position + 1;
    rows_.push_back({.slot = running.slot,
                     .token = sequence.last_token(),
                     .position = position,
                     .want_logits = true});
  }
}

void Scheduler::add_prefill_rows() {
  int budget = options_.prefill_chunk;
  for (const PromptPointer& prompt : prefilling_) {
    for (; budget > 0 && prompt->prefilled < prompt->size(); --budget, ++prompt->prefilled) {
      rows_.push_back({.slot = prompt->slot,
                       .token = prompt->request.prompt[static_cast<std::size_t>(prompt->prefilled)],
                       .position = prompt->prefilled,
                       .want_logits = prompt->prefilled + 1 == prompt->size()});
    }
  }
}

// A draw for each running sequence; the logits of fully prefilled prompts are kept.
std::vector<Draw> Scheduler::read_logits(std::span<const float> logits) {
  const auto width = static_cast<std::size_t>(backend_.info().vocab_size);
  // A model may be wider than its tokenizer; tokens without text are never drawn.
  const auto vocab = std::min(width, static_cast<std::size_t>(tokenizer_.vocab_size()));
  std::size_t row = running_.size();
  const auto row_at = [&](std::size_t i) { return logits.subspan(width * i, width).first(vocab); };
  std::vector<std::pair<std::size_t, const Sequence*>> drawing;  // with the rows of their logits
  for (std::size_t i = 0; i < running_.size(); ++i) {
    for (const auto& sequence : running_[i].sequences) drawing.emplace_back(i, sequence.get());
  }
  std::vector<Draw> draws(drawing.size());
  std::vector<std::exception_ptr> failures(drawing.size());
  samplers_.resize(std::max(samplers_.size(), drawing.size()));
  backend_.parallel(static_cast<int>(drawing.size()), [&](int i) {
    const auto at = static_cast<std::size_t>(i);
    try {
      draws[at] = drawing[at].second->draw(samplers_[at], row_at(drawing[at].first));
    } catch (...) {
      failures[at] = std::current_exception();
    }
  });
  for (std::size_t i = 0; i < failures.size(); ++i) {
    if (!failures[i]) continue;
    try {
      std::rethrow_exception(failures[i]);
    } catch (const Error& error) {
      fail(*running_[drawing[i].first].prompt, error);
    }
  }
  for (const PromptPointer& prompt : prefilling_) {
    if (prompt->prefilled < prompt->size()) break;
    const auto last = row_at(row++);
    prompt->logits.assign(last.begin(), last.end());
  }
  return draws;
}

// Reported once, however many of its sequences cannot continue.
void Scheduler::fail(Prompt& prompt, const Error& error) {
  if (prompt.failed) return;
  prompt.failed = true;
  observer_.on_request_failure(prompt.request, error);
}

// The first token of a sample. If none can be drawn, the prompt has failed and the draw means
// nothing.
Draw Scheduler::draw_first(const Sequence& sequence, Prompt& prompt) {
  if (prompt.failed) return {};
  try {
    samplers_.resize(std::max<std::size_t>(samplers_.size(), 1));
    return sequence.draw(samplers_.front(), prompt.logits);
  } catch (const Error& error) {
    fail(prompt, error);
    return {};
  }
}

void Scheduler::advance_running(const std::vector<Draw>& draws) {
  std::span<const Draw> left = draws;
  for (Running& running : std::exchange(running_, {})) {
    const std::size_t count = running.sequences.size();
    promised_ -= static_cast<int>(count) - 1;
    if (running.prompt->failed) {
      release_slot(running.slot);
    } else if (!advance(running.prompt, running.slot, running.cached, std::move(running.sequences),
                        left.first(count))) {
      hand_on(running.prompt, running.slot);
    }
    left = left.subspan(count);
  }
}

// Gives sequences in one slot, which holds `cached` tokens, their next tokens. Those that continue
// stay together if their tokens are the same; false if none continue.
bool Scheduler::advance(const PromptPointer& prompt, int slot, int cached, Sequences sequences,
                        std::span<const Draw> draws) {
  std::vector<Sequences> groups;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    if (!sequences[i]->advance(draws[i])) continue;
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const Sequences& group) {
      // Those that went back as far as each other have the same tokens, too.
      return group.front()->num_tokens() == sequences[i]->num_tokens() &&
             group.front()->last_token() == sequences[i]->last_token();
    });
    (same == groups.end() ? groups.emplace_back() : *same).push_back(std::move(sequences[i]));
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const int own = i == 0 ? slot : acquire_slot();
    // The last token is not in the cache yet.
    const int wanted = groups[i].front()->last_position();
    if (own != slot) backend_.share_cache(slot, own, wanted);
    promised_ += static_cast<int>(groups[i].size()) - 1;
    running_.push_back({prompt, own, own == slot ? cached : wanted, std::move(groups[i])});
  }
  return !groups.empty();
}

void Scheduler::start_prefilled() {
  const auto is_prefilled = [](const auto& prompt) { return prompt->prefilled == prompt->size(); };
  const auto first_unready = std::find_if_not(prefilling_.begin(), prefilling_.end(), is_prefilled);
  for (auto prompt = prefilling_.begin(); prompt != first_unready; ++prompt) {
    start_samples(*prompt, (*prompt)->slot);
    if ((*prompt)->waits()) waiting_.push_back(*prompt);
  }
  prefilling_.erase(prefilling_.begin(), first_unready);
}

// Starts the next samples in a slot that holds exactly the prompt. If all end with their first
// token, the slot is unchanged for those after them.
void Scheduler::start_samples(const PromptPointer& prompt, int slot) {
  while (prompt->waits()) {
    Sequences sequences = prompt->next_sequences(1 + std::max(0, free_slots()), tokenizer_,
                                                 backend_.info().n_positions);
    std::vector<Draw> draws;
    for (const auto& sequence : sequences) draws.push_back(draw_first(*sequence, *prompt));
    if (!prompt->waits()) prompt->logits = {};
    if (prompt->failed) break;
    if (advance(prompt, slot, prompt->size(), std::move(sequences), draws)) return;
  }
  release_slot(slot);
}

// What happens to the slot of a finished sample.
void Scheduler::hand_on(const PromptPointer& prompt, int slot) {
  if (!prompt->waits()) return release_slot(slot);
  backend_.truncate_cache(slot, prompt->size());
  start_samples(prompt, slot);
}

// There is one while samples wait, since a finished sample hands its slot to the next, and what a
// sample that went back no longer wants stays in its slot until the next step.
int Scheduler::slot_that_begins_with(const Prompt& prompt) const {
  const auto source = std::find_if(running_.begin(), running_.end(), [&](const Running& running) {
    return running.prompt.get() == &prompt && running.cached >= prompt.size();
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

}  // namespace medgen::engine
