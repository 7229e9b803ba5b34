// The forward pass of a GPT-2 on the kernels: rows of many sequences through all layers. The only
// place that knows the order of a transformer's operations.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "native/packed_model.h"
#include "native/paged_cache.h"

namespace medgen::native {

// Memory of one kind that only grows, aligned for vectors and zeroed when new.
class Buffer {
 public:
  template <typename T>
  T* at_least(std::size_t count) {
    grow(count * sizeof(T));
    return reinterpret_cast<T*>(memory_.get());
  }

 private:
  void grow(std::size_t bytes);
  std::unique_ptr<std::byte[], void (*)(std::byte*)> memory_{nullptr, nullptr};
  std::size_t size_ = 0;
};

struct TokenRow {
  int slot = 0;
  int token = 0;
  int position = 0;
};

// Where the time of the steps so far went, in seconds.
struct Profile {
  double matrices = 0;
  double attention = 0;
  double rest = 0;
};

// Sees a forward pass go by and changes no bit of it. Each function does nothing unless it is
// overridden.
class Observer {
 public:
  virtual ~Observer() = default;

  // Before each product: its inputs [rows, k]. For calibration.
  virtual void on_input(const Matrix& /*matrix*/, const float* /*x*/, int /*rows*/) {}

  // The residual stream [rows, n_embd]: part 0 is the embeddings; what layer i, from 0, has made of
  // it is part 2 i + 1 after its attention and 2 i + 2 after its MLP.
  virtual void on_residual(int /*part*/, std::span<const TokenRow> /*rows*/, const float* /*x*/) {}

  // How much each head attends to each position, weights [rows, n_head, stride]: a row's own
  // position is its last, and beyond it stand zeros. Only for layers that are wanted, whose
  // attention is computed a second time.
  virtual bool wants_attention(int /*layer*/) const { return false; }
  virtual void on_attention(int /*layer*/, std::span<const TokenRow> /*rows*/,
                            const float* /*weights*/, std::size_t /*stride*/) {}
};

class Transformer {
 public:
  // All outlive the transformer.
  Transformer(const kernels::Kernels& kernels, base::ThreadPool& pool, const ModelConfig& config,
              Precision precision);

  static constexpr int kMaxRows = 256;  // of one call

  // x [rows, n_embd] = embeddings of the rows' tokens and positions.
  float* embed(const PackedModel& model, std::span<const TokenRow> rows);

  // x through a layer, in place. The cache holds the rows' positions already as extended.
  void run_layer(const Layer& layer, int number, std::span<const TokenRow> rows, PagedCache& cache,
                 float* x, Observer* observer = nullptr);

  // The final norm's output [chosen, n_embd] for the rows of x that are chosen; until the next
  // call.
  const float* run_final_norm(const PackedModel& model, const float* x,
                              std::span<const int> chosen);

  // Logits [chosen, vocab_size] of the rows of x that are chosen.
  void run_head(const PackedModel& model, const float* x, std::span<const int> chosen,
                float* logits, Observer* observer = nullptr);

  const Profile& profile() const { return profile_; }

 private:
  void normalize(const Norm& norm, const float* x, int rows, float* y);
  void multiply(const Matrix& matrix, const float* x, int rows, float* y,
                kernels::Epilogue epilogue);
  void activate(float* hidden, int rows);
  void quantize(const Matrix& matrix, const float* x, int rows, kernels::MatMul& job);
  void store_keys_and_values(int layer, std::span<const TokenRow> rows, const float* qkv,
                             PagedCache& cache);
  void attend(int layer, std::span<const TokenRow> rows, const float* qkv, const PagedCache& cache,
              float* mixed);
  void show_attention(int layer, std::span<const TokenRow> rows, const float* qkv,
                      const PagedCache& cache, Observer& observer);
  kernels::Attention attention_of(int layer, int head, const PagedCache& cache) const;
  template <typename Function>
  void for_each(int count, std::int64_t work_each, const Function& function);

  const kernels::Kernels& kernels_;
  base::ThreadPool& pool_;
  const ModelConfig& config_;
  Precision precision_;
  ActivationSteps activation_;
  Profile profile_;
  Buffer x_;
  Buffer normed_;
  Buffer qkv_;
  Buffer mixed_;
  Buffer hidden_;
  Buffer quantized_;
  Buffer row_scale_;
  Buffer attended_;
  Buffer scores_;
  Buffer chosen_;
  Buffer shown_;    // for observers alone
  Buffer ignored_;  // likewise
};

}  // namespace medgen::native
