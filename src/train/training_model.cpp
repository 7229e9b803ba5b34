// GPT-2's forward pass for training. Shapes in comments; rows are batch * time.
#include "train/training_model.h"

#include <fmt/format.h>
#include <torch/version.h>

#include <cmath>

#include "bundle/activation.h"
#include "bundle/config.h"
#include "medgen/error.h"
#include "train/training_kernels.h"

namespace medgen::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

bool has_own_kernels(const at::Tensor& x) { return x.is_cpu() && x.scalar_type() == at::kFloat; }

// Queries processed together: their scores stay in a processor's second-level cache.
constexpr int kQueryBlock = 64;

struct AttentionShape {
  int batch, time, heads, head_size;
  float scale;
  int width() const { return heads * head_size; }
};

// One head of one window: pointers to its first row, rows `3 * width` or `width` apart.
struct HeadForward {
  const float *query, *key, *value;
  float *out, *log_sums;
};

void attend(const AttentionShape& s, const HeadForward& head, float* scores) {
  const int in = 3 * s.width();
  for (int begin = 0; begin < s.time; begin += kQueryBlock) {
    const int rows = std::min(kQueryBlock, s.time - begin);
    const int seen = begin + rows;
    gemm(false, true, rows, seen, s.head_size, s.scale, head.query + std::int64_t{begin} * in, in,
         head.key, in, 0, scores, seen);
    causal_softmax(scores, rows, seen, begin + 1, head.log_sums + begin);
    gemm(false, false, rows, s.head_size, seen, 1, scores, seen, head.value, in, 0,
         head.out + std::int64_t{begin} * s.width(), s.width());
  }
}

struct HeadBackward {
  HeadForward forward;
  const float* out_gradient;
  float *query_gradient, *key_gradient, *value_gradient;
};

// Probabilities are computed again rather than kept (as in Dao and others 2022, "FlashAttention",
// section 3.1).
void attend_backward(const AttentionShape& s, const HeadBackward& head, float* probabilities,
                     float* gradient) {
  const int in = 3 * s.width();
  float dots[kQueryBlock];
  for (int begin = 0; begin < s.time; begin += kQueryBlock) {
    const int rows = std::min(kQueryBlock, s.time - begin);
    const int seen = begin + rows;
    const float* query = head.forward.query + std::int64_t{begin} * in;
    const float* out = head.forward.out + std::int64_t{begin} * s.width();
    const float* out_gradient = head.out_gradient + std::int64_t{begin} * s.width();
    gemm(false, true, rows, seen, s.head_size, s.scale, query, in, head.forward.key, in, 0,
         probabilities, seen);
    causal_softmax_again(probabilities, rows, seen, begin + 1, head.forward.log_sums + begin);
    gemm(true, false, seen, s.head_size, rows, 1, probabilities, seen, out_gradient, s.width(), 1,
         head.value_gradient, in);
    gemm(false, true, rows, seen, s.head_size, 1, out_gradient, s.width(), head.forward.value, in,
         0, gradient, seen);
    row_dots(out, out_gradient, rows, s.head_size, s.width(), dots);
    softmax_gradient(probabilities, gradient, rows, seen, dots, s.scale);
    gemm(false, false, rows, s.head_size, seen, 1, gradient, seen, head.forward.key, in, 0,
         head.query_gradient + std::int64_t{begin} * in, in);
    gemm(true, false, seen, s.head_size, rows, 1, gradient, seen, query, in, 1, head.key_gradient,
         in);
  }
}

