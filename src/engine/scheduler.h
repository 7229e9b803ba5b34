// Continuous batching: keeps every slot of a backend busy with sequences, and asks a source for the
// next request only when one of its samples could start. Knows a model only through Backend, and
// never lets a result depend on which slot a sequence got.
//
// A request with variants is one prompt with several plain requests, its parts: their samples share
// the prefill, except those that search, which run by themselves after the others.
//
// Samples with the same number under several variants draw the same coins, so they often begin with
// the same tokens. While they do, they are one: a row of the step and a slot serve them all, and
// each draws from its logits by its own rules; when they diverge, the cache stays shared. Each of
// them has a slot reserved for that, so a sample that has begun never waits.
//
// A prompt is prefilled once, in chunks that run alongside the decoding of other sequences. Its
// samples share that cache: any running one can serve as the source, since it begins with the
// prompt; and a finished one's slot is cut back to the prompt for the next. So nothing is ever
// prefilled twice, not even with a single slot. Where a sample goes back for never_say, its slot is
// cut back before the next step, and its last token fed again. Samples of a prompt that has begun
// take slots before new prompts do, so that requests finish soon and in order.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "base/log.h"
#include "engine/sampler.h"
#include "engine/sequence.h"
#include "engine/valid_request.h"
#include "medgen/error.h"
#include "medgen/generate.h"

namespace medgen::engine {

class Scheduler {
 public:
  // Everything passed in must outlive the scheduler.
  Scheduler(Backend& backend, const Tokenizer& tokenizer, ValidRequestSource& source,
            GenerationObserver& observer, const GenerateOptions& options);
  ~Scheduler();  // releases the slots that an exception left taken
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  void run();

 private:
  struct Prompt;
  using Sequences = std::vector<std::unique_ptr<Sequence>>;

  // One of a request's settings. It listens to its sequences and numbers their results after
  // those of the parts before it.
  struct Part : GenerationObserver {
    Part(Prompt& whole, Request own, int first)
        : prompt(whole), request(std::move(own)), first_index(first) {}
    void on_text(std::uint64_t request_id, int index, std::string_view piece) override;
    void on_finish(std::uint64_t request_id, const Completion& completion) override;

    Prompt& prompt;
    const Request request;
    const int first_index;
  };

  // A request from its first row of prefill to the end of its last sample.
  struct Prompt {
    Prompt(GenerationObserver& next, ValidRequest asked);
    Prompt(const Prompt&) = delete;
    Prompt& operator=(const Prompt&) = delete;

    int size() const { return static_cast<int>(request.prompt.size()); }
    bool waits() const { return !failed && started < to_draw; }
    // The next samples to start, all of one number, at most `most`.
    Sequences next_sequences(int most, const Tokenizer& tokenizer, int n_positions);

    GenerationObserver& observer;
    const Request request;
    std::deque<Part> drawn;     // parts that share the prefill; sequences point to them
    std::deque<Part> searched;  // parts that run by themselves
    int total = 0;              // samples of all parts
    int to_draw = 0;            // of those in `drawn`
    int slot = 0;               // while it is prefilled
    int prefilled = 0;          // tokens
    int started = 0;            // samples of those in `drawn`
    int next_sample = 0;        // its number within its part
    std::size_t next_part = 0;  // in `drawn`, the next one to consider for it
    bool failed = false;
    bool cut_short = false;  // interrupted
    std::vector<float>
        logits;  // [vocab], after its last token; kept until all samples have started
    std::vector<Completion> completions;
  };
  using PromptPointer = std::shared_ptr<Prompt>;
  struct Running {
    PromptPointer prompt;
    int slot = 0;
    int cached = 0;       // tokens in the slot: more than are wanted, where the sequences went back
    Sequences sequences;  // at least one; all with the same tokens so far
  };

  bool interrupted() const;
  int max_slots() const;
  int free_rows() const;
  int free_slots() const;
  void fill_free_slots();
  bool take_request(bool wait);
  void run_alone();
  void step();
  void add_decode_rows();
  void add_prefill_rows();
  std::vector<Draw> read_logits(std::span<const float> logits);
  Draw draw_first(const Sequence& sequence, Prompt& prompt);
  void fail(Prompt& prompt, const Error& error);
  void advance_running(const std::vector<Draw>& draws);
  void start_prefilled();
  void start_samples(const PromptPointer& prompt, int slot);
  bool advance(const PromptPointer& prompt, int slot, int cached, Sequences sequences,
               std::span<const Draw> draws);
  void hand_on(const PromptPointer& prompt, int slot);
  int slot_that_begins_with(const Prompt& prompt) const;
  int acquire_slot();
  void release_slot(int slot);

  Backend& backend_;
  const Tokenizer& tokenizer_;
  ValidRequestSource& source_;
  GenerationObserver& observer_;
  const GenerateOptions& options_;
  std::vector<Sampler> samplers_;  // one for each sequence, since they are drawn side by side

  bool source_ended_ = false;
  PromptPointer alone_;  // has parts that need all slots; nothing else starts before it
  std::vector<PromptPointer> prefilling_;  // in order of request
  std::deque<PromptPointer> waiting_;      // prefilled, with samples waiting for a slot
  std::vector<Running> running_;
  int promised_ = 0;        // slots reserved for sequences that run in another's
  std::vector<int> slots_;  // taken
  std::vector<Row> rows_;   // of the current step

  // For the log.
  struct Work {
    std::int64_t steps = 0, rows = 0;
    base::Stopwatch::Clock::duration time{};
  };
  void log_work() const;
  Work warm_up_;  // the first step, which finds nothing in the caches
  Work prefill_;  // those with rows of prompts, and what was decoded beside them
  Work decode_;   // all others
  base::Stopwatch::Clock::duration search_time_{};
};

}  // namespace medgen::engine
