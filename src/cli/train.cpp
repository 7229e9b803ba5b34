// `medgen train`: options in, progress on standard error.
// Must not know how a model is trained.
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <functional>
#include <memory>
#include <sstream>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/corpus_options.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "medgen/error.h"
#include "torch/train_options.h"
#include "wiring/torch_module.h"

namespace medgen::cli {
namespace {

// Binds options to the fields of a TrainOptions, whose values are the defaults that help shows.
class Binder {
 public:
  explicit Binder(CommandLine& line) : line_(line) {}

  template <class T>
  void number(const std::string& name, T& field, const std::string& help) {
    auto value = std::make_shared<std::optional<T>>();
    line_.number(name, *value, help + " Default: " + shown(field) + ".");
    copies_.push_back([value, &field] {
      if (*value) field = **value;
    });
  }
  template <class T>
  void text(const std::string& name, const std::string& metavar, T& field,
            const std::string& help) {
    auto value = std::make_shared<std::optional<std::string>>();
    line_.text(name, metavar, *value, help);
    copies_.push_back([value, &field] {
      if (*value) field = **value;
    });
  }
  void copy() const {
    for (const auto& copy : copies_) copy();
  }

 private:
  template <class T>
  static std::string shown(T value) {
    std::ostringstream text;
    text << value;
    return text.str();
  }

  CommandLine& line_;
  std::vector<std::function<void()>> copies_;
};

void declare_paths(Binder& bind, TrainOptions& o) {
  bind.text("--valid", "FILE", o.valid, "Held-out .jsonl to measure on. Default: none.");
  bind.text("--tokenizer", "PATH", o.tokenizer, "Tokenizer folder or file. Needed.");
  bind.text("--work-dir", "DIR", o.work_dir,
            "Checkpoint and metrics.jsonl; made if missing. A run that finds a checkpoint there "
            "goes on from "
            "it. Needed.");
  bind.text("--output", "DIR", o.output,
            "The model's folder, written at the end; must not exist. Needed.");
  bind.text("--model-card", "FILE", o.model_card,
            "Becomes the model's MODEL_CARD.md. Default: none.");
  bind.text("--name", "NAME", o.name, "The model's name. Default: " + o.name + ".");
}

void declare_model(Binder& bind, TrainOptions& o) {
  bind.number("--n-layer", o.n_layer, "Layers.");
  bind.number("--n-head", o.n_head, "Attention heads; divides the width.");
  bind.number("--n-embd", o.n_embd, "Width.");
  bind.number("--n-positions", o.n_positions, "Context in tokens, also the training window.");
}

void declare_run(Binder& bind, TrainOptions& o) {
  bind.number("--tokens", o.tokens, "Length of the run in tokens.");
  bind.number("--batch-windows", o.batch_windows, "Windows in a step.");
  bind.number("--micro-batch-windows", o.micro_batch_windows,
              "Windows computed at once; divides --batch-windows.");
  bind.text("--optimizer", "NAME", o.optimizer,
            "muon (the blocks' matrices by Muon, the rest by AdamW) or adamw. Default: " +
                o.optimizer + ".");
  bind.number("--learning-rate", o.learning_rate, "AdamW's rate.");
  bind.number("--muon-learning-rate", o.muon_learning_rate, "Muon's rate.");
  bind.number("--weight-decay", o.weight_decay, "Decay of matrices.");
  bind.number("--warmup-tokens", o.warmup_tokens, "Tokens over which the rates rise.");
  bind.number("--constant-fraction", o.constant_fraction,
              "Part of the run at full rate, before the linear fall to zero; 0 to 1.");
  bind.number("--max-gradient-norm", o.max_gradient_norm, "Gradients are clipped to this norm.");
  bind.number("--seed", o.seed, "Initial values and order of the text.");
  bind.number("--threads", o.threads, "Threads; 0 is one for each core.");
  bind.number("--log-every-steps", o.log_every_steps, "Steps between progress reports.");
  bind.number("--valid-every-steps", o.valid_every_steps, "Steps between measurements on --valid.");
  bind.number("--valid-windows", o.valid_windows, "Held-out windows in a measurement.");
  bind.number("--checkpoint-every-steps", o.checkpoint_every_steps, "Steps between checkpoints.");
}

std::string duration(double seconds) {
  const auto total = static_cast<std::int64_t>(seconds + 0.5);
  char text[48];
  std::snprintf(text, sizeof text, "%" PRId64 ":%02" PRId64 ":%02" PRId64, total / 3600,
                total / 60 % 60, total % 60);
  return text;
}

// One line that is drawn again and again on a terminal; a line for each report elsewhere.
class TrainProgressPrinter : public TrainObserver {
 public:
  TrainProgressPrinter(bool quiet, const std::atomic<bool>& interrupt)
      : messages_(quiet), animated_(!quiet && is_terminal(STDERR_FILENO)), interrupt_(interrupt) {}