// qkv [rows, 3 * width] -> [rows, width]
class Attention : public torch::autograd::Function<Attention> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& qkv, std::int64_t batch,
                            std::int64_t heads, double scale) {
    const AttentionShape s = shape(qkv, batch, heads, scale);
    at::Tensor out = at::empty({qkv.size(0), s.width()}, qkv.options());
    at::Tensor log_sums = at::empty({batch, heads, s.time}, qkv.options());
    const at::Tensor scores = at::empty({kQueryBlock, s.time}, qkv.options());
    for (int index = 0; index < s.batch * s.heads; ++index) {
      attend(s, head(s, index, qkv, out, log_sums), scores.data_ptr<float>());
    }
    context->save_for_backward({qkv, out, log_sums});
    context->saved_data["batch"] = batch;
    context->saved_data["heads"] = heads;
    context->saved_data["scale"] = scale;
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& qkv = saved[0];
    const AttentionShape s =
        shape(qkv, context->saved_data["batch"].toInt(), context->saved_data["heads"].toInt(),
              context->saved_data["scale"].toDouble());
    const at::Tensor out_gradient = gradients[0].contiguous();
    at::Tensor gradient = at::zeros_like(qkv);
    const at::Tensor scratch = at::empty({2, kQueryBlock, s.time}, qkv.options());
    float* first = scratch.data_ptr<float>();
    for (int index = 0; index < s.batch * s.heads; ++index) {
      const HeadForward forward = head(s, index, qkv, saved[1], saved[2]);
      float* query = gradient.data_ptr<float>() + (forward.query - qkv.data_ptr<float>());
      attend_backward(
          s,
          {forward, out_gradient.data_ptr<float>() + (forward.out - saved[1].data_ptr<float>()),
           query, query + s.width(), query + std::int64_t{2} * s.width()},
          first, first + std::int64_t{kQueryBlock} * s.time);
    }
    return {gradient, at::Tensor(), at::Tensor(), at::Tensor()};
  }

 private:
  static AttentionShape shape(const at::Tensor& qkv, std::int64_t batch, std::int64_t heads,
                              double scale) {
    return {static_cast<int>(batch), static_cast<int>(qkv.size(0) / batch), static_cast<int>(heads),
            static_cast<int>(qkv.size(1) / (3 * heads)), static_cast<float>(scale)};
  }

  static HeadForward head(const AttentionShape& s, int index, const at::Tensor& qkv,
                          const at::Tensor& out, const at::Tensor& log_sums) {
    const std::int64_t row = std::int64_t{index / s.heads} * s.time;
    const std::int64_t column = std::int64_t{index % s.heads} * s.head_size;
    const float* query = qkv.data_ptr<float>() + row * 3 * s.width() + column;
    return {query, query + s.width(), query + std::int64_t{2} * s.width(),
            out.data_ptr<float>() + row * s.width() + column,
            log_sums.data_ptr<float>() + std::int64_t{index} * s.time};
  }
};

class Gelu : public torch::autograd::Function<Gelu> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x) {
    context->save_for_backward({x});
    at::Tensor y = at::empty_like(x);
    gelu(x.data_ptr<float>(), y.data_ptr<float>(), x.numel());
    return y;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const at::Tensor x = context->get_saved_variables()[0];
    const at::Tensor given = gradients[0].contiguous();
    at::Tensor gradient = at::empty_like(x);
    gelu_gradient(x.data_ptr<float>(), given.data_ptr<float>(), gradient.data_ptr<float>(),
                  x.numel());
    return {gradient};
  }
};

class Dropout : public torch::autograd::Function<Dropout> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, double probability,
                            std::int64_t key, std::int64_t first) {
    context->saved_data["probability"] = probability;
    context->saved_data["key"] = key;
    context->saved_data["first"] = first;
    return apply_mask(x, probability, key, first);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    return {apply_mask(gradients[0].contiguous(), context->saved_data["probability"].toDouble(),
                       context->saved_data["key"].toInt(), context->saved_data["first"].toInt()),
            at::Tensor(), at::Tensor(), at::Tensor()};
  }

 private:
  static at::Tensor apply_mask(const at::Tensor& x, double probability, std::int64_t key,
                               std::int64_t first) {
    at::Tensor y = at::empty_like(x);
    dropout(x.data_ptr<float>(), y.data_ptr<float>(), x.numel(), probability,
            static_cast<std::uint64_t>(key), first);
    return y;
  }
};

// The same attention by libtorch's operations, for other devices.
at::Tensor plain_attention(const at::Tensor& qkv, std::int64_t batch, std::int64_t heads,
                           double scale) {
  const std::int64_t time = qkv.size(0) / batch;
  const std::int64_t width = qkv.size(1) / 3;
  const std::vector<at::Tensor> parts =
      qkv.view({batch, time, 3, heads, width / heads}).transpose(1, 3).unbind(2);
#if TORCH_VERSION_MAJOR >= 2
  const at::Tensor mixed = at::scaled_dot_product_attention(
      parts[0], parts[1], parts[2], /*attn_mask=*/{}, /*dropout_p=*/0, /*is_causal=*/true, scale);
#else
  const at::Tensor later = at::ones({time, time}, qkv.options().dtype(at::kBool)).triu(1);
  const at::Tensor scores =
      at::matmul(parts[0] * scale, parts[1].transpose(2, 3)).masked_fill(later, -INFINITY);
  const at::Tensor mixed = at::matmul(at::softmax(scores, -1), parts[2]);
#endif
  return mixed.transpose(1, 2).reshape({-1, width});
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  bool bf16) {
  if (!bf16) return at::addmm(bias, x, weight);
  const at::Tensor x16 = x.to(at::kBFloat16);
  const at::Tensor weight16 = weight.to(at::kBFloat16);
  if (!x.is_cpu()) return at::addmm(bias.to(at::kBFloat16), x16, weight16);
  return x16.mm(weight16).to(at::kFloat) + bias;
}

