// Trains a GPT-2 from text.
#include "train/trainer.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <chrono>
#include <cmath>
#include <optional>

#include "base/files.h"
#include "bundle/config.h"
#include "bundle/gpt2_parameters.h"
#include "corpus/token_stream.h"
#include "medgen/error.h"
#include "torchscript/gpt2_module.h"
#include "torchscript/runtime.h"
#include "train/checkpoint.h"
#include "train/optimizer.h"
#include "train/training_kernels.h"
#include "train/training_record.h"
#include "train/training_step.h"

namespace medgen::train {
namespace {

constexpr double kLn2 = 0.69314718055994530942;

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

at::Tensor to_tensor(const std::vector<TokenId>& ids, std::int64_t rows) {
  return torch::tensor(ids, torch::kInt64).view({rows, -1});
}

// A bundle's model in float32.
torch::jit::Module load_float32(const Bundle& bundle) {
  // First, so that a configuration without tensors allocates nothing.
  const auto parameters = bundle::Gpt2Parameters::open(bundle.model_pt(), bundle.config());
  torch::jit::Module module = torchscript::make_gpt2_module(bundle.config());
  torchscript::read_parameters(parameters.reader(), bundle.config(), module);
  return module;
}

// Turns `mean`, which holds the first model, into the mean with `others`. Between the ends of runs
// with a common start lies a model that is often better than each (Izmailov and others 2018,
// "Averaging weights leads to wider optima").
void average_parameters(const torch::jit::Module& mean, const std::vector<Bundle>& others,
                        const ModelConfig& config) {
  const torch::NoGradGuard no_grad;
  const std::vector<NamedParameter> parameters = named_parameters(mean, config);
  for (const Bundle& bundle : others) {
    const auto model = bundle::Gpt2Parameters::open(bundle.model_pt(), config);
    for (const NamedParameter& parameter : parameters) {
      at::Tensor tensor = parameter.tensor;
      const std::vector<std::int64_t> shape = tensor.sizes().vec();
      std::vector<float> values = model.read(parameter.name, shape);
      tensor.add_(torch::from_blob(values.data(), shape, torch::kFloat32));
    }
  }
  for (const NamedParameter& parameter : parameters) {
    at::Tensor tensor = parameter.tensor;
    tensor.div_(static_cast<double>(1 + others.size()));
  }
}

// Copies parameters to a model of a longer context, over which the position embeddings are
// stretched (linear interpolation; the idea is that of Chen and others 2023, "Extending context
// window of large language models via positional interpolation").
void copy_to_longer_context(const torch::jit::Module& from, const ModelConfig& config,
                            const torch::jit::Module& to) {
  const torch::NoGradGuard no_grad;
  for (const NamedParameter& parameter : named_parameters(from, config)) {
    at::Tensor value = parameter.tensor;
    const at::Tensor target = torchscript::find_parameter(to, parameter.name);
    if (target.sizes() != value.sizes()) {
      value = at::upsample_linear1d(value.t().unsqueeze(0), target.size(0), true).squeeze(0).t();
    }
    target.copy_(value);
  }
}

// The module that is trained, in float32 on its device, with its first parameters.
torch::jit::Module first_module(const TrainOptions& options, const TrainingData& data) {
  std::optional<torch::jit::Module> first;
  if (data.from) {
    first = load_float32(*data.from);
    average_parameters(*first, data.average_with, data.from->config());
  }
  torch::jit::Module module = torchscript::make_gpt2_module(data.config);
  if (first) {
    copy_to_longer_context(*first, data.from->config(), module);
  } else {
    initialise(named_parameters(module, data.config), data.config.n_layer, options.seed);
  }
  module.to(at::Device(options.device));
  return module;
}

// The teachers, in float32 on the device.
std::vector<TrainingModel> load_teachers(const TrainOptions& options, const TrainingData& data) {
  std::vector<TrainingModel> teachers;
  for (const Bundle& bundle : data.distil_from) {
    torch::jit::Module module = load_float32(bundle);
    module.to(at::Device(options.device));
    teachers.emplace_back(bundle.config(), named_parameters(module, bundle.config()));
  }
  return teachers;
}

class Trainer {
 public:
  Trainer(const TrainOptions& options, TrainObserver& observer, int threads, bool bf16)
      : options_(options),
        observer_(observer),
        bf16_(bf16),
        data_(open_training_data(options)),
        schedule_(schedule_of(options, data_.window)),
        module_(first_module(options, data_)),
        parameters_(trainable(named_parameters(module_, data_.config), data_.config, options)),
        step_(data_.config, parameters_, threads),
        optimizer_(parameters_, {.muon = options.optimizer == "muon",
                                 .learning_rate = options.learning_rate,
                                 .muon_learning_rate = options.muon_learning_rate,
                                 .weight_decay = options.weight_decay,
                                 .bf16 = bf16,
                                 .threads = threads}),
        main_(data_.main.documents, stream_options()),
        record_(options, data_,
                {{"threads", threads},
                 {"device", options.device},
                 {"precision", bf16 ? "bf16" : "fp32"},
                 {"libtorch", TORCH_VERSION}}),
        steps_((options.tokens + tokens_per_step() - 1) / tokens_per_step()) {
    step_.set_teachers(load_teachers(options, data_));
    if (data_.anneal) anneal_.emplace(data_.anneal->documents, stream_options());
    for (const auto& window : data_.held_out.windows) held_out_.push_back(to_tensor(window, 1));
  }

