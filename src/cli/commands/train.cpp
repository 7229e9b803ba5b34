// `medgen train`: options in, progress on standard error.
#include <fmt/format.h>

#include <cmath>

#include "base/refuse.h"
#include "cli/commands/commands.h"
#include "cli/options/train_arguments.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/run.h"
#include "cli/signals.h"
#include "corpus/shards.h"
#include "jobs/converted.h"
#include "jobs/identifier_watch.h"
#include "jobs/model_defaults.h"
#include "jobs/model_files.h"
#include "safety/identifiers.h"
#include "wiring/torch_module.h"

namespace medgen::cli {
namespace {

std::string duration(double seconds) {
  const long long total = std::llround(seconds);
  return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
}

// The trainer reports seldom enough for each report to be a line of a log.
class TrainProgressPrinter : public train::TrainObserver {
 public:
  TrainProgressPrinter(bool quiet, const std::atomic<bool>& interrupt)
      : messages_(quiet), line_(quiet, {.elsewhere = {}}), interrupt_(interrupt) {}

  void on_start(std::int64_t parameters, std::int64_t steps, std::int64_t first_step) override {
    messages_.note(fmt::format(
        "{} parameters, {} steps{}", parameters, steps,
        first_step > 0 ? fmt::format(", resuming after step {}", first_step) : std::string()));
  }

  void on_note(const std::string& note) override {
    end_line();
    messages_.note(note);
  }

  void on_progress(const train::TrainProgress& p) override {
    line_.show([&] {
      return fmt::format(
          "step {}/{}  loss {:.4f}  rate {:.3f}  {:.0f} tokens/s  {} {:.2f}  left {}", p.step,
          p.steps, p.loss, p.learning_rate_factor, p.tokens_per_second,
          p.anneal ? "anneal epoch" : "epoch", p.epochs, duration(p.seconds_left));
    });
  }

  void on_validation(const train::ValidationResult& v) override {
    end_line();
    messages_.note(fmt::format("step {}  held-out loss {:.4f}  bits per byte {:.4f}{}", v.step,
                               v.loss, v.bits_per_byte,
                               v.whole ? "  (all of the held-out text)" : ""));
  }

  void on_checkpoint(std::int64_t, const std::filesystem::path&) override {}
  bool interrupted() override { return interrupt_.load(); }

  void end_line() { line_.keep(); }

 private:
  Messages messages_;
  Progress line_;
  const std::atomic<bool>& interrupt_;
};

// Nothing can be looked for in tokens.
void refuse_shards(const train::TrainOptions& options) {
  std::vector<std::filesystem::path> places = options.data;
  places.insert(places.end(), options.anneal_data.begin(), options.anneal_data.end());
  if (!options.valid.empty()) places.push_back(options.valid);
  for (const std::filesystem::path& place : places) {
    if (!corpus::is_shard_folder(place)) continue;
    base::refuse("--identifiers looks at text, and " + place.string() +
                 " holds tokens: give it to medgen prepare instead");
  }
}

}  // namespace

int train_command(const Arguments& words) {
  TrainArguments arguments = parse_train_arguments(words);
  train::TrainOptions& options = arguments.options;
  const std::string action = arguments.identifiers.value_or("off");
  jobs::DocumentIdentifiers identifiers(safety::identifier_action(action));
  if (action != "off") {
    refuse_shards(options);
    options.identifiers = action;
    options.look = [&](const auto& file, std::uint64_t number, corpus::Document& document) {
      identifiers.look(file, number, document);
    };
  }
  if (!options.from.empty()) options.from = jobs::bundle_at(options.from);
  if (!options.from.empty()) {  // its defaults become the new model's
    jobs::model_defaults(Bundle::open_without_model(options.from));
  }
  wiring::TorchRoom& room = wiring::torch_room();
  const Messages messages(arguments.quiet);
  const InterruptScope interrupt;
  TrainProgressPrinter printer(arguments.quiet, interrupt.flag());
  room.train(options, printer);
  printer.end_line();
  if (const std::string found = identifiers.summary(); !found.empty()) messages.note(found);
  if (interrupt.interrupted() && !std::filesystem::exists(options.output)) {
    messages.note(
        fmt::format("interrupted: a checkpoint is in {}; the same command resumes from it",
                    options.work_dir.string()));
    return kExitInterrupted;
  }
  jobs::settle_precision(options.output, [&](const std::string& text) { messages.note(text); });
  messages.note("wrote " + options.output.string());
  if (options.keep_canaries) {
    messages.note("the canaries are in " + (options.work_dir / "canaries.jsonl").string());
  }
  messages.note(
      "before you share it: medgen index and medgen audit measure what it recites of its training "
      "text");
  return kExitFine;
}

}  // namespace medgen::cli
