// See the header.
#include "session/generation.h"

#include <algorithm>
#include <utility>

#include "session/wipe.h"

namespace medgen::session {

Generation::Generation(Backend& backend, const Tokenizer& tokenizer, const Request& request,
                       std::function<void()> wake)
    : wake_(std::move(wake)),
      thread_([this, &backend, &tokenizer, &request] { run(backend, tokenizer, request); }) {}

Generation::~Generation() {
  stop();
  if (thread_.joinable()) thread_.join();
  for (Event& event : events_) wipe(event.piece);
  wipe(completions_);
}

void Generation::run(Backend& backend, const Tokenizer& tokenizer, const Request& request) {
  std::exception_ptr error;
  try {
    generate(backend, tokenizer, {request}, *this, {.interrupted = &stopped_});
  } catch (...) {
    error = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    error_ = error;
    ended_ = true;
  }
  wake_();
}

void Generation::put(Event event) {
  {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
  }
  wake_();
}

void Generation::on_text(std::uint64_t, int index, std::string_view piece) {
  put({.index = index, .piece = std::string(piece)});
}

void Generation::on_finish(std::uint64_t, const Completion& completion) {
  {
    const std::lock_guard lock(mutex_);
    completions_.push_back(completion);
  }
  put({.index = completion.index, .end = completion.finish_reason});
}

std::vector<Event> Generation::take(bool& ended) {
  const std::lock_guard lock(mutex_);
  ended = ended_;
  return std::exchange(events_, {});
}

std::vector<Completion> Generation::finish() {
  if (thread_.joinable()) thread_.join();
  if (error_) std::rethrow_exception(error_);
  std::sort(completions_.begin(), completions_.end(),
            [](const Completion& a, const Completion& b) { return a.index < b.index; });
  return std::exchange(completions_, {});
}

}  // namespace medgen::session