  void run() {
    WorkFolder folder(options_.work_dir);
    resume(folder);
    folder.write_record(record_.text());
    if (options_.keep_canaries) {
      base::write_file_atomically(options_.work_dir / "canaries.jsonl",
                                  corpus::canaries_jsonl(options_.canaries));
    }
    observer_.on_start(data_.config.parameter_count(), steps_, optimizer_.steps());
    if (!train_steps(folder)) return;  // interrupted
    finish(folder);
  }

 private:
  static std::vector<NamedParameter> trainable(std::vector<NamedParameter> parameters,
                                               const ModelConfig& config,
                                               const TrainOptions& options) {
    set_trainable(parameters, config, options.freeze);
    return parameters;
  }

  corpus::TokenStreamOptions stream_options() const {
    return {.rows = options_.batch_windows, .window = data_.window, .seed = options_.seed};
  }

  std::int64_t tokens_per_step() const {
    return std::int64_t{options_.batch_windows} * data_.window;
  }

  // False if the observer asked to stop.
  bool train_steps(WorkFolder& folder) {
    auto since = std::chrono::steady_clock::now();
    double loss_sum = 0;
    std::int64_t loss_steps = 0;
    for (std::int64_t step = optimizer_.steps(); step < steps_ && !stopped_early();) {
      if (observer_.interrupted()) {
        save(folder);
        return false;
      }
      loss_sum += train_step(step++);
      ++loss_steps;
      if (step % options_.log_every_steps == 0 || step == steps_) {
        const auto now = std::chrono::steady_clock::now();
        report(folder, step, loss_sum / static_cast<double>(loss_steps), loss_steps,
               std::chrono::duration<double>(now - since).count());
        since = now;
        loss_sum = 0;
        loss_steps = 0;
      }
      if (step % options_.valid_every_steps == 0 && step != steps_) measure(folder, step);
      if (step % options_.checkpoint_every_steps == 0 || step == steps_) save(folder);
    }
    return true;
  }

  double train_step(std::int64_t step) {
    const bool anneal = anneal_ && schedule_.falls_at(step);
    const std::vector<TokenId> ids = (anneal ? *anneal_ : main_).next_batch();
    // Device generators (dropout on a GPU) depend on the step alone, so that a resumed run agrees.
    if (options_.dropout > 0) torch::manual_seed(options_.seed + static_cast<std::uint64_t>(step));
    StepOptions step_options;
    step_options.chunk_windows = options_.micro_batch_windows;
    step_options.forward = {.dropout = options_.dropout,
                            .key = (options_.seed << 32U) ^ static_cast<std::uint64_t>(step),
                            .bf16 = bf16_};
    step_options.distil_weight = options_.distil_weight;
    const double loss = step_.gradients(to_tensor(ids, options_.batch_windows), step_options);
    gradient_norm_ = optimizer_.clip_gradients(options_.max_gradient_norm);
    if (!std::isfinite(loss) || !std::isfinite(gradient_norm_)) diverged(step + 1);
    optimizer_.step(schedule_.factor(step));
    return loss;
  }

  [[noreturn]] void diverged(std::int64_t step) const {
    const std::string remedy =
        saved_step_ > 0
            ? fmt::format(
                  "the last good checkpoint, of step {}, is {}. A lower `learning_rate` or "
                  "`muon_learning_rate` needs a `work_dir` of its own.",
                  saved_step_, (options_.work_dir / WorkFolder::kCheckpoint).string())
            : std::string(
                  "there is no checkpoint yet. Lower `learning_rate` or `muon_learning_rate`.");
    throw Error(ErrorCode::kRuntime,
                fmt::format("the loss is not a number at step {}; {}", step, remedy));
  }

