// Three threads around one lock. Rows are counted, not timed, so that results depend on nothing
// that happens here.
#include "batch/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "medgen/error.h"

namespace medgen::batch {
namespace {

using std::chrono::milliseconds;
constexpr std::size_t kMaxDuplicateRows = 1000000;
constexpr std::size_t kMaxBytesInFlight = std::size_t{64} << 20U;

[[noreturn]] void input_changed() {
  throw Error(
      ErrorCode::kRuntime,
      "the input changed while it was read, or since the finished rows were read: "
      "what was written belongs to the earlier input; put that back and run the same command "
      "again, or give `restart` to start over");
}

// A row in progress.
struct InFlight {
  BatchRow row;
  std::string hash;  // of the input up to it
  std::size_t bytes = 0;
  std::optional<Record> kept;  // that another run has made
  // Of a row with several prompts: those that are finished, by their number, and how many there
  // are to be.
  std::map<std::size_t, std::pair<Request, std::vector<Completion>>> parts = {};
  std::size_t n_parts = 1;
};

// A row on its way into progress.
struct ReadRow {
  InFlight row;
  std::uint64_t place = 0;
  std::vector<engine::ValidRequest> requests;  // one for each prompt; none if it failed
};

// With what the backend has in place of what was expected of it.
RequestMaker fitted(RequestMaker maker, const BackendInfo& model) {
  maker.n_positions = model.n_positions;
  maker.vocab_size = model.vocab_size;
  maker.max_slots = std::min(maker.max_slots, model.max_slots);
  return maker;
}

template <typename Work>
std::thread start_thread(Work work) {
  try {
    return std::thread(std::move(work));
  } catch (const std::system_error& error) {
    throw Error(ErrorCode::kRuntime,
                "a thread that the batch needs cannot be started: " + error.code().message() +
                    "; end other programs, then give the same command again");
  }
}

class Run : engine::ValidRequestSource, GenerationObserver {
 public:
  Run(Backend& backend, const RequestMaker& maker, RecordWriter& writer,
      const JournalContent& start, const RunOptions& options)
      : backend_(backend),
        maker_(fitted(maker, backend.info())),
        writer_(writer),
        options_(options),
        start_(start.committed),
        settled_(writer.rows()),
        admitted_(writer.rows()) {
    for (const auto& [place, record] : start.ahead) ahead_[place] = record.input_hash;
    for (const std::uint64_t place : start.places) {
      if (place >= places_.size()) places_.resize(place + 1);
      places_[place] = true;
    }
  }

  RunResult run() {
    std::thread reader;
    std::thread scribe;
    std::exception_ptr engine_error;
    // What is thrown in here must not pass a thread that runs: that would end the process.
    guard(engine_error, [&] {
      reader = start_thread([this] { guard(reader_error_, [this] { read_rows(); }); });
      scribe = start_thread([this] { guard(writer_error_, [this] { write_records(); }); });
      engine::generate(backend_, *maker_.tokenizer, *this, *this,
                       {.max_slots = options_.max_slots, .interrupted = &stop_});
    });
    if (engine_error) stop();
    if (reader.joinable()) reader.join();
    {
      const std::lock_guard lock(mutex_);
      engine_ended_ = true;
      changed_.notify_all();
    }
    if (scribe.joinable()) scribe.join();
    for (const std::exception_ptr& error : {writer_error_, engine_error, reader_error_}) {
      if (error) std::rethrow_exception(error);
    }
    result_.ending = too_many_errors_ ? Ending::kTooManyErrors
                     : stop_          ? Ending::kInterrupted
                                      : Ending::kComplete;
    return result_;
  }

 private:
  template <typename Work>
  void guard(std::exception_ptr& error, Work work) {
    try {
      work();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      error = std::current_exception();
      if (&error == &writer_error_) stop_ = true;
      if (&error == &reader_error_) input_ended_ = true;
      changed_.notify_all();
    }
  }

  void stop() {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }

  // --- The reading thread ---

