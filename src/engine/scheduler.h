// Continuous batching: keeps every slot of a backend busy with the sequences of a list of requests.
// Knows a model only through Backend, and never lets a result depend on which slot a sequence got.
//
// A prompt is prefilled once, in chunks that run beside the decoding of other sequences. Its
// samples share that cache: any running one can serve as the source, since it begins with the
// prompt; and a finished one's slot is cut back to the prompt for the next. So nothing is ever
// prefilled twice, not even with a single slot.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "engine/sampler.h"
#include "engine/sequence.h"
#include "medgen/generate.h"

namespace medgen {

class Scheduler {
 public:
  // Everything passed in outlives the scheduler. The requests must have been checked.
  Scheduler(Backend& backend, const Tokenizer& tokenizer, const std::vector<Request>& requests,
            GenerationObserver& observer, const GenerateOptions& options);
  ~Scheduler();  // releases the slots that an exception left taken
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  void run();

 private:
  // A request whose prompt is being prefilled or whose samples have not all started.
  struct Prompt {
    const Request* request = nullptr;
    int slot = 0;       // while it is prefilled
    int prefilled = 0;  // tokens
    int started = 0;    // samples
    std::vector<float>
        logits;  // [vocab], after its last token; kept until all samples have started
    int size() const { return static_cast<int>(request->prompt.size()); }
    bool waits() const { return started < request->num_return_sequences; }
  };
  struct Running {
    std::shared_ptr<Prompt> prompt;
    int slot = 0;
    std::unique_ptr<Sequence> sequence;
  };

  bool interrupted() const;
  void fill_free_slots();
  void step();
  void add_decode_rows();
  void add_prefill_rows();
  std::vector<Draw> read_logits(std::span<const float> logits);
  Draw draw(std::span<const float> logits, const Sequence& sequence);
  void advance_running(const std::vector<Draw>& draws);
  void start_prefilled();
  void start_sample(const std::shared_ptr<Prompt>& prompt, int slot);
  int slot_that_begins_with(const Prompt& prompt) const;
  int acquire_slot();
  void release_slot(int slot);

  Backend& backend_;
  const Tokenizer& tokenizer_;
  const std::vector<Request>& requests_;
  GenerationObserver& observer_;
  const GenerateOptions& options_;
  Sampler sampler_;

  std::size_t next_request_ = 0;
  std::vector<std::shared_ptr<Prompt>> prefilling_;  // in order of request
  std::deque<std::shared_ptr<Prompt>> waiting_;      // prefilled, with samples that wait for a slot
  std::vector<Running> running_;
  std::vector<int> slots_;  // taken
  std::vector<Row> rows_;   // of the current step
};

}  // namespace medgen
