// See the header. A step of any size runs in blocks of rows; blocks see the cache in order, so
// where they are cut changes nothing.
#include "native/native_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/log.h"
#include "medgen/error.h"

namespace medgen::native {
namespace {

kernels::CacheType cache_type(Precision precision) {
  return precision == Precision::kFloat32 ? kernels::CacheType::kFloat32
                                          : kernels::CacheType::kFloat16;
}

std::uint64_t sequence_bytes(const PackedModel& model) {
  const auto pages = static_cast<std::uint64_t>(
      (model.config.n_positions + kernels::kPagePositions - 1) / kernels::kPagePositions);
  return pages * PagedCache::page_bytes(model.config, cache_type(model.precision));
}

// With less memory than all slots need at full length, there are fewer slots; so a step never lacks
// memory.
int slots_in(const PackedModel& model, const NativeOptions& options) {
  if (options.cache_memory_bytes == 0) return options.max_slots;
  // One extra page each: a shared partial page is copied before it is released.
  const std::uint64_t each =
      sequence_bytes(model) + PagedCache::page_bytes(model.config, cache_type(model.precision));
  const std::uint64_t fit = options.cache_memory_bytes / each;
  if (fit == 0) {
    const std::string given = fmt::format("{} MB", options.cache_memory_bytes >> 20);
    const std::string needed = fmt::format("{} MB", (each >> 20) + 1);
    throw SettingError("`cache_memory`",
                       {"cache_memory", given, "at least " + needed,
                        fmt::format(" is {}, but one sequence of {} tokens needs {} of key/value "
                                    "cache; allow at least that much",
                                    given, model.config.n_positions, needed)});
  }
  return static_cast<int>(
      std::min<std::uint64_t>(fit, static_cast<std::uint64_t>(options.max_slots)));
}

std::chrono::duration<double> seconds(double count) { return std::chrono::duration<double>(count); }

std::size_t wanted(std::span<const Row> rows) {
  return static_cast<std::size_t>(
      std::count_if(rows.begin(), rows.end(), [](const Row& row) { return row.want_logits; }));
}

[[noreturn]] void misuse(const char* what) {
  std::string message = "the engine asked the back end for something impossible (";
  message += what;
  throw Error(ErrorCode::kRuntime, message + "); this is a bug in medgen");
}

}  // namespace

NativeBackend::NativeBackend(std::unique_ptr<PackedWeights> weights,
                             const kernels::Kernels& kernels, const NativeOptions& options)
    : weights_(std::move(weights)),
      kernels_(kernels),
      pool_(options.threads > 0 ? options.threads : base::usable_cores()),
      transformer_(kernels, pool_, weights_->model().config, weights_->model().precision),
      cache_(weights_->model().config, cache_type(weights_->model().precision),
             slots_in(weights_->model(), options),
             options.cache_memory_bytes == 0 ? UINT64_MAX : options.cache_memory_bytes),
      keep_weights_(options.keep_weights) {
  const PackedModel& model = weights_->model();
  info_.name = "native";
  info_.precision = to_string(model.precision);
  info_.vocab_size = model.config.vocab_size;
  info_.n_positions = model.config.n_positions;
  info_.max_slots = slots_in(model, options);
  const std::uint64_t page_bytes = PagedCache::page_bytes(model.config, cache_.type());
  base::log_debug("native engine", {{"threads", pool_.size()},
                                    {"slots", info_.max_slots},
                                    {"page positions", kernels::kPagePositions},
                                    {"page bytes", page_bytes},
                                    {"pages of a slot", sequence_bytes(model) / page_bytes},
                                    {"cache limit bytes", options.cache_memory_bytes}});
}

NativeBackend::~NativeBackend() {
  base::log_debug("native engine closed", {{"most pages", cache_.most_pages()},
                                           {"matrices", seconds(profile().matrices)},
                                           {"attention", seconds(profile().attention)},
                                           {"rest", seconds(profile().rest)}});
}

int NativeBackend::acquire_slot() {
  const int slot = cache_.acquire();
  if (slot < 0) misuse("a slot when all are taken");
  return slot;
}

void NativeBackend::release_slot(int slot) {
  check_slot(slot);
  cache_.release(slot);
}

void NativeBackend::share_cache(int from, int to, int n_tokens) {
  check_slot(from);
  check_slot(to);
  if (n_tokens < 0 || n_tokens > cache_.length(from))
    misuse("to share more tokens than are cached");
  cache_.share(from, to, n_tokens);
}

void NativeBackend::truncate_cache(int slot, int n_tokens) {
  check_slot(slot);
  if (n_tokens < 0 || n_tokens > cache_.length(slot)) misuse("to keep more tokens than are cached");
  cache_.truncate(slot, n_tokens);
}

std::span<const float> NativeBackend::step(std::span<const Row> rows) {
  const auto vocab = static_cast<std::size_t>(info_.vocab_size);
  auto* logits = logits_.at_least<float>(wanted(rows) * vocab);
  std::size_t done = 0;
  run(rows, nullptr, [&](const float* x, std::span<const int> chosen) {
    transformer_.run_head(weights_->model(), x, chosen, logits + done * vocab);
    done += chosen.size();
  });
  return {logits, done * vocab};
}

std::span<const float> NativeBackend::hidden_states(std::span<const Row> rows) {
  const auto width = static_cast<std::size_t>(model().config.n_embd);
  auto* states = logits_.at_least<float>(wanted(rows) * width);
  std::size_t done = 0;
  run(rows, nullptr, [&](const float* x, std::span<const int> chosen) {
    const float* normed = transformer_.run_final_norm(weights_->model(), x, chosen);
    std::copy_n(normed, chosen.size() * width, states + done * width);
    done += chosen.size();
  });
  return {states, done * width};
}

void NativeBackend::observe(std::span<const Row> rows, Observer& observer) {
  run(rows, &observer, [](const float*, std::span<const int>) {});
}

std::span<const float> NativeBackend::read_out(std::span<const float> residual) {
  const auto width = static_cast<std::size_t>(model().config.n_embd);
  const auto vocab = static_cast<std::size_t>(info_.vocab_size);
  const std::size_t count = residual.size() / width;
  auto* logits = logits_.at_least<float>(count * vocab);
  std::vector<int> chosen;
  for (std::size_t first = 0; first < count; first += Transformer::kMaxRows) {
    chosen.resize(std::min<std::size_t>(Transformer::kMaxRows, count - first));
    std::iota(chosen.begin(), chosen.end(), 0);
    transformer_.run_head(model(), residual.data() + first * width, chosen, logits + first * vocab);
  }
  return {logits, count * vocab};
}

void NativeBackend::run(
    std::span<const Row> rows, Observer* observer,
    const std::function<void(const float* x, std::span<const int> chosen)>& finish) {
  check(rows);
  const PackedModel& model = weights_->model();
  std::vector<TokenRow> block;
  std::vector<int> chosen;
  for (std::size_t first = 0; first < rows.size(); first += Transformer::kMaxRows) {
    const auto part =
        rows.subspan(first, std::min<std::size_t>(Transformer::kMaxRows, rows.size() - first));
    block.clear();
    chosen.clear();
    for (const Row& row : part) {
      cache_.extend(row.slot, 1);
      if (row.want_logits) chosen.push_back(static_cast<int>(block.size()));
      block.push_back({row.slot, row.token, row.position});
    }
    float* x = transformer_.embed(model, block);
    if (observer != nullptr) observer->on_residual(0, block, x);
    for (std::size_t i = 0; i < model.layers.size(); ++i) {
      transformer_.run_layer(model.layers[i], static_cast<int>(i), block, cache_, x, observer);
      if (!keep_weights_) weights_->forget();
    }
    if (!chosen.empty()) finish(x, chosen);
  }
}

void NativeBackend::check_slot(int slot) const {
  if (!cache_.is_taken(slot)) misuse("a slot that was not acquired");
}

void NativeBackend::check(std::span<const Row> rows) const {
  std::vector<int> length(static_cast<std::size_t>(info_.max_slots));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    check_slot(row.slot);
    const bool first = i == 0 || rows[i - 1].slot != row.slot;
    const int expected = first ? cache_.length(row.slot) : rows[i - 1].position + 1;
    if (row.position != expected) misuse("rows out of order");
    if (row.position >= info_.n_positions) misuse("a position beyond the context");
    if (row.token < 0 || row.token >= info_.vocab_size) misuse("a token the model does not have");
  }
}

}  // namespace medgen::native