  // The held-out text, or every `stride`-th window of it.
  ValidationResult evaluate(std::int64_t step, std::size_t stride) const {
    std::vector<at::Tensor> windows;
    std::int64_t tokens = 0;
    for (std::size_t i = 0; i < held_out_.size(); i += stride) {
      windows.push_back(held_out_[i]);
      tokens += held_out_[i].size(1) - 1;
    }
    const double loss = step_.nll(windows, bf16_) / static_cast<double>(tokens);
    const double tokens_per_byte =
        static_cast<double>(data_.held_out.tokens) / static_cast<double>(data_.held_out.bytes);
    return {.step = step,
            .loss = loss,
            .bits_per_byte = loss / kLn2 * tokens_per_byte,
            .whole = stride == 1};
  }

  void measure(WorkFolder& folder, std::int64_t step) {
    if (held_out_.empty()) return;
    const auto windows = static_cast<std::int64_t>(held_out_.size());
    const std::int64_t stride = std::max<std::int64_t>(1, windows / options_.valid_windows);
    const ValidationResult result = evaluate(step, static_cast<std::size_t>(stride));
    folder.log(result);
    observer_.on_validation(result);
    if (options_.early_stop_patience == 0) return;
    if (best_step_ == 0 || result.loss < best_loss_) {
      best_step_ = step;
      best_loss_ = result.loss;
      measures_since_best_ = 0;
      Checkpoint best;
      best.step = step;
      for (const NamedParameter& parameter : parameters_) {
        best.tensors.insert_or_assign(parameter.name, parameter.tensor.detach().to(at::kCPU));
      }
      folder.save(best, WorkFolder::kBest);
    } else {
      ++measures_since_best_;
    }
  }

  bool stopped_early() const {
    return options_.early_stop_patience > 0 && measures_since_best_ >= options_.early_stop_patience;
  }

  void finish(WorkFolder& folder) {
    const std::int64_t step = optimizer_.steps();
    if (stopped_early()) {
      save(folder);
      observer_.on_note(
          fmt::format("stopped after step {}: {} measurements without a better held-out loss than "
                      "that of step {}",
                      step, measures_since_best_, best_step_));
    } else if (options_.early_stop_patience > 0) {
      measure(folder, step);
    }
    std::int64_t used = step;
    if (options_.early_stop_patience > 0 && best_step_ != step) {
      used = best_step_;
      restore_best(folder);
      observer_.on_note(fmt::format(
          "the model is that of step {}, whose held-out loss was the best", best_step_));
    }
    nlohmann::ordered_json result = {
        {"steps", step}, {"tokens", step * tokens_per_step()}, {"model_of_step", used}};
    if (!held_out_.empty()) {
      const ValidationResult whole = evaluate(used, 1);
      folder.log(whole);
      observer_.on_validation(whole);
      result["held_out_loss"] = whole.loss;
      result["held_out_bits_per_byte"] = whole.bits_per_byte;
    }
    record_.set_result(std::move(result));
    folder.write_record(record_.text());
    folder.draw();
    write_trained_bundle(options_, data_, module_, record_.text());
  }

  void restore_best(const WorkFolder& folder) {
    const torch::NoGradGuard no_grad;
    const auto best = folder.load(WorkFolder::kBest);
    if (!best || best->step != best_step_) {
      throw Error(ErrorCode::kRuntime,
                  fmt::format("{} is not that of step {}; it was removed or changed",
                              (options_.work_dir / WorkFolder::kBest).string(), best_step_));
    }
    for (NamedParameter& parameter : parameters_) {
      parameter.tensor.copy_(best->tensor(parameter.name, parameter.tensor.sizes()));
    }
  }

  void report(WorkFolder& folder, std::int64_t step, double loss, std::int64_t steps,
              double seconds) {
    TrainProgress progress;
    progress.step = step;
    progress.steps = steps_;
    progress.loss = loss;
    progress.learning_rate_factor = schedule_.factor(step - 1);
    progress.gradient_norm = gradient_norm_;
    progress.tokens_per_second = static_cast<double>(steps * tokens_per_step()) / seconds;
    progress.seconds_left =
        static_cast<double>(steps_ - step) * seconds / static_cast<double>(steps);
    progress.anneal = anneal_ && schedule_.falls_at(step - 1);
    progress.epochs = (progress.anneal ? *anneal_ : main_).epochs_begun();
    folder.log(progress);
    observer_.on_progress(progress);
  }

