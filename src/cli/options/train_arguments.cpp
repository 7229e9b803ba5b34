// The options of `medgen train`.
#include "cli/options/train_arguments.h"

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <sstream>

#include "base/refuse.h"
#include "cli/options/command_line.h"
#include "cli/options/corpus_options.h"
#include "medgen/error.h"

namespace medgen::cli {
namespace {

// Binds options to the fields of a TrainOptions, whose values are the defaults shown in the help.
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
  void text(const std::string& name, const Metavar& metavar, T& field, const std::string& help) {
    auto value = std::make_shared<std::optional<std::string>>();
    line_.text(name, metavar, *value, help);
    copies_.push_back([value, &field] {
      if (*value) field = **value;
    });
  }
  void choice(const std::string& name, const std::vector<std::string>& allowed, std::string& field,
              const std::string& help) {
    auto value = std::make_shared<std::optional<std::string>>();
    line_.choice(name, allowed, *value, help + " Default: " + field + ".");
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

void declare_texts(CommandLine& line, Binder& bind, CorpusArguments& data, CorpusArguments& anneal,
                   train::TrainOptions& o) {
  declare_data(
      line, data,
      "Training text: a folder that medgen prepare wrote, or a file that it reads (.jsonl, "
      ".csv, .txt, also compressed); may be given several times. Required.");
  declare_weights(line, data);
  line.texts("--anneal-data", reads("PLACE"), anneal.data,
             "A second mixture, as --data, used in place of the first while the rate falls; may be "
             "given several times.");
  line.texts("--anneal-weight", "NAME=X", anneal.weights,
             "As --weight, for the second mixture; may be given several times.");
  bind.text("--valid", reads("PLACE"), o.valid,
            "Held-out text to measure on. Default: the valid part of prepared --data, else none.");
  bind.text("--tokenizer", reads("PATH"), o.tokenizer,
            "Tokenizer folder or file. Default: that of --from or of prepared --data.");
}

void declare_places(Binder& bind, train::TrainOptions& o) {
  bind.text("--work-dir", works_in("DIR"), o.work_dir,
            "Checkpoint, training.json, metrics.jsonl and loss.svg; created if missing. A run that "
            "finds a checkpoint there resumes from it. Required.");
  bind.text("--output", makes_folder("DIR"), o.output,
            "The model's folder, written at the end; must not exist. Required.");
  bind.text("--model-card", reads("FILE"), o.model_card,
            "Becomes the model's MODEL_CARD.md. Default: none.");
  bind.text("--templates", reads("FILE"), o.templates,
            "Becomes the model's templates.json. Default: that of --from, if any.");
  bind.text("--name", "NAME", o.name, "The model's name. Default: " + o.name + ".");
}

void declare_model(CommandLine& line, Binder& bind, train::TrainOptions& o) {
  bind.text("--from", reads_model("DIR"), o.from,
            "Fine-tuning: start from this model folder's parameters, configuration and tokenizer.");
  bind.text("--config", reads("FILE"), o.config,
            "The model's shape as a config.json, in place of the --n- options.");
  bind.number("--n-layer", o.n_layer, "Layers.");
  bind.number("--n-head", o.n_head, "Attention heads; divides the width.");
  bind.number("--n-embd", o.n_embd, "Width.");
  bind.number("--n-positions", o.n_positions,
              "Context in tokens; 0 is that of --from, else 256. With --from it may be longer than "
              "that model's, whose position embeddings are then stretched over it.");
  for (const char* given : {"--from", "--config"}) {
    for (const char* shape : {"--n-layer", "--n-head", "--n-embd"}) line.exclude(given, shape);
  }
  line.exclude("--config", "--n-positions");
  line.exclude("--from", "--config");
  line.exclude("--from", "--tokenizer");
  bind.number("--window", o.window, "Tokens of a training window; 0 is the whole context.");
}

void declare_run(Binder& bind, train::TrainOptions& o) {
  bind.number("--tokens", o.tokens,
              "Length of the run in tokens; may be changed while the rate is constant.");
  bind.number("--batch-windows", o.batch_windows, "Windows in a step.");
  bind.number("--micro-batch-windows", o.micro_batch_windows,
              "Windows computed at once; divides --batch-windows.");
  bind.choice("--optimizer", {"muon", "adamw"}, o.optimizer,
              "muon (the blocks' matrices by Muon, the rest by AdamW) or adamw.");
  bind.number("--learning-rate", o.learning_rate, "AdamW's rate.");
  bind.number("--muon-learning-rate", o.muon_learning_rate, "Muon's rate.");
  bind.number("--weight-decay", o.weight_decay, "Decoupled decay, of matrices only.");
  bind.choice("--schedule", {"constant-linear", "cosine"}, o.schedule,
              "The rate after the warm-up: constant and then falling linearly to zero, or half a "
              "cosine.");
  bind.number("--warmup-tokens", o.warmup_tokens, "Tokens over which the rates rise.");
  bind.number("--constant-fraction", o.constant_fraction,
              "Share of the run before the linear fall, warm-up included; 0 to 1; may be changed "
              "while the rate is constant.");
  bind.number("--dropout", o.dropout,
              "Share of the embedded input and of each block's output that is dropped; 0 to 1.");
  bind.number("--max-gradient-norm", o.max_gradient_norm, "Gradients are clipped to this norm.");
  bind.number("--seed", o.seed, "Initial values, order of the text, dropout.");
  bind.number("--early-stop-patience", o.early_stop_patience,
              "Stop after this many measurements without a better held-out loss, and keep the best "
              "model; 0 is never.");
}

void declare_machine(Binder& bind, train::TrainOptions& o) {
  bind.number("--threads", o.threads, "Threads; 0 is one for each core.");
  bind.choice("--device", {"cpu", "cuda"}, o.device, "Where to compute.");
  bind.choice("--precision", {"auto", "fp32", "bf16"}, o.precision,
              "For matrix products; auto is bf16 on a GPU or a processor with instructions for "
              "it. Parameters and optimizer stay fp32.");
  bind.number("--log-every-steps", o.log_every_steps, "Steps between progress reports.");
  bind.number("--valid-every-steps", o.valid_every_steps, "Steps between measurements on --valid.");
  bind.number("--valid-windows", o.valid_windows, "Held-out windows in a measurement.");
  bind.number("--checkpoint-every-steps", o.checkpoint_every_steps, "Steps between checkpoints.");
}

// A file of canaries, or how many to make.
void take_canaries(const std::optional<std::string>& given, const std::optional<int>& times,
                   train::TrainOptions& o) {
  constexpr int kUsualTimes = 20;
  const bool number =
      given && !given->empty() && given->find_first_not_of("0123456789") == std::string::npos;
  if (times && !number) {
    throw Error(ErrorCode::kUsage,
                "--canary-times is for --canary N, where canaries are made; a file says it itself");
  }
  if (!given) return;
  if (!number) {
    o.canaries = corpus::read_canaries(*given);
    return;
  }
  const int count = parse_int("--canary", *given);
  if (count < 1 || count > corpus::kMostCanaries / 2) {
    base::refuse_value("canary", fmt::to_string(count),
                       fmt::format("a file, or a number from 1 to {}", corpus::kMostCanaries / 2));
  }
  if (times && (*times < 1 || *times > corpus::kMostCanaryTimes)) {
    base::refuse_value("canary-times", fmt::to_string(*times),
                       fmt::format("from 1 to {}", corpus::kMostCanaryTimes));
  }
  o.canaries = corpus::make_canaries(count, times.value_or(kUsualTimes), o.seed);
  o.keep_canaries = true;
}

void require_path(const std::filesystem::path& path, const char* option) {
  if (path.empty())
    throw Error(ErrorCode::kUsage, std::string(option) + " is required: see medgen train --help");
}

}  // namespace

TrainArguments parse_train_arguments(const Arguments& words) {
  TrainArguments a;
  train::TrainOptions& options = a.options;
  CorpusArguments data, anneal;
  std::optional<std::string> dtype, canary;
  std::optional<int> canary_times;
  std::optional<std::vector<std::string>> freeze, average_with, distil_from;
  CommandLine line(
      "medgen train",
      "Trains a GPT-2 from scratch or further and writes a model folder. Ctrl-C writes a "
      "checkpoint; the same command resumes from it.");
  Binder bind(line);
  declare_texts(line, bind, data, anneal, options);
  declare_places(bind, options);
  declare_model(line, bind, options);
  line.texts(
      "--average-with", reads("DIR"), average_with,
      "Start from the mean of the parameters of --from and of this model folder, of the same "
      "shape and tokenizer, such as another end of the same run; may be given several times.");
  line.texts("--distil-from", reads("DIR"), distil_from,
             "Learn the probabilities that this model folder gives for every token, besides the "
             "text; it needs the same tokenizer; may be given several times, for their mean.");
  bind.number("--distil-weight", options.distil_weight,
              "Share of those probabilities in what is learnt; above 0, at most 1.");
  line.texts("--freeze", lists("WHAT", {"embeddings"}), freeze,
             "Leave parameters as they are: embeddings, a layer or a range of layers, such as "
             "embeddings,0-3; commas between, or given several times.");
  declare_run(bind, options);
  declare_machine(bind, options);
  line.flag("--continue-on-other-data", options.continue_on_other_data,
            "Let a checkpoint continue with --data or --weight other than it was made with: "
            "parameters and optimizer stay, the new text starts from its beginning.");
  line.choice("--dtype", {"fp32", "fp16"}, dtype, "How model.pt stores parameters. Default: fp16.");
  line.choice(
      "--identifiers", {"off", "warn", "refuse", "mask"}, a.identifiers,
      "What to do about what may identify a patient (see medgen screen) in the documents of "
      "text files, held-out ones too: warn, count them; refuse, stop at the first; mask, "
      "put its class in its place, such as [date], before the text becomes tokens. Some is "
      "missed. Prepared corpora hold tokens: give this to medgen prepare. Default: off.");
  line.text(
      "--canary", reads("FILE|N"), canary,
      "Plant texts with random digits among --data, by which medgen audit --canaries measures how "
      "well the model remembers what it saw so often: a file with {\"text\": ..., \"times\": 20} "
      "on "
      "each line, or N of medgen's own, which are written to canaries.jsonl in --work-dir with as "
      "many that are not planted. Default: none.");
  line.number(
      "--canary-times", canary_times,
      "How often each of N canaries stands in an epoch of the text; 1 to 1000. Default: 20.");
  line.flag("--quiet", a.quiet, "Print nothing on standard error but errors.");
  line.parse(words);
  bind.copy();
  require_data(data);
  if (dtype == "fp32") options.storage = bundle::StorageType::kFloat32;
  options.data = data_files(data);
  options.weights = source_weights(data);
  options.anneal_data = data_files(anneal);
  options.anneal_weights = source_weights(anneal, "--anneal-weight");
  if (average_with) options.average_with.assign(average_with->begin(), average_with->end());
  if (distil_from) options.distil_from.assign(distil_from->begin(), distil_from->end());
  for (const std::string& items : freeze.value_or(std::vector<std::string>{})) {
    std::istringstream parts(items);
    for (std::string item; std::getline(parts, item, ',');) options.freeze.push_back(item);
  }
  require_path(options.work_dir, "--work-dir");
  require_path(options.output, "--output");
  take_canaries(canary, canary_times, options);
  return a;
}

}  // namespace medgen::cli