  void on_start(std::int64_t parameters, std::int64_t steps, std::int64_t first_step) override {
    messages_.note(std::to_string(parameters) + " parameters, " + std::to_string(steps) + " steps" +
                   (first_step > 0 ? ", going on after step " + std::to_string(first_step) : ""));
  }

  void on_progress(const TrainProgress& p) override {
    char text[160];
    std::snprintf(text, sizeof text,
                  "step %" PRId64 "/%" PRId64
                  "  loss %.4f  rate %.3f  %.0f tokens/s  epoch %.2f  left %s",
                  p.step, p.steps, p.loss, p.learning_rate_factor, p.tokens_per_second, p.epochs,
                  duration(p.seconds_left).c_str());
    if (animated_) {
      Messages::raw("\r\x1b[K" + std::string(text));
      line_open_ = true;
    } else {
      messages_.note(text);
    }
  }

  void on_validation(const ValidationResult& v) override {
    char text[120];
    std::snprintf(text, sizeof text, "step %" PRId64 "  held-out loss %.4f  bits per byte %.4f%s",
                  v.step, v.loss, v.bits_per_byte, v.whole ? "  (all of the held-out text)" : "");
    end_line();
    messages_.note(text);
  }

  void on_checkpoint(std::int64_t, const std::filesystem::path&) override {}
  bool interrupted() override { return interrupt_.load(); }

  void end_line() {
    if (line_open_) Messages::raw("\n");
    line_open_ = false;
  }

 private:
  Messages messages_;
  bool animated_;
  const std::atomic<bool>& interrupt_;
  bool line_open_ = false;
};

void require_path(const std::filesystem::path& path, const char* option) {
  if (path.empty())
    throw Error(ErrorCode::kUsage, std::string(option) + " is needed: see medgen train --help");
}

}  // namespace

int train_command(const Arguments& words) {
  TrainOptions options;
  CorpusArguments corpus;
  bool quiet = false;
  std::optional<std::string> dtype;
  CommandLine line(
      "medgen train",
      "Trains a GPT-2 from scratch and writes a model folder. Ctrl-C writes a checkpoint; the same "
      "command goes on from it.");
  Binder bind(line);
  declare(line, corpus);
  declare_paths(bind, options);
  declare_model(bind, options);
  declare_run(bind, options);
  line.choice("--dtype", {"fp32", "fp16"}, dtype, "How model.pt stores parameters. Default: fp16.");
  line.flag("--quiet", quiet, "Print nothing on standard error but errors.");
  line.config_file();
  line.parse(words);
  bind.copy();
  require_data(corpus);
  if (dtype == "fp32") options.storage = StorageType::kFloat32;
  options.data = data_files(corpus);
  options.weights = source_weights(corpus);
  require_path(options.tokenizer, "--tokenizer");
  require_path(options.work_dir, "--work-dir");
  require_path(options.output, "--output");

  TorchRoom& room = torch_room();
  const Messages messages(quiet);
  const InterruptScope interrupt;
  TrainProgressPrinter printer(quiet, interrupt.flag());
  room.train(options, printer);
  printer.end_line();
  if (interrupt.interrupted() && !std::filesystem::exists(options.output)) {
    messages.note("interrupted: a checkpoint is in " + options.work_dir.string() +
                  "; the same command goes on from it");
    return kExitInterrupted;
  }
  messages.note("wrote " + options.output.string());
  return kExitFine;
}

}  // namespace medgen::cli