  void read_rows() {
    Input input(options_.input, stop_);
    BatchRow row;
    // If a file has shrunk, its last row may be partial: it waits for what follows.
    std::optional<ReadRow> last;
    while (!stop_ && input.next(row)) {
      if (last) admit(std::move(*last));
      last.reset();
      std::vector<engine::ValidRequest> requests;
      std::optional<Record> kept;
      if (options_.passed) {
        requests = maker_.make_all(row, input.place());
        kept = options_.passed(row);
      }
      if (is_done(input.place(), input.hash())) continue;
      if (!options_.passed) requests = maker_.make_all(row, input.place());
      last.emplace();
      last->row.row = std::move(row);
      last->row.hash = input.hash();
      last->row.kept = std::move(kept);
      last->row.n_parts = requests.size();
      last->place = input.place();
      last->requests = std::move(requests);
      if (options_.expected) continue;
      admit(std::move(*last));
      last.reset();
    }
    // Only the rows that were there before can tell that standard input was cut short.
    const bool misses_rows = start_.rows > 0 && !stop_ && start_.last_place >= input.place() + 1;
    const bool differs = options_.expected && (input.rows() != options_.expected->rows ||
                                               input.hash() != options_.expected->hash);
    if (!stop_ && (misses_rows || differs)) input_changed();
    if (last) admit(std::move(*last));
    const std::lock_guard lock(mutex_);
    all_read_ = !stop_;
    input_ended_ = true;
    changed_.notify_all();
  }

  // Whether an earlier run has done the row, which must be the same row.
  bool is_done(std::uint64_t place, const std::string& hash) {
    if (start_.rows > 0 && place == start_.last_place && hash != start_.last_hash) input_changed();
    if (const auto ahead = ahead_.find(place); ahead != ahead_.end()) {
      if (ahead->second != hash) input_changed();
      const std::lock_guard lock(mutex_);
      ++admitted_;
      return true;
    }
    if (places_.empty()) return place < start_.rows;
    return place < places_.size() && places_[place];
  }

  void admit(ReadRow read) {
    InFlight& row = read.row;
    row.bytes = row.row.prompt.size() + row.row.prompt_ids.size() * sizeof(TokenId) + 1024;
    for (const RowPrompt& prompt : row.row.prompts) {
      row.bytes += prompt.text.size() + prompt.ids.size() * sizeof(TokenId) + 1024;
    }
    for (const records::Field& field : row.row.extras) row.bytes += field.json.size() + 64;
    const std::size_t bytes = row.bytes;
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
      const bool room = admitted_ - settled_ < options_.window &&
                        (bytes_ == 0 || bytes_ + bytes <= kMaxBytesInFlight);
      return stop_ || room;
    });
    if (stop_) return;
    ++admitted_;
    bytes_ += bytes;
    const bool runs = !read.requests.empty() && !row.kept;
    in_flight_[read.place] = std::move(row);
    if (runs) {
      for (engine::ValidRequest& request : read.requests) ready_.push_back(std::move(request));
    } else {
      Request none;
      none.tag = read.place;
      finished_.push_back({std::move(none), {}});
    }
    changed_.notify_all();
  }

  // --- The thread that runs the model ---

  Next next(std::optional<engine::ValidRequest>& request, bool wait) override {
    std::unique_lock lock(mutex_);
    if (wait) {
      changed_.wait_for(lock, milliseconds(100),
                        [&] { return !ready_.empty() || input_ended_ || stop_; });
    }
    if (!ready_.empty()) {
      request = std::move(ready_.front());
      ready_.pop_front();
      return Next::kRequest;
    }
    return input_ended_ ? Next::kEnd : Next::kLater;
  }

  void on_text(std::uint64_t, int, std::string_view) override {}

  void on_finish(std::uint64_t, const Completion& completion) override {
    tokens_now_ += static_cast<std::uint64_t>(completion.num_tokens);
  }

  void on_request_finish(const Request& request, std::vector<Completion>&& completions) override {
    const std::lock_guard lock(mutex_);
    finish_part(request, std::move(completions));
  }

  void on_request_failure(const Request& request, const Error& error) override {
    const std::lock_guard lock(mutex_);
    in_flight_.at(place_of_tag(request.tag)).row.error =
        maker_.in_words({"model_failure", error.what()});
    finish_part(request, {});
  }

  // A row is finished when all of its prompts are; its texts are in the order of these.
  void finish_part(const Request& request, std::vector<Completion>&& completions) {
    const std::uint64_t place = place_of_tag(request.tag);
    InFlight& row = in_flight_.at(place);
    if (row.n_parts == 1) {
      finished_.push_back({request, std::move(completions)});
    } else {
      row.parts[prompt_of_tag(request.tag)] = {request, std::move(completions)};
      if (row.parts.size() < row.n_parts) return;
      Finished whole;
      whole.request = row.parts[0].first;
      whole.request.tag = place;
      for (auto& [prompt, part] : row.parts) {
        if (prompt > 0) whole.more_prompt_tokens += part.first.prompt.size();
        for (Completion& completion : part.second) {
          completion.index += static_cast<int>(prompt) * part.first.num_return_sequences;
          whole.completions.push_back(std::move(completion));
        }
      }
      row.parts.clear();
      finished_.push_back(std::move(whole));
    }
    changed_.notify_all();
  }

