// Trains a GPT-2 from text.
#include "torch/trainer.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <chrono>
#include <cmath>

#include "bundle/config.h"
#include "corpus/token_stream.h"
#include "medgen/error.h"
#include "torch/checkpoint.h"
#include "torch/gpt2_module.h"
#include "torch/optimizer.h"
#include "torch/runtime.h"

namespace medgen {
namespace {

constexpr double kLn2 = 0.69314718055994530942;

ModelConfig model_config(const TrainOptions& options, const Tokenizer& tokenizer) {
  ModelConfig config;
  config.vocab_size = tokenizer.vocab_size();
  config.n_positions = options.n_positions;
  config.n_embd = options.n_embd;
  config.n_layer = options.n_layer;
  config.n_head = options.n_head;
  config.n_inner = 4 * options.n_embd;
  config.eos_token_id = tokenizer.eos_id();
  config.bos_token_id = tokenizer.eos_id();  // a document begins after the end of another
  validate(config);
  return config;
}

// GPT-2's: normal with deviation 0.02, less for what is added to the residual stream; norms at
// identity.
void initialise(const std::vector<NamedParameter>& parameters, int n_layer, std::uint64_t seed) {
  const torch::NoGradGuard no_grad;
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  for (const NamedParameter& parameter : parameters) {
    at::Tensor tensor = parameter.tensor;
    const auto named = [&](const char* part) {
      return parameter.name.find(part) != std::string::npos;
    };
    if (tensor.dim() == 2) {
      const double deviation = named("c_proj.") ? 0.02 / std::sqrt(2.0 * n_layer) : 0.02;
      tensor.normal_(0, deviation, generator);
    } else if (named("ln_") && named(".weight")) {
      tensor.fill_(1);
    } else {
      tensor.zero_();
    }
  }
}

std::vector<NamedParameter> named_parameters(const torch::jit::Module& module,
                                             const ModelConfig& config) {
  std::vector<NamedParameter> parameters;
  for (const ParameterSpec& spec : parameter_specs(config)) {
    parameters.push_back({spec.name, find_parameter(module, spec.name)});
  }
  return parameters;
}

std::vector<Document> read_all(const std::vector<std::filesystem::path>& files) {
  std::vector<Document> documents;
  for (const auto& file : files) {
    read_documents(file, [&](Document&& document) { documents.push_back(std::move(document)); });
  }
  return documents;
}

at::Tensor to_tensor(const std::vector<TokenId>& ids, std::int64_t rows) {
  return torch::tensor(ids, torch::kInt64).view({rows, -1});
}

class Trainer {
 public:
  Trainer(const TrainOptions& options, TrainObserver& observer)
      : options_(options),
        observer_(observer),
        tokenizer_(load_tokenizer(options.tokenizer)),
        config_(model_config(options, *tokenizer_)),
        module_(make_gpt2_module(config_, StorageType::kFloat32)),
        parameters_(named_parameters(module_, config_)),
        output_(find_parameter(module_, "transformer.wte.weight")),
        stream_(
            read_all(options.data), options.weights, *tokenizer_,
            {.rows = options.batch_windows, .window = options.n_positions, .seed = options.seed}),
        steps_((options.tokens + tokens_per_step() - 1) / tokens_per_step()) {
    initialise(parameters_, config_.n_layer, options_.seed);
    for (const NamedParameter& parameter : parameters_) parameter.tensor.set_requires_grad(true);
    optimizer_ = std::make_unique<Optimizer>(
        parameters_, OptimizerOptions{.muon = options_.optimizer == "muon",
                                      .learning_rate = options_.learning_rate,
                                      .muon_learning_rate = options_.muon_learning_rate,
                                      .weight_decay = options_.weight_decay});
    positions_ = torch::arange(config_.n_positions).unsqueeze(0);
    if (!options_.valid.empty()) {
      held_out_ = evaluation_windows(read_all({options_.valid}), *tokenizer_, config_.n_positions);
    }
  }

