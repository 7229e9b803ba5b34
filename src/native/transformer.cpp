// See the header. A layer reads: norm, c_attn, attention, attn_proj onto x, norm, c_fc with its
// activation, mlp_proj onto x.
#include "native/transformer.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>

namespace medgen::native {
namespace {

using Clock = std::chrono::steady_clock;

// Adds its lifetime to a sum.
class Stopwatch {
 public:
  explicit Stopwatch(double& sum) : sum_(sum), start_(Clock::now()) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() { sum_ += std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  double& sum_;
  Clock::time_point start_;
};

// Work, in elements touched, below which waking the other threads costs more than it saves.
constexpr std::int64_t kWorthSharing = 16384;

// Panels per piece: enough pieces for the threads to share evenly, each long enough to stream.
// With many rows, pieces take long and so does waiting for the last one: use shorter ones then.
int panels_of_piece(int panels, int threads, int rows) {
  const bool many = rows >= 64;
  const int step = many ? 2 : 4;  // what the kernels take at once
  const int even = panels / (threads * (many ? 16 : 8));
  return std::clamp(even / step * step, step, 32);
}

}  // namespace

void Buffer::grow(std::size_t bytes) {
  if (bytes <= size_) return;
  constexpr std::size_t kAlignment = 64;
  const std::size_t size = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  memory_ = {nullptr, nullptr};
  size_ = 0;
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(kAlignment, size));
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, size);
  memory_ = {memory, [](std::byte* p) { std::free(p); }};
  size_ = size;
}

Transformer::Transformer(const kernels::Kernels& kernels, base::ThreadPool& pool,
                         const ModelConfig& config, Precision precision)
    : kernels_(kernels),
      pool_(pool),
      config_(config),
      precision_(precision),
      activation_(activation_steps(bundle::activation_formula(config.activation_function))) {}

// Calls function(i) for each i, on the threads if there is enough to do.
template <typename Function>
void Transformer::for_each(int count, std::int64_t work_each, const Function& function) {
  if (count * work_each < kWorthSharing) {
    for (int i = 0; i < count; ++i) function(i);
  } else {
    pool_.run(count, function);
  }
}

float* Transformer::embed(const PackedModel& model, std::span<const TokenRow> rows) {
  const Stopwatch watch(profile_.rest);
  const auto width = static_cast<std::size_t>(config_.n_embd);
  auto* x = x_.at_least<float>(rows.size() * width);
  for_each(static_cast<int>(rows.size()), config_.n_embd, [&](int i) {
    const TokenRow& row = rows[static_cast<std::size_t>(i)];
    kernels_.embed(model.token_row(row.token), model.position_row(row.position),
                   model.half_embeddings, config_.n_embd, x + static_cast<std::size_t>(i) * width);
  });
  return x;
}

void Transformer::run_layer(const Layer& layer, int number, std::span<const TokenRow> rows,
                            PagedCache& cache, float* x, Observer* observer) {
  const int count = static_cast<int>(rows.size());
  const auto width = static_cast<std::size_t>(config_.n_embd);
  auto* normed = normed_.at_least<float>(rows.size() * width);
  auto* qkv = qkv_.at_least<float>(rows.size() * width * 3);
  auto* mixed = mixed_.at_least<float>(rows.size() * width);
  auto* hidden = hidden_.at_least<float>(rows.size() * static_cast<std::size_t>(config_.n_inner));
  const auto observe = [&](const Matrix& matrix, const float* input) {
    if (observer != nullptr) observer->on_input(matrix, input, count);
  };
  const auto show = [&](int part) {
    if (observer != nullptr) observer->on_residual(part, rows, x);
  };

  normalize(layer.ln_1, x, count, normed);
  observe(layer.c_attn, normed);
  multiply(layer.c_attn, normed, count, qkv, kernels::Epilogue::kStore);
  store_keys_and_values(number, rows, qkv, cache);
  attend(number, rows, qkv, cache, mixed);
  if (observer != nullptr && observer->wants_attention(number)) {
    show_attention(number, rows, qkv, cache, *observer);
  }
  observe(layer.attn_proj, mixed);
  multiply(layer.attn_proj, mixed, count, x, kernels::Epilogue::kAdd);
  show(2 * number + 1);

  normalize(layer.ln_2, x, count, normed);
  observe(layer.c_fc, normed);
  multiply(layer.c_fc, normed, count, hidden, activation_.epilogue);
  activate(hidden, count);
  observe(layer.mlp_proj, hidden);
  multiply(layer.mlp_proj, hidden, count, x, kernels::Epilogue::kAdd);
  show(2 * number + 2);
}