  void resume(WorkFolder& folder) {
    auto checkpoint = folder.load(WorkFolder::kCheckpoint);
    if (!checkpoint) return;
    const std::int64_t step = checkpoint->step;
    if (step > steps_) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("the checkpoint in {} is of step {}, and this run has {} steps: give "
                              "the `tokens` it was started with, or an empty `work_dir`",
                              options_.work_dir.string(), step, steps_));
    }
    require_possible(checkpoint->position, step);
    if (checkpoint->anneal) require_possible(*checkpoint->anneal, step);
    const std::vector<std::string> notes = record_.go_on(checkpoint->record, step);
    visit_tensors([&](const std::string& name, at::Tensor& tensor) {
      const torch::NoGradGuard no_grad;
      tensor.copy_(checkpoint->tensor(name, tensor.sizes()));
    });
    optimizer_.restore_steps(step);
    if (!record_.main_data_changed()) main_.restore(std::move(checkpoint->position));
    if (anneal_ && checkpoint->anneal && !record_.anneal_data_changed()) {
      anneal_->restore(std::move(*checkpoint->anneal));
    }
    best_loss_ = checkpoint->best_loss;
    best_step_ = checkpoint->best_step;
    measures_since_best_ = checkpoint->measures_since_best;
    saved_step_ = step;
    folder.forget_metrics_after(step);
    for (const std::string& note : notes) {
      folder.log_change(step, note);
      observer_.on_note(note);
    }
  }

  // A checkpoint may come from elsewhere: the loss takes ids as places in a row of logits, and the
  // order of every epoch that is said to have begun is made again.
  void require_possible(const corpus::TokenStream::Position& position, std::int64_t step) const {
    const std::string checkpoint = "the checkpoint in " + options_.work_dir.string();
    if (!corpus::is_reachable(position, data_.window, step)) {
      throw Error(ErrorCode::kRuntime,
                  fmt::format("{} is damaged: at step {} it cannot have read that many "
                              "documents; remove it to start the run over",
                              checkpoint, step));
    }
    for (const std::vector<TokenId>& waiting : position.tokens_waiting) {
      for (const TokenId id : waiting) {
        if (id >= 0 && id < data_.config.vocab_size) continue;
        throw Error(ErrorCode::kRuntime, checkpoint +
                                             " holds tokens that the model does not have; remove "
                                             "it to start the run over");
      }
    }
  }

  void save(WorkFolder& folder) {
    for (const NamedParameter& parameter : parameters_) {  // never over a good checkpoint
      if (!std::isfinite(parameter.tensor.detach().norm().item<double>())) {
        diverged(optimizer_.steps());
      }
    }
    Checkpoint checkpoint;
    checkpoint.step = optimizer_.steps();
    checkpoint.position = main_.position();
    if (anneal_) checkpoint.anneal = anneal_->position();
    checkpoint.record = record_.text();
    checkpoint.best_loss = best_loss_;
    checkpoint.best_step = best_step_;
    checkpoint.measures_since_best = measures_since_best_;
    visit_tensors([&](const std::string& name, at::Tensor& tensor) {
      checkpoint.tensors.insert_or_assign(name, tensor.detach().to(at::kCPU));
    });
    const std::filesystem::path file = folder.save(checkpoint, WorkFolder::kCheckpoint);
    saved_step_ = checkpoint.step;
    folder.draw();
    observer_.on_checkpoint(checkpoint.step, file);
  }

  void visit_tensors(const std::function<void(const std::string&, at::Tensor&)>& visit) {
    for (NamedParameter& parameter : parameters_)
      visit("parameter." + parameter.name, parameter.tensor);
    optimizer_.visit_state(visit);
  }

  const TrainOptions& options_;
  TrainObserver& observer_;
  bool bf16_;
  TrainingData data_;
  Schedule schedule_;
  torch::jit::Module module_;
  std::vector<NamedParameter> parameters_;
  TrainingStep step_;
  Optimizer optimizer_;
  corpus::TokenStream main_;
  std::optional<corpus::TokenStream> anneal_;
  TrainingRecord record_;
  std::int64_t steps_;
  std::vector<at::Tensor> held_out_;
  double gradient_norm_ = 0;
  std::int64_t saved_step_ = 0;  // of the checkpoint on disk; 0: there is none
  double best_loss_ = 0;
  std::int64_t best_step_ = 0;
  std::int64_t measures_since_best_ = 0;
};

}  // namespace

void train(const TrainOptions& options, TrainObserver& observer) {
  validate(options);
  training_loops();                                 // refuses a MEDGEN_ISA that names none
  static_cast<void>(BundleWriter(options.output));  // fail now rather than after hours
  const bool bf16 = resolve_bf16(options);
  int threads = torchscript::prepare_training_runtime(options.threads);
  if (options.device != "cpu") threads = 1;
  Trainer(options, observer, threads, bf16).run();
}

}  // namespace medgen::train