// The teachers' summed probabilities for `count` rows from `begin` on: [count, vocab]
at::Tensor summed_probabilities(const std::vector<TeacherRows>& teachers, std::int64_t begin,
                                std::int64_t count) {
  at::Tensor sum;
  for (const TeacherRows& teacher : teachers) {
    const at::Tensor scores = teacher.hidden.narrow(0, begin, count).mm(teacher.output.t());
    const at::Tensor probabilities = at::softmax(scores, 1, at::kFloat);
    sum = sum.defined() ? sum.add_(probabilities) : probabilities;
  }
  return sum;
}

class DropoutSites {
 public:
  explicit DropoutSites(const ForwardOptions& options) : options_(options) {}

  at::Tensor operator()(const at::Tensor& x) {
    if (options_.dropout == 0) return x;
    // Weyl steps keep the keys of neighbouring sites far apart (Steele and others 2014, SplitMix).
    const std::uint64_t key = options_.key + 0x9E3779B97F4A7C15U * ++site_;
    if (!has_own_kernels(x)) return at::dropout(x, options_.dropout, /*train=*/true);
    return Dropout::apply(x.contiguous(), options_.dropout, static_cast<std::int64_t>(key),
                          options_.first_row * x.size(1));
  }

 private:
  const ForwardOptions& options_;
  std::uint64_t site_ = 0;
};

}  // namespace

TrainingModel::TrainingModel(const ModelConfig& config,
                             const std::vector<NamedParameter>& parameters)
    : config_(config) {
  const auto find = [&](const std::string& name) {
    for (const NamedParameter& parameter : parameters) {
      if (parameter.name == name) return parameter.tensor;
    }
    throw Error(ErrorCode::kRuntime, "no parameter is called " + name);
  };
  const auto affine = [&](const std::string& name) {
    return Affine{find(name + ".weight"), find(name + ".bias")};
  };
  wte_ = find("transformer.wte.weight");
  wpe_ = find("transformer.wpe.weight");
  output_ = config.tie_word_embeddings ? wte_ : find("lm_head.weight");
  ln_f_ = affine("transformer.ln_f");
  for (int i = 0; i < config.n_layer; ++i) {
    const std::string h = fmt::format("transformer.h.{}", i);
    layers_.push_back({affine(h + ".ln_1"), affine(h + ".attn.c_attn"), affine(h + ".attn.c_proj"),
                       affine(h + ".ln_2"), affine(h + ".mlp.c_fc"), affine(h + ".mlp.c_proj")});
  }
}

at::Tensor TrainingModel::norm(const at::Tensor& x, const Affine& affine) const {
  return at::layer_norm(x, {config_.n_embd}, affine.weight, affine.bias,
                        config_.layer_norm_epsilon);
}

at::Tensor TrainingModel::activation(const at::Tensor& x) const {
  switch (bundle::activation_formula(config_.activation_function)) {
    case bundle::ActivationFormula::kGelu:
      return at::gelu(x);
    case bundle::ActivationFormula::kGelu10:
      return at::clamp(at::gelu(x), -10.0, 10.0);
    case bundle::ActivationFormula::kGeluTanh:
      return has_own_kernels(x) ? Gelu::apply(x) : at::gelu(x, "tanh");
    case bundle::ActivationFormula::kHardSwish:
      return at::hardswish(x);
    case bundle::ActivationFormula::kLaplace:
      return 0.5 * (1.0 + at::erf((x - 0.707107) / (0.282095 * std::sqrt(2.0))));
    case bundle::ActivationFormula::kLeakyRelu:
      return at::leaky_relu(x, 0.01);
    case bundle::ActivationFormula::kLinear:
      return x;
    case bundle::ActivationFormula::kMish:
      return at::mish(x);
    case bundle::ActivationFormula::kQuickGelu:
      return x * at::sigmoid(1.702 * x);
    case bundle::ActivationFormula::kRelu:
      return at::relu(x);
    case bundle::ActivationFormula::kRelu2:
      return at::square(at::relu(x));
    case bundle::ActivationFormula::kRelu6:
      return at::clamp(x, 0.0, 6.0);
    case bundle::ActivationFormula::kSigmoid:
      return at::sigmoid(x);
    case bundle::ActivationFormula::kSilu:
      return x * at::sigmoid(x);
    case bundle::ActivationFormula::kSqrtSoftplus:
      return at::sqrt(at::softplus(x));
    case bundle::ActivationFormula::kTanh:
      return at::tanh(x);
  }
  return x;
}