const float* Transformer::run_final_norm(const PackedModel& model, const float* x,
                                         std::span<const int> chosen) {
  const auto width = static_cast<std::size_t>(config_.n_embd);
  const int count = static_cast<int>(chosen.size());
  auto* picked = chosen_.at_least<float>(chosen.size() * width);
  auto* normed = normed_.at_least<float>(chosen.size() * width);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    std::copy_n(x + static_cast<std::size_t>(chosen[i]) * width, width, picked + i * width);
  }
  normalize(model.ln_f, picked, count, normed);
  return normed;
}

void Transformer::run_head(const PackedModel& model, const float* x, std::span<const int> chosen,
                           float* logits, Observer* observer) {
  const int count = static_cast<int>(chosen.size());
  const float* normed = run_final_norm(model, x, chosen);
  if (observer != nullptr) observer->on_input(model.lm_head, normed, count);
  multiply(model.lm_head, normed, count, logits, kernels::Epilogue::kStore);
}

void Transformer::normalize(const Norm& norm, const float* x, int rows, float* y) {
  const Stopwatch watch(profile_.rest);
  const auto width = static_cast<std::size_t>(config_.n_embd);
  const auto epsilon = static_cast<float>(config_.layer_norm_epsilon);
  for_each(rows, config_.n_embd * 3, [&](int row) {
    const std::size_t at = static_cast<std::size_t>(row) * width;
    kernels_.layer_norm(x + at, norm.weight, norm.bias, config_.n_embd, epsilon, y + at);
  });
}

void Transformer::quantize(const Matrix& matrix, const float* x, int rows, kernels::MatMul& job) {
  const Stopwatch watch(profile_.rest);
  const auto padded_rows = static_cast<std::size_t>((rows + kernels::kRowBlock - 1) /
                                                    kernels::kRowBlock * kernels::kRowBlock);
  const int k_padded = matrix.k_padded(precision_);
  auto* out = quantized_.at_least<std::byte>(padded_rows * static_cast<std::size_t>(k_padded) * 2);
  auto* scale = row_scale_.at_least<float>(padded_rows);
  const kernels::ActivationFormat format = kernels_.activation_format(rows, matrix.wide);
  for_each(rows, matrix.k * 2, [&](int row) {
    scale[row] = kernels_.quantize(
        x + static_cast<std::size_t>(row) * static_cast<std::size_t>(matrix.k), matrix.input_scale,
        matrix.k, k_padded, matrix.q_max, format, row, static_cast<int>(padded_rows), out);
  });
  job.x = out;
  job.format = format;
  job.row_scale = scale;
  job.column_scale = matrix.column_scale;
  job.column_sum = matrix.column_sum;
}

void Transformer::multiply(const Matrix& matrix, const float* x, int rows, float* y,
                           kernels::Epilogue epilogue) {
  kernels::MatMul job;
  job.weights = matrix.weights;
  job.k = matrix.k_padded(precision_);
  job.n = matrix.n;
  job.bias = matrix.bias;
  job.rows = rows;
  job.x = x;
  job.y = y;
  job.y_stride = static_cast<std::size_t>(matrix.n);
  job.epilogue = epilogue;
  switch (precision_) {
    case Precision::kFloat32:
      job.type = kernels::WeightType::kFloat32;
      break;
    case Precision::kBFloat16:
      job.type = kernels::WeightType::kBFloat16;
      break;
    case Precision::kInt8:
      job.type = kernels::WeightType::kInt8;
      quantize(matrix, x, rows, job);
      break;
  }
  const Stopwatch watch(profile_.matrices);
  const int panels = matrix.n_padded() / kernels::kPanel;
  const int each = panels_of_piece(panels, pool_.size(), rows);
  pool_.run((panels + each - 1) / each, [&](int piece) {
    kernels::MatMul part = job;
    part.panel_begin = piece * each;
    part.panel_end = std::min(panels, part.panel_begin + each);
    kernels_.matmul(part);
  });
}

// The part of the activation that the product's epilogue has not done.
void Transformer::activate(float* hidden, int rows) {
  if (!activation_.after) return;
  const Stopwatch watch(profile_.rest);
  for_each(rows, config_.n_inner * 4, [&](int row) {
    kernels_.activate(
        *activation_.after,
        hidden + static_cast<std::size_t>(row) * static_cast<std::size_t>(config_.n_inner),
        config_.n_inner);
  });
}

void Transformer::store_keys_and_values(int layer, std::span<const TokenRow> rows, const float* qkv,
                                        PagedCache& cache) {
  const Stopwatch watch(profile_.attention);
  const int size = config_.head_size();
  const int heads = config_.n_head;
  for_each(static_cast<int>(rows.size()), config_.n_embd * 4, [&](int i) {
    const TokenRow& row = rows[static_cast<std::size_t>(i)];
    const float* keys =
        qkv + (static_cast<std::size_t>(i) * 3 + 1) * static_cast<std::size_t>(config_.n_embd);
    const float* values = keys + config_.n_embd;
    std::byte* page = cache.page_at(row.slot, row.position);
    for (int head = 0; head < heads; ++head) {
      kernels_.store_key_value(cache.type(), keys + head * size, values + head * size, size,
                               row.position % kernels::kPagePositions,
                               page + cache.key_offset(layer, head),
                               page + cache.value_offset(layer, head));
    }
  });
}

