// A Backend on the kernels: slots and steps.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "kernels/tables.h"
#include "medgen/backend.h"
#include "native/packed_file.h"
#include "native/transformer.h"

namespace medgen::native {

struct NativeOptions {
  int max_slots = 16;
  int threads = 0;                       // 0: usable_cores()
  std::uint64_t cache_memory_bytes = 0;  // 0: enough for all slots at full length
  bool keep_weights = true;  // false: drop each layer from this process's memory after use
};

using kernels::choose_kernels;

class NativeBackend : public Backend {
 public:
  // Throws Error(kUsage) if the cache memory is not enough for one sequence of full length.
  NativeBackend(std::unique_ptr<PackedWeights> weights, const kernels::Kernels& kernels,
                const NativeOptions& options);

  ~NativeBackend() override;

  const BackendInfo& info() const override { return info_; }
  int acquire_slot() override;
  void release_slot(int slot) override;
  void share_cache(int from, int to, int n_tokens) override;
  void truncate_cache(int slot, int n_tokens) override;
  std::span<const float> step(std::span<const Row> rows) override;

  // The same, but the final norm's outputs [rows with want_logits, n_embd], which logits are made
  // of.
  std::span<const float> hidden_states(std::span<const Row> rows);

  // Runs the rows as step() does, seen by the observer; no logits are computed.
  void observe(std::span<const Row> rows, Observer& observer);

  // Logits [n, vocab_size] that the final norm and the head make of residual streams [n, n_embd] of
  // any layer; of the last one's they are those of step(), bit for bit. Until the next call.
  std::span<const float> read_out(std::span<const float> residual);

  void parallel(int count, const std::function<void(int)>& piece) override {
    pool_.run(count, piece);
  }

  const char* isa() const { return kernels_.name; }
  const Profile& profile() const { return transformer_.profile(); }
  const PackedModel& model() const { return weights_->model(); }

 private:
  // Calls finish(x, chosen) for each block of rows, with those that want logits.
  void run(std::span<const Row> rows, Observer* observer,
           const std::function<void(const float* x, std::span<const int> chosen)>& finish);
  void check(std::span<const Row> rows) const;
  void check_slot(int slot) const;

  std::unique_ptr<PackedWeights> weights_;
  const kernels::Kernels& kernels_;
  base::ThreadPool pool_;
  Transformer transformer_;
  PagedCache cache_;
  BackendInfo info_;
  bool keep_weights_;
  Buffer logits_;
};

}  // namespace medgen::native