  void run() {
    WorkFolder folder(options_.work_dir);
    resume(folder);
    const std::int64_t first = optimizer_->steps();
    observer_.on_start(config_.parameter_count(), steps_, first);
    auto since = std::chrono::steady_clock::now();
    double loss_sum = 0;
    std::int64_t loss_steps = 0;
    for (std::int64_t step = first; step < steps_; ++step) {
      if (observer_.interrupted()) return save(folder);
      loss_sum += train_step(step);
      ++loss_steps;
      const std::int64_t done = step + 1;
      if (done % options_.log_every_steps == 0 || done == steps_) {
        const auto now = std::chrono::steady_clock::now();
        report(folder, done, loss_sum / static_cast<double>(loss_steps), loss_steps,
               std::chrono::duration<double>(now - since).count());
        since = now;
        loss_sum = 0;
        loss_steps = 0;
      }
      if (done % options_.checkpoint_every_steps == 0 || done == steps_) save(folder);
      if (done % options_.valid_every_steps == 0 && done != steps_) validate_sample(folder, done);
    }
    if (held_out_.tokens > 0) publish(folder, evaluate(steps_, 1, true));
    write_trained_bundle(options_, config_, module_);
  }

 private:
  std::int64_t tokens_per_step() const {
    return std::int64_t{options_.batch_windows} * options_.n_positions;
  }

  at::Tensor hidden_states(const at::Tensor& input) {
    const at::Tensor positions =
        positions_.narrow(1, 0, input.size(1)).expand({input.size(0), input.size(1)});
    return module_.get_method("hidden")({input, positions, c10::IValue()}).toTensor();
  }

  double train_step(std::int64_t step) {
    const at::Tensor batch = to_tensor(stream_.next_batch(), options_.batch_windows);
    const std::int64_t parts = options_.batch_windows / options_.micro_batch_windows;
    double loss = 0;
    for (const at::Tensor& part : batch.chunk(parts, 0)) {
      const at::Tensor input = part.narrow(1, 0, config_.n_positions).contiguous();
      const at::Tensor targets = part.narrow(1, 1, config_.n_positions).reshape(-1);
      const at::Tensor hidden = hidden_states(input);
      at::Tensor gradient;
      loss += output_loss(hidden, output_, targets, 1.0 / static_cast<double>(parts), &gradient);
      hidden.backward(gradient);
    }
    loss /= static_cast<double>(parts);
    if (!std::isfinite(loss)) {
      throw Error(ErrorCode::kRuntime,
                  "the loss is not a number at step " + std::to_string(step + 1) +
                      "; the last good checkpoint is in " + options_.work_dir.string() +
                      ". Lower --learning-rate or --muon-learning-rate and start again from it.");
    }
    optimizer_->clip_gradients(options_.max_gradient_norm);
    optimizer_->step(rate_factor(options_, step));
    optimizer_->zero_gradients();
    return loss;
  }

  // The held-out text, or every `stride`-th window of it.
  ValidationResult evaluate(std::int64_t step, std::size_t stride, bool whole) {
    const torch::NoGradGuard no_grad;
    double nll = 0;
    std::int64_t tokens = 0;
    for (std::size_t i = 0; i < held_out_.windows.size(); i += stride) {
      const at::Tensor window = to_tensor(held_out_.windows[i], 1);
      const std::int64_t length = window.size(1) - 1;
      const at::Tensor hidden = hidden_states(window.narrow(1, 0, length));
      const at::Tensor targets = window.narrow(1, 1, length).reshape(-1);
      nll += output_loss(hidden, output_, targets, 1, nullptr) * static_cast<double>(length);
      tokens += length;
    }
    const double loss = nll / static_cast<double>(tokens);
    const double tokens_per_byte =
        static_cast<double>(held_out_.tokens) / static_cast<double>(held_out_.bytes);
    return {
        .step = step, .loss = loss, .bits_per_byte = loss / kLn2 * tokens_per_byte, .whole = whole};
  }

  void validate_sample(WorkFolder& folder, std::int64_t step) {
    if (held_out_.tokens == 0) return;
    const auto windows = static_cast<std::int64_t>(held_out_.windows.size());
    const std::int64_t stride = std::max<std::int64_t>(1, windows / options_.valid_windows);
    publish(folder, evaluate(step, static_cast<std::size_t>(stride), stride == 1));
  }

  void publish(WorkFolder& folder, const ValidationResult& result) {
    folder.log(result);
    observer_.on_validation(result);
  }

  void report(WorkFolder& folder, std::int64_t done, double loss, std::int64_t steps,
              double seconds) {
    TrainProgress progress;
    progress.step = done;
    progress.steps = steps_;
    progress.loss = loss;
    progress.learning_rate_factor = rate_factor(options_, done - 1);
    progress.tokens_per_second = static_cast<double>(steps * tokens_per_step()) / seconds;
    progress.seconds_left =
        static_cast<double>(steps_ - done) * seconds / static_cast<double>(steps);
    progress.epochs = stream_.epochs_begun();
    folder.log(progress);
    observer_.on_progress(progress);
  }

