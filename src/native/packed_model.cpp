// See the header. The layout is one walk over the tensors in the order in which a step reads them.
#include "native/packed_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "bundle/half.h"

namespace medgen::native {
namespace {

constexpr std::uint64_t kAlignment = 64;

// Allocates places one after another.
class Walk {
 public:
  explicit Walk(const std::byte* block) : block_(block) {}

  const std::byte* take(std::uint64_t bytes) {
    const std::uint64_t at = used_;
    used_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
    return block_ == nullptr ? nullptr : block_ + at;
  }
  template <typename T>
  const T* take_of(std::int64_t count) {
    return reinterpret_cast<const T*>(take(static_cast<std::uint64_t>(count) * sizeof(T)));
  }
  std::uint64_t used() const { return used_; }

 private:
  const std::byte* block_;
  std::uint64_t used_ = 0;
};

void place(Walk& walk, Precision precision, int k, int n, Matrix& matrix) {
  matrix.k = k;
  matrix.n = n;
  const auto columns = static_cast<std::int64_t>(matrix.n_padded());
  const auto count =
      static_cast<std::uint64_t>(columns) * static_cast<std::uint64_t>(matrix.k_padded(precision));
  const std::uint64_t width = precision == Precision::kFloat32    ? 4
                              : precision == Precision::kBFloat16 ? 2
                                                                  : 1;
  matrix.bias = walk.take_of<float>(columns);
  if (precision == Precision::kInt8) {
    matrix.column_scale = walk.take_of<float>(columns);
    matrix.column_sum = walk.take_of<std::int32_t>(columns);
    matrix.input_scale = walk.take_of<float>(k);
  }
  matrix.weights = walk.take(count * width);
}

void place(Walk& walk, int width, Norm& norm) {
  norm.weight = walk.take_of<float>(width);
  norm.bias = walk.take_of<float>(width);
}

const void* row_of(const PackedModel& model, const void* table, int row) {
  const std::uint64_t width = model.half_embeddings ? 2 : 4;
  const auto elements =
      static_cast<std::uint64_t>(row) * static_cast<std::uint64_t>(model.config.n_embd);
  return static_cast<const std::byte*>(table) + elements * width;
}

}  // namespace

std::string_view to_string(Precision precision) {
  switch (precision) {
    case Precision::kFloat32:
      return "fp32";
    case Precision::kBFloat16:
      return "bf16";
    case Precision::kInt8:
      return "int8";
  }
  return "";
}

int Matrix::k_padded(Precision precision) const {
  const int block = precision == Precision::kInt8 ? kernels::kInt8Block : 1;
  return (k + block - 1) / block * block;
}

const void* PackedModel::token_row(int id) const { return row_of(*this, wte, id); }
const void* PackedModel::position_row(int position) const { return row_of(*this, wpe, position); }

PackedModel lay_out(const ModelConfig& config, Precision precision, const std::byte* block) {
  PackedModel model;
  model.config = config;
  model.precision = precision;
  model.half_embeddings = precision != Precision::kFloat32;
  const int width = config.n_embd;
  Walk walk(block);
  // pack()'s choice for each matrix comes first.
  const int matrices = config.n_layer * kLayerMatrices + 1;
  const auto* q_max = walk.take_of<std::int32_t>(precision == Precision::kInt8 ? matrices : 0);
  model.layers.resize(static_cast<std::size_t>(config.n_layer));
  for (Layer& layer : model.layers) {
    place(walk, width, layer.ln_1);
    place(walk, precision, width, 3 * width, layer.c_attn);
    place(walk, precision, width, width, layer.attn_proj);
    place(walk, width, layer.ln_2);
    place(walk, precision, width, config.n_inner, layer.c_fc);
    place(walk, precision, config.n_inner, width, layer.mlp_proj);
  }
  place(walk, width, model.ln_f);
  place(walk, precision, width, config.vocab_size, model.lm_head);
  const std::uint64_t element = model.half_embeddings ? 2 : 4;
  const auto row = static_cast<std::uint64_t>(width) * element;
  model.wpe = walk.take(static_cast<std::uint64_t>(config.n_positions) * row);
  model.wte = walk.take(static_cast<std::uint64_t>(config.vocab_size) * row);
  model.size_bytes = walk.used();
  if (precision == Precision::kInt8 && block != nullptr) {
    for (int i = 0; i < matrices; ++i) {
      Matrix& matrix = i + 1 == matrices
                           ? model.lm_head
                           : matrix_of(model.layers[static_cast<std::size_t>(i / kLayerMatrices)],
                                       i % kLayerMatrices);
      matrix.q_max = q_max[i];
      matrix.wide = matrix.q_max > 127;
    }
  }
  return model;
}

std::vector<float> head_column(const PackedModel& model, int token) {
  const Matrix& head = model.lm_head;
  const auto k = static_cast<std::size_t>(head.k_padded(model.precision));
  const auto panel = static_cast<std::size_t>(token / kernels::kPanel) * k * kernels::kPanel;
  const auto lane = static_cast<std::size_t>(token % kernels::kPanel);
  std::vector<float> column(static_cast<std::size_t>(head.k));
  for (std::size_t j = 0; j < column.size(); ++j) {
    const std::size_t place = panel + j * kernels::kPanel + lane;
    switch (model.precision) {
      case Precision::kFloat32:
        column[j] = static_cast<const float*>(head.weights)[place];
        break;
      case Precision::kBFloat16:
        column[j] =
            bundle::bfloat16_to_float(static_cast<const std::uint16_t*>(head.weights)[place]);
        break;
      case Precision::kInt8: {  // four of k lie together
        const std::size_t quad = panel + (j / 4 * kernels::kPanel + lane) * 4 + j % 4;
        column[j] = static_cast<float>(static_cast<const std::int8_t*>(head.weights)[quad]) *
                    head.column_scale[token] * head.input_scale[j];
        break;
      }
    }
  }
  return column;
}

std::vector<float> token_embedding(const PackedModel& model, int token) {
  std::vector<float> row(static_cast<std::size_t>(model.config.n_embd));
  const void* stored = model.token_row(token);
  for (std::size_t j = 0; j < row.size(); ++j) {
    row[j] = model.half_embeddings
                 ? bundle::half_to_float(static_cast<const std::uint16_t*>(stored)[j])
                 : static_cast<const float*>(stored)[j];
  }
  return row;
}

int wide_q_max(int k) {
  // |q| <= q_max, |w| <= 127: the sum is at most k q_max 127.
  return static_cast<int>(std::min<std::int64_t>(4095, 2147483647LL / (127LL * k)));
}

std::string unsupported_reason(const ModelConfig& config) {
  if (config.head_size() > kernels::kMaxHeadSize) {
    return fmt::format("its heads are {} wide; the native engine takes up to {}",
                       config.head_size(), kernels::kMaxHeadSize);
  }
  if (config.n_embd > 65536 || config.n_inner > 131072)
    return "it is wider than the native engine supports";
  return "";
}

ActivationSteps activation_steps(bundle::ActivationFormula formula) {
  using kernels::Activation;
  using kernels::Epilogue;
  switch (formula) {
    case bundle::ActivationFormula::kGelu:
      return {kernels::Epilogue::kStore, kernels::Activation::kGelu};
    case bundle::ActivationFormula::kGelu10:
      return {kernels::Epilogue::kStore, kernels::Activation::kGelu10};
    case bundle::ActivationFormula::kGeluTanh:
      return {kernels::Epilogue::kGeluTanh, std::nullopt};
    case bundle::ActivationFormula::kHardSwish:
      return {kernels::Epilogue::kStore, kernels::Activation::kHardSwish};
    case bundle::ActivationFormula::kLaplace:
      return {kernels::Epilogue::kStore, kernels::Activation::kLaplace};
    case bundle::ActivationFormula::kLeakyRelu:
      return {kernels::Epilogue::kStore, kernels::Activation::kLeakyRelu};
    case bundle::ActivationFormula::kLinear:
      break;
    case bundle::ActivationFormula::kMish:
      return {kernels::Epilogue::kStore, kernels::Activation::kMish};
    case bundle::ActivationFormula::kQuickGelu:
      return {kernels::Epilogue::kStore, kernels::Activation::kQuickGelu};
    case bundle::ActivationFormula::kRelu:
      return {kernels::Epilogue::kRelu, std::nullopt};
    case bundle::ActivationFormula::kRelu2:
      return {kernels::Epilogue::kStore, kernels::Activation::kRelu2};
    case bundle::ActivationFormula::kRelu6:
      return {kernels::Epilogue::kStore, kernels::Activation::kRelu6};
    case bundle::ActivationFormula::kSigmoid:
      return {kernels::Epilogue::kStore, kernels::Activation::kSigmoid};
    case bundle::ActivationFormula::kSilu:
      return {kernels::Epilogue::kStore, kernels::Activation::kSilu};
    case bundle::ActivationFormula::kSqrtSoftplus:
      return {kernels::Epilogue::kStore, kernels::Activation::kSqrtSoftplus};
    case bundle::ActivationFormula::kTanh:
      return {kernels::Epilogue::kStore, kernels::Activation::kTanh};
  }
  return {kernels::Epilogue::kStore, std::nullopt};
}

}  // namespace medgen::native
