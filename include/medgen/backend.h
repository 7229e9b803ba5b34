// The seam between the engine and a model that runs: token rows go in, logits come out.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "medgen/export.h"
#include "medgen/tokenizer.h"

namespace medgen {

struct BackendInfo {
  std::string name;       // "torchscript"
  std::string precision;  // "fp32"
  int vocab_size = 0;     // width of a row of logits
  int n_positions = 0;    // context: positions 0 .. n_positions - 1 exist
  int max_slots = 0;      // sequences that can be held at once
};

// One token of one sequence.
struct Row {
  int slot = 0;
  TokenId token = 0;
  int position = 0;          // must be the slot's cached length (plus earlier rows of this step)
  bool want_logits = false;  // logits are computed for these rows only
};

// Not thread-safe: one thread drives a backend. Throws Error(kRuntime) if a step cannot be
// computed.
class MEDGEN_API Backend {
 public:
  virtual ~Backend() = default;
  virtual const BackendInfo& info() const = 0;

  // A free slot with an empty cache. Throws Error(kRuntime) if all max_slots are taken.
  virtual int acquire_slot() = 0;
  virtual void release_slot(int slot) = 0;

  // Makes the first n_tokens of `from`'s cache the whole cache of `to`. Throws Error(kRuntime) if
  // `from` does not hold so many.
  virtual void share_cache(int from, int to, int n_tokens) = 0;

  // Forgets what `slot` holds beyond its first n_tokens. Throws Error(kRuntime) if it does not hold
  // so many.
  virtual void truncate_cache(int slot, int n_tokens) = 0;

  // Runs the rows: prefill is many rows of a slot, decode one row per slot; both may be mixed.
  // Rows of a slot must be adjacent and in order of position. Returns logits [rows with
  // want_logits, vocab_size] in row order, float32, valid until the next call.
  virtual std::span<const float> step(std::span<const Row> rows) = 0;

  // Calls piece(0) .. piece(count - 1), each once, possibly on several threads at a time: for
  // work between steps, such as sampling, on threads that would otherwise be idle. `piece` must
  // not throw.
  virtual void parallel(int count, const std::function<void(int)>& piece) {
    for (int i = 0; i < count; ++i) piece(i);
  }
};

}  // namespace medgen