  void resume(WorkFolder& folder) {
    auto checkpoint = folder.load();
    if (!checkpoint) return;
    visit_tensors([&](const std::string& name, at::Tensor& tensor) {
      const torch::NoGradGuard no_grad;
      tensor.copy_(checkpoint->tensor(name, tensor.sizes()));
    });
    optimizer_->restore_steps(checkpoint->step);
    stream_.restore(std::move(checkpoint->position));
  }

  void save(WorkFolder& folder) {
    Checkpoint checkpoint;
    checkpoint.step = optimizer_->steps();
    checkpoint.position = stream_.position();
    visit_tensors([&](const std::string& name, at::Tensor& tensor) {
      checkpoint.tensors.insert_or_assign(name, tensor.detach());
    });
    observer_.on_checkpoint(checkpoint.step, folder.save(checkpoint));
  }

  void visit_tensors(const std::function<void(const std::string&, at::Tensor&)>& visit) {
    for (NamedParameter& parameter : parameters_)
      visit("parameter." + parameter.name, parameter.tensor);
    optimizer_->visit_state(visit);
  }

  const TrainOptions& options_;
  TrainObserver& observer_;
  std::unique_ptr<Tokenizer> tokenizer_;
  ModelConfig config_;
  torch::jit::Module module_;
  std::vector<NamedParameter> parameters_;
  at::Tensor output_;
  TokenStream stream_;
  std::int64_t steps_;
  std::unique_ptr<Optimizer> optimizer_;
  at::Tensor positions_;
  EvaluationText held_out_;
};

}  // namespace

double rate_factor(const TrainOptions& options, std::int64_t step) {
  const double per_step = static_cast<double>(options.batch_windows) * options.n_positions;
  const double at = (static_cast<double>(step) + 0.5) * per_step;
  const auto total = static_cast<double>(options.tokens);
  const double fall_begins = std::max(options.constant_fraction * total, options.warmup_tokens);
  const double rise = std::min(1.0, at / std::max(options.warmup_tokens, per_step));
  const double fall = std::min(1.0, (total - at) / std::max(total - fall_begins, per_step));
  return std::max(0.0, std::min(rise, fall));
}

double output_loss(const at::Tensor& hidden, const at::Tensor& output, const at::Tensor& targets,
                   double scale, at::Tensor* hidden_gradient) {
  const torch::NoGradGuard no_grad;
  constexpr std::int64_t kBlock = 512;
  const std::int64_t rows = hidden.size(0);
  const at::Tensor weight = output.detach();
  if (hidden_gradient != nullptr) {
    *hidden_gradient = at::empty_like(hidden, at::MemoryFormat::Contiguous);
    if (!output.grad().defined()) output.mutable_grad() = at::zeros_like(weight);
  }
  double nll = 0;
  for (std::int64_t begin = 0; begin < rows; begin += kBlock) {
    const std::int64_t count = std::min(kBlock, rows - begin);
    const at::Tensor block = hidden.detach().narrow(0, begin, count);
    const at::Tensor picked = targets.narrow(0, begin, count).unsqueeze(1);
    at::Tensor scores = block.mm(weight.t());
    const at::Tensor log_sum = scores.logsumexp(1, /*keepdim=*/true);
    nll += (log_sum - scores.gather(1, picked)).sum().item<double>();
    if (hidden_gradient == nullptr) continue;
    at::Tensor gradient = scores.sub_(log_sum).exp_();  // softmax
    gradient.scatter_add_(1, picked, at::full({count, 1}, -1.0F));
    gradient.mul_(scale / static_cast<double>(rows));
    hidden_gradient->narrow(0, begin, count).copy_(gradient.mm(weight));
    output.mutable_grad().addmm_(gradient.t(), block);
  }
  return nll / static_cast<double>(rows);
}

void train(const TrainOptions& options, TrainObserver& observer) {
  validate(options);
  std::error_code ignored;
  if (std::filesystem::exists(options.output, ignored)) {  // better now than after hours
    throw Error(ErrorCode::kUsage, "the output folder " + options.output.string() +
                                       " exists; remove it or name another --output");
  }
  prepare_runtime(options.threads);
  Trainer(options, observer).run();
}

}  // namespace medgen