  // --- The writing thread ---

  struct Finished {
    Request request;
    std::vector<Completion> completions;
    std::size_t more_prompt_tokens = 0;  // of a row's prompts behind the first
  };

  void write_records() {
    while (true) {
      std::deque<std::pair<InFlight, Finished>> batch;
      bool last = false;
      {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, milliseconds(100),
                          [&] { return !finished_.empty() || engine_ended_; });
        while (!finished_.empty()) {
          auto row = in_flight_.extract(finished_.front().request.tag);
          batch.emplace_back(std::move(row.mapped()), std::move(finished_.front()));
          finished_.pop_front();
        }
        last = engine_ended_;
      }
      for (auto& [row, finished] : batch) write(std::move(row), std::move(finished));
      look_around();
      if (last) break;
    }
    const bool complete = all_read_ && !stop_ && !input_failed();
    if (complete) {
      writer_.finish();
    } else {
      writer_.commit();
    }
    if (options_.progress) options_.progress(writer_, tokens_now_);
  }

  bool input_failed() const { return reader_error_ != nullptr; }

  void write(InFlight row, Finished finished) {
    const std::uint64_t place = finished.request.tag;
    Record record = row.kept ? std::move(*row.kept) : make_record(row, std::move(finished));
    record.place = place;
    record.input_hash = row.hash;
    writer_.put(std::move(record));
    const std::lock_guard lock(mutex_);
    settled_ = writer_.rows();
    bytes_ -= row.bytes;
    changed_.notify_all();
  }

  Record make_record(InFlight& row, Finished finished) {
    Record record;
    record.failed = row.row.error.has_value();
    for (const Completion& completion : finished.completions) {
      record.tokens += static_cast<std::uint64_t>(completion.num_tokens);
    }
    result_.tokens += record.tokens;
    ++result_.rows;
    record.bytes = options_.format({std::move(row.row), std::move(finished.request),
                                    std::move(finished.completions), finished.more_prompt_tokens});
    return record;
  }

  void look_around() {
    writer_.commit_if_due();
    if (options_.interrupted != nullptr && *options_.interrupted) stop();
    if (options_.max_errors && writer_.failed() > *options_.max_errors && !stop_) {
      too_many_errors_ = true;
      stop();
    }
    if (options_.progress) options_.progress(writer_, tokens_now_);
  }

  Backend& backend_;
  const RequestMaker maker_;
  RecordWriter& writer_;
  const RunOptions& options_;

  // What an earlier run has done.
  const Committed start_;
  std::map<std::uint64_t, std::string> ahead_;  // place, hash of the input up to it
  std::vector<bool> places_;                    // whether a place is done; only if out of order

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<engine::ValidRequest> ready_;
  std::map<std::uint64_t, InFlight> in_flight_;  // by place
  std::deque<Finished> finished_;
  std::uint64_t settled_;   // rows in the output
  std::uint64_t admitted_;  // rows in the output or on their way
  std::size_t bytes_ = 0;   // on their way
  bool input_ended_ = false;
  bool all_read_ = false;
  bool engine_ended_ = false;
  bool too_many_errors_ = false;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> tokens_now_{0};
  std::exception_ptr reader_error_, writer_error_;
  RunResult result_;
};

}  // namespace

Survey survey(const InputOptions& options, const RequestMaker* maker, const std::atomic<bool>& stop,
              const std::function<void(const BatchRow&, std::uint64_t)>& on_bad) {
  Input input(options, stop);
  Survey result;
  BatchRow row;
  while (!stop && input.next(row)) {
    ++result.shard_rows;
    if (row.error && row.error->code == kDuplicateId) result.duplicate_rows.push_back(row.position);
    if (row.error && row.error->code == kUnclearField && !result.unclear) {
      result.unclear =
          fmt::format("row {} (line {}): {}", row.position + 1, input.line(), row.error->message);
    }
    if (result.duplicate_rows.size() > kMaxDuplicateRows) {
      throw Error(
          ErrorCode::kUsage,
          "a million rows have the id of an earlier row: name the column that holds ids with "
          "`id_column`");
    }
    if (maker == nullptr) continue;
    if (!maker->make_all(row).empty()) continue;
    ++result.bad;
    if (on_bad) on_bad(row, input.line());
  }
  result.rows = input.rows();
  result.hash = input.hash();
  return result;
}

RunResult run(Backend& backend, const RequestMaker& maker, RecordWriter& writer,
              const JournalContent& start, const RunOptions& options) {
  return Run(backend, maker, writer, start, options).run();
}

}  // namespace medgen::batch