// All but the rows and what is computed of them.
kernels::Attention Transformer::attention_of(int layer, int head, const PagedCache& cache) const {
  kernels::Attention job;
  job.head_size = config_.head_size();
  if (config_.scale_attn_weights) job.scale = 1.0F / std::sqrt(static_cast<float>(job.head_size));
  if (config_.scale_attn_by_inverse_layer_idx) job.scale /= static_cast<float>(layer + 1);
  job.cache = cache.type();
  job.key_offset = cache.key_offset(layer, head);
  job.value_offset = cache.value_offset(layer, head);
  job.query_stride = static_cast<std::size_t>(config_.n_embd) * 3;
  return job;
}

void Transformer::attend(int layer, std::span<const TokenRow> rows, const float* qkv,
                         const PagedCache& cache, float* mixed) {
  const Stopwatch watch(profile_.attention);
  const int size = config_.head_size();
  const int heads = config_.n_head;
  const int count = static_cast<int>(rows.size());
  const auto width = static_cast<std::size_t>(config_.n_embd);

  // Head by head, so that pages shared by several rows are read together. A piece is some rows of a
  // head; each has scratch of its own.
  const int rows_each = std::max(1, std::min(count, 16));
  const int pieces_of_head = (count + rows_each - 1) / rows_each;
  const int pieces = heads * pieces_of_head;
  std::int64_t positions = 0;
  int longest = 1;
  auto* attended = attended_.at_least<kernels::AttentionRow>(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    attended[i] = {cache.pages(rows[i].slot), rows[i].position + 1};
    positions += attended[i].positions;
    longest = std::max(longest, attended[i].positions);
  }
  const auto scratch = static_cast<std::size_t>((longest + 15) / 16 * 16);
  const std::size_t scratch_of_piece = scratch * kernels::kAttentionRows;
  auto* scores = scores_.at_least<float>(scratch_of_piece * static_cast<std::size_t>(pieces));
  const std::int64_t work_each = positions * size * 2 / std::max(1, pieces_of_head);
  for_each(pieces, work_each, [&](int piece) {
    const int head = piece / pieces_of_head;
    const int first = piece % pieces_of_head * rows_each;
    kernels::Attention job = attention_of(layer, head, cache);
    job.scores = scores + scratch_of_piece * static_cast<std::size_t>(piece);
    job.output_stride = width;
    job.row = attended + first;
    job.rows = std::min(count - first, rows_each);
    job.query = qkv + static_cast<std::size_t>(first) * job.query_stride + head * size;
    job.output = mixed + static_cast<std::size_t>(first) * width + head * size;
    kernels_.attention(job);
  });
}

// A row that the kernel computes alone leaves its weights in the scratch.
void Transformer::show_attention(int layer, std::span<const TokenRow> rows, const float* qkv,
                                 const PagedCache& cache, Observer& observer) {
  const int size = config_.head_size();
  const int heads = config_.n_head;
  const auto width = static_cast<std::size_t>(config_.n_embd);
  int longest = 0;
  for (const TokenRow& row : rows) longest = std::max(longest, row.position + 1);
  const auto stride = static_cast<std::size_t>((longest + 15) / 16 * 16);
  auto* weights = shown_.at_least<float>(rows.size() * static_cast<std::size_t>(heads) * stride);
  auto* ignored = ignored_.at_least<float>(rows.size() * width);
  const int pieces = static_cast<int>(rows.size()) * heads;
  for_each(pieces, std::int64_t{longest} * size * 2, [&](int piece) {
    const auto row = static_cast<std::size_t>(piece / heads);
    const int head = piece % heads;
    const kernels::AttentionRow attended = {cache.pages(rows[row].slot), rows[row].position + 1};
    float* of_row = weights + static_cast<std::size_t>(piece) * stride;
    kernels::Attention job = attention_of(layer, head, cache);
    job.row = &attended;
    job.query = qkv + row * job.query_stride + head * size;
    job.scores = of_row;
    job.output = ignored + row * width + head * size;
    kernels_.attention(job);
    double sum = 0;
    for (int i = 0; i < attended.positions; ++i) sum += static_cast<double>(of_row[i]);
    for (int i = 0; i < attended.positions; ++i) {
      of_row[i] = static_cast<float>(static_cast<double>(of_row[i]) / sum);
    }
    std::fill(of_row + attended.positions, of_row + stride, 0.0F);
  });
  observer.on_attention(layer, rows, weights, stride);
}

}  // namespace medgen::native