at::Tensor TrainingModel::hidden(const at::Tensor& input_ids, const ForwardOptions& options) const {
  const std::int64_t batch = input_ids.size(0);
  const std::int64_t time = input_ids.size(1);
  DropoutSites drop(options);
  at::Tensor x = at::embedding(wte_, input_ids) + wpe_.narrow(0, 0, time);
  x = drop(x.view({batch * time, config_.n_embd}));
  for (int i = 0; i < config_.n_layer; ++i) {
    const Layer& layer = layers_[static_cast<std::size_t>(i)];
    double scale = config_.scale_attn_weights ? 1.0 / std::sqrt(config_.head_size()) : 1.0;
    if (config_.scale_attn_by_inverse_layer_idx) scale /= i + 1;
    const at::Tensor qkv =
        linear(norm(x, layer.ln_1), layer.c_attn.weight, layer.c_attn.bias, options.bf16);
    const at::Tensor mixed = has_own_kernels(qkv) && has_gemm()
                                 ? Attention::apply(qkv, batch, config_.n_head, scale)
                                 : plain_attention(qkv, batch, config_.n_head, scale);
    x = x + drop(linear(mixed, layer.attn_proj.weight, layer.attn_proj.bias, options.bf16));
    const at::Tensor inner =
        activation(linear(norm(x, layer.ln_2), layer.c_fc.weight, layer.c_fc.bias, options.bf16));
    x = x + drop(linear(inner, layer.mlp_proj.weight, layer.mlp_proj.bias, options.bf16));
  }
  return norm(x, ln_f_);
}

double output_loss(const at::Tensor& hidden, const at::Tensor& output, const at::Tensor& targets,
                   const LossOptions& options, at::Tensor* hidden_gradient) {
  const torch::NoGradGuard no_grad;
  // On a CPU, a block's logits stay in the cache; a GPU needs many rows to be busy.
  const std::int64_t block_rows = hidden.is_cpu() ? 256 : 8192;
  const std::int64_t rows = hidden.size(0);
  const auto product_type = [&](const at::Tensor& x) {
    return options.bf16 ? x.detach().to(at::kBFloat16) : x.detach();
  };
  const at::Tensor rows_in = product_type(hidden);
  const at::Tensor weight = product_type(output);
  std::vector<TeacherRows> teachers;
  for (const TeacherRows& teacher : options.teachers) {
    teachers.push_back({product_type(teacher.hidden), product_type(teacher.output)});
  }
  const bool learn_output = hidden_gradient != nullptr && output.requires_grad();
  if (hidden_gradient != nullptr) {
    *hidden_gradient = at::empty_like(hidden, at::MemoryFormat::Contiguous);
  }
  if (learn_output && !output.grad().defined()) {
    output.mutable_grad() = at::zeros_like(output, at::MemoryFormat::Contiguous);
  }
  const double part = options.scale / static_cast<double>(rows);
  double nll = 0;
  at::Tensor device_nll;  // summed on the device: fetching each block's would wait for it
  for (std::int64_t begin = 0; begin < rows; begin += block_rows) {
    const std::int64_t count = std::min(block_rows, rows - begin);
    const at::Tensor block = rows_in.narrow(0, begin, count);
    const at::Tensor picked = targets.narrow(0, begin, count);
    const at::Tensor column = picked.unsqueeze(1);
    at::Tensor scores = block.mm(weight.t());
    if (hidden.is_cpu()) scores = scores.to(at::kFloat);
    // The code below leaves softmax - target in `scores`, if gradients are wanted.
    const auto add_to_target = [&](float value) {
      scores.scatter_add_(1, column, at::full({count, 1}, value, scores.options()));
    };
    if (has_own_kernels(scores)) {
      nll += softmax_loss(scores.data_ptr<float>(), count, scores.size(1),
                          picked.data_ptr<std::int64_t>(), 1, hidden_gradient != nullptr);
    } else {
      scores = at::log_softmax(scores, 1, at::kFloat);
      const at::Tensor sum = scores.gather(1, column).sum(at::kDouble);
      device_nll = device_nll.defined() ? device_nll - sum : -sum;
      if (hidden_gradient != nullptr) {
        scores.exp_();
        add_to_target(-1);
      }
    }
    if (hidden_gradient == nullptr) continue;
    if (!teachers.empty()) {
      scores.sub_(summed_probabilities(teachers, begin, count),
                  options.distil_weight / static_cast<double>(teachers.size()));
      add_to_target(static_cast<float>(options.distil_weight));
    }
    const at::Tensor gradient = options.bf16 ? scores.to(at::kBFloat16) : scores;
    hidden_gradient->narrow(0, begin, count).copy_(gradient.mm(weight)).mul_(part);
    if (learn_output) output.mutable_grad().add_(gradient.t().mm(block), part);
  }
  if (device_nll.defined()) nll = device_nll.item<double>();
  return nll / static_cast<double>(rows);
}

}  // namespace medgen::train
