// A training step's loss and gradients.
#include "train/gradient_check.h"

#include <torch/torch.h>

#include "torchscript/gpt2_module.h"
#include "torchscript/runtime.h"
#include "train/trainer.h"
#include "train/training_step.h"

namespace medgen::train {
namespace {

at::Tensor to_tensor(const std::vector<std::vector<TokenId>>& windows) {
  std::vector<at::Tensor> rows;
  for (const auto& window : windows) rows.push_back(torch::tensor(window, torch::kInt64));
  return at::stack(rows);
}

torch::jit::Module read_module(const ModelConfig& config, const bundle::TensorReader& parameters) {
  torch::jit::Module module = torchscript::make_gpt2_module(config);
  torchscript::read_parameters(parameters, config, module);
  return module;
}

// [tokens, vocab_size]
at::Tensor plain_logits(torch::jit::Module& module, const at::Tensor& input) {
  const at::Tensor positions = torch::arange(input.size(1)).unsqueeze(0).expand_as(input);
  const at::Tensor logits =
      module.forward({input, positions, c10::IValue()}).toTuple()->elements()[0].toTensor();
  return logits.flatten(0, 1);
}

// Nothing of training's own: the exported forward() and the textbook losses.
double plain_loss(torch::jit::Module& module, const at::Tensor& batch, const ModelConfig& config,
                  const GradientOptions& options) {
  const std::int64_t time = batch.size(1) - 1;
  const at::Tensor input = batch.narrow(1, 0, time).contiguous();
  const at::Tensor targets = batch.narrow(1, 1, time).reshape(-1);
  const at::Tensor logits = plain_logits(module, input);
  const at::Tensor nll = at::cross_entropy_loss(logits, targets);
  at::Tensor learnt = nll;
  if (!options.teachers.empty()) {
    at::Tensor expected = at::one_hot(targets, config.vocab_size) * (1 - options.distil_weight);
    const double share = options.distil_weight / static_cast<double>(options.teachers.size());
    for (const bundle::TensorReader& parameters : options.teachers) {
      torch::jit::Module teacher = read_module(config, parameters);
      expected = expected + share * at::softmax(plain_logits(teacher, input), 1).detach();
    }
    learnt = -(expected * at::log_softmax(logits, 1)).sum(1).mean();
  }
  learnt.backward();
  return nll.item<double>();
}

}  // namespace

LossAndGradients loss_and_gradients(const ModelConfig& config,
                                    const bundle::TensorReader& parameters,
                                    const std::vector<std::vector<TokenId>>& windows,
                                    const GradientOptions& options) {
  torchscript::prepare_training_runtime(options.threads);
  torch::jit::Module module = read_module(config, parameters);
  const std::vector<NamedParameter> named = named_parameters(module, config);
  set_trainable(named, config, {});
  const at::Tensor batch = to_tensor(windows);
  LossAndGradients result;
  if (options.plain) {
    result.loss = plain_loss(module, batch, config, options);
  } else {
    TrainingStep step(config, named, options.threads);
    std::vector<TrainingModel> teachers;
    for (const bundle::TensorReader& teacher : options.teachers) {
      teachers.emplace_back(config, named_parameters(read_module(config, teacher), config));
    }
    step.set_teachers(std::move(teachers));
    StepOptions step_options;
    step_options.distil_weight = options.distil_weight;
    step_options.chunk_windows = 2 * options.threads;
    step_options.forward = {.dropout = options.dropout, .key = 1, .bf16 = options.bf16};
    result.loss = step.gradients(batch, step_options);
  }
  for (const NamedParameter& parameter : named) {
    const at::Tensor gradient = parameter.tensor.grad().contiguous();
    const float* data = gradient.data_ptr<float>();
    result.gradients.emplace(parameter.name, std::vector<float>(data, data + gradient.numel()));
  }
  return result;
}

}  // namespace medgen::train
