// The continuations of one request, made on a thread of their own so that keys are read meanwhile.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "medgen/backend.h"
#include "medgen/generate.h"

namespace medgen::session {

// A piece of text, or the end of one.
struct Event {
  int index = 0;
  std::string piece = {};
  std::optional<FinishReason> end = {};
};

class Generation : private GenerationObserver {
 public:
  // `wake` is called, on that thread, whenever there is something to take. What is referred to must
  // outlive the object; nothing else may use the back end meanwhile.
  Generation(Backend& backend, const Tokenizer& tokenizer, const Request& request,
             std::function<void()> wake);
  ~Generation();  // stops it, and overwrites what was not taken
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // Those since the last call; `ended` says whether they are the last ones. The caller wipes them.
  std::vector<Event> take(bool& ended);
  void stop() { stopped_.store(true); }

  // Once the last events were taken: by index, without those that had not begun when it was
  // stopped. Throws what generate() threw.
  std::vector<Completion> finish();

 private:
  void on_text(std::uint64_t request_id, int index, std::string_view piece) override;
  void on_finish(std::uint64_t request_id, const Completion& completion) override;
  void put(Event event);
  void run(Backend& backend, const Tokenizer& tokenizer, const Request& request);

  std::function<void()> wake_;
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;  // guards what follows
  std::vector<Event> events_;
  std::vector<Completion> completions_;
  std::exception_ptr error_;
  bool ended_ = false;
  std::thread thread_;  // the last: it uses all of the above
};

}  // namespace medgen::session
