// See the header. A text runs in chunks of rows, and each chunk is read out before the next, so
// that little of the residual stream is held at a time.
#include "jobs/lens.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "base/refuse.h"
#include "engine/slots.h"
#include "medgen/error.h"
#include "why/rollout.h"

namespace medgen::jobs {
namespace {

constexpr std::size_t kLensChunk = 64;  // rows

// What passes of some rows of one text: the residual stream of the wanted rows, and their heads'
// attention.
class LensTrace : public native::Observer {
 public:
  // `wanted`: the first position to keep. `heads` outlive the trace.
  LensTrace(const ModelConfig& config, std::size_t wanted, std::size_t tokens,
            std::vector<why::HeadWeights>& heads, why::Rollout* rollout)
      : width_(static_cast<std::size_t>(config.n_embd)),
        heads_of_layer_(static_cast<std::size_t>(config.n_head)),
        wanted_(wanted),
        tokens_(tokens),
        heads_(heads),
        rollout_(rollout),
        stream_(static_cast<std::size_t>(config.n_layer) * 2 + 1) {
    if (rollout_ != nullptr) means_.resize(static_cast<std::size_t>(config.n_layer));
  }

  void on_residual(int part, std::span<const native::TokenRow> rows, const float* x) override {
    std::vector<float>& kept = stream_[static_cast<std::size_t>(part)];
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (static_cast<std::size_t>(rows[i].position) < wanted_) continue;
      kept.insert(kept.end(), x + i * width_, x + (i + 1) * width_);
    }
  }

  bool wants_attention(int layer) const override {
    return rollout_ != nullptr ||
           std::any_of(heads_.begin(), heads_.end(),
                       [&](const why::HeadWeights& head) { return head.layer == layer + 1; });
  }

  void on_attention(int layer, std::span<const native::TokenRow> rows, const float* weights,
                    std::size_t stride) override {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const float* of_row = weights + i * heads_of_layer_ * stride;
      const std::size_t seen = static_cast<std::size_t>(rows[i].position) + 1;
      if (rollout_ != nullptr) add_mean(layer, of_row, stride, seen);
      if (seen <= wanted_) continue;
      for (why::HeadWeights& head : heads_) {
        if (head.layer != layer + 1) continue;
        const float* of_head = of_row + static_cast<std::size_t>(head.head - 1) * stride;
        head.weights.insert(head.weights.end(), of_head, of_head + seen);
        head.weights.resize(head.weights.size() + tokens_ - seen, 0.0F);
      }
    }
  }

  // The wanted rows of the chunk, [rows, n_embd], and then nothing of them.
  const std::vector<float>& part(std::size_t number) const { return stream_[number]; }
  std::size_t parts() const { return stream_.size(); }
  void clear() {
    for (std::vector<float>& part : stream_) part.clear();
  }

  // Once all rows have passed.
  void finish_rollout() {
    for (const std::vector<float>& layer : means_) rollout_->add_layer(layer);
  }

 private:
  void add_mean(int layer, const float* of_row, std::size_t stride, std::size_t seen) {
    std::vector<float>& means = means_[static_cast<std::size_t>(layer)];
    for (std::size_t at = 0; at < seen; ++at) {
      double sum = 0;
      for (std::size_t head = 0; head < heads_of_layer_; ++head) {
        sum += static_cast<double>(of_row[head * stride + at]);
      }
      means.push_back(static_cast<float>(sum / static_cast<double>(heads_of_layer_)));
    }
    means.resize(means.size() + tokens_ - seen, 0.0F);
  }

  std::size_t width_, heads_of_layer_, wanted_, tokens_;
  std::vector<why::HeadWeights>& heads_;
  why::Rollout* rollout_;
  std::vector<std::vector<float>> stream_;
  std::vector<std::vector<float>> means_;  // of each layer, [tokens, tokens]
};

// Runs `tokens` past the trace; calls `read` with the first position of each chunk.
template <typename Read>
void observe_text(native::NativeBackend& backend, const std::vector<TokenId>& tokens,
                  LensTrace& trace, const Read& read) {
  engine::Slots slots(backend);
  const int slot = slots.acquire();
  std::vector<Row> rows;
  for (std::size_t first = 0; first < tokens.size(); first += kLensChunk) {
    rows.clear();
    for (std::size_t i = first; i < std::min(first + kLensChunk, tokens.size()); ++i) {
      rows.push_back({slot, tokens[i], static_cast<int>(i), false});
    }
    backend.observe(rows, trace);
    read(first);
    trace.clear();
  }
}

// Reads out the layers of the wanted rows of a chunk.
class LensReadout {
 public:
  LensReadout(native::NativeBackend& backend, const LensRequest& request, std::size_t vocab)
      : backend_(backend), request_(request), vocab_(vocab) {}

  // `first`: the position of the first wanted row.
  void read(const LensTrace& trace, std::size_t first, std::vector<why::LensPosition>& out) {
    const auto width = static_cast<std::size_t>(backend_.model().config.n_embd);
    const std::size_t count = trace.part(0).size() / width;
    const std::size_t layers = trace.parts() / 2 + 1;
    if (count == 0) return;
    std::vector<why::LensReader> readers;
    std::vector<why::LensPosition> positions(count);
    for (std::size_t layer = layers; layer-- > 0;) {
      const std::span<const float> logits = backend_.read_out(trace.part(layer * 2));
      const std::size_t stride = logits.size() / count;
      const auto of = [&](std::size_t i) { return logits.subspan(i * stride, vocab_); };
      if (readers.empty()) {
        for (std::size_t i = 0; i < count; ++i) {
          readers.emplace_back(of(i), request_.target);
          positions[i].position = static_cast<int>(first + i);
          positions[i].target = readers[i].target();
          positions[i].layers.resize(layers);
          positions[i].parts.logit =
              static_cast<double>(of(i)[static_cast<std::size_t>(positions[i].target)]);
        }
      }
      std::vector<std::exception_ptr> failed(count);
      backend_.parallel(static_cast<int>(count), [&](int piece) {
        const auto i = static_cast<std::size_t>(piece);
        try {
          positions[i].layers[layer] = readers[i].read(of(i), request_.top);
        } catch (...) {
          failed[i] = std::current_exception();
        }
      });
      for (const std::exception_ptr& error : failed) {
        if (error) std::rethrow_exception(error);
      }
    }
    for (std::size_t i = 0; i < count; ++i) attribute(trace, i, positions[i]);
    std::move(positions.begin(), positions.end(), std::back_inserter(out));
  }

 private:
  void attribute(const LensTrace& trace, std::size_t row, why::LensPosition& position) {
    const native::PackedModel& model = backend_.model();
    const auto width = static_cast<std::size_t>(model.config.n_embd);
    std::vector<float> stream;
    for (std::size_t part = 0; part < trace.parts(); ++part) {
      const auto from = trace.part(part).begin() + static_cast<std::ptrdiff_t>(row * width);
      stream.insert(stream.end(), from, from + static_cast<std::ptrdiff_t>(width));
    }
    const TokenId token = request_.tokens[static_cast<std::size_t>(position.position)];
    const std::vector<float> embedding = native::token_embedding(model, token);
    const std::vector<float> column = native::head_column(model, position.target);
    why::LogitSource source;
    source.stream = stream;
    source.token_embedding = embedding;
    source.norm_weight = {model.ln_f.weight, width};
    source.norm_bias = {model.ln_f.bias, width};
    source.norm_epsilon = static_cast<double>(static_cast<float>(model.config.layer_norm_epsilon));
    source.head_column = column;
    source.logit = static_cast<float>(position.parts.logit);
    position.parts = why::logit_parts(source);
  }

  native::NativeBackend& backend_;
  const LensRequest& request_;
  std::size_t vocab_;
};

// The heads that are asked for, in order, each once.
std::vector<why::HeadWeights> heads_of(const LensRequest& request, const ModelConfig& config) {
  std::vector<std::pair<int, int>> names;
  for (const HeadName& name : request.heads) {
    if (name.layer < 1 || name.layer > config.n_layer || name.head < 1 ||
        name.head > config.n_head) {
      base::refuse(
          fmt::format("`attention` names head {} of layer {}; this model has layers 1 to "
                      "{} with heads 1 to {} each",
                      name.head, name.layer, config.n_layer, config.n_head));
    }
    names.emplace_back(name.layer, name.head);
  }
  for (int layer = 1; request.all_heads && layer <= config.n_layer; ++layer) {
    for (int head = 1; head <= config.n_head; ++head) names.emplace_back(layer, head);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::vector<why::HeadWeights> heads;
  for (const auto& [layer, head] : names) heads.push_back({layer, head, {}});
  return heads;
}

void check_lens_size(const LensRequest& request, std::size_t heads, const ModelConfig& config) {
  const std::size_t tokens = request.tokens.size();
  const std::size_t positions = request.all_positions ? tokens : 1;
  const std::size_t weights = heads * positions * tokens;
  if (weights > kMaxLensNumbers) {
    base::refuse(
        fmt::format("{} heads over {} positions of {} tokens are {} attention weights; "
                    "at most {} are given: name fewer heads with `attention`, or leave "
                    "out `all`",
                    heads, positions, tokens, weights, kMaxLensNumbers));
  }
  const std::size_t named =
      positions * (static_cast<std::size_t>(config.n_layer) + 1) * request.top;
  if (named > kMaxLensNumbers) {
    base::refuse(
        fmt::format("{} tokens for each layer at {} positions are {} in all; at most {} "
                    "are given: lower `top`, or leave out `all`",
                    request.top, positions, named, kMaxLensNumbers));
  }
}

void check_rollout_size(std::size_t tokens, const ModelConfig& config) {
  const std::size_t numbers = static_cast<std::size_t>(config.n_layer) * tokens * tokens;
  if (numbers <= kMaxRolloutNumbers) return;
  base::refuse(
      fmt::format("attention rollout of {} tokens through {} layers keeps {} numbers; at "
                  "most {} are kept: shorten the text",
                  tokens, config.n_layer, numbers, kMaxRolloutNumbers));
}

}  // namespace

Lens::Lens(ModelFiles model, BackendOptions options, std::function<void()> loaded)
    : model_(std::move(model)), options_(std::move(options)), loaded_(std::move(loaded)) {
  if (options_.backend == BackendKind::kTorchScript) {
    throw SettingError("`backend`",
                       {"backend", "torchscript", "auto or native",
                        " is torchscript, which gives logits and nothing of what is inside: leave "
                        "it out, so that the native engine runs the model"});
  }
  if (options_.device != Device::kCpu) {
    const std::string device(to_string(options_.device));
    throw SettingError("`device`", {"device", device, "cpu",
                                    " is " + device +
                                        ", but only the native engine shows what is inside a "
                                        "model, and it runs on the cpu: leave it out"});
  }
  options_.backend = BackendKind::kNative;
  options_.max_slots = 1;
}

native::NativeBackend& Lens::backend() {
  if (!backend_) {
    backend_ = open_backend(model_, options_);
    if (loaded_) loaded_();
  }
  return dynamic_cast<native::NativeBackend&>(*backend_);  // as the options say
}

const std::string& Lens::precision() { return backend().info().precision; }

TokenId Lens::token_of(std::string_view word) const {
  const Tokenizer& tokenizer = *model_.tokenizer;
  std::vector<std::string> spellings;
  if (!word.starts_with(' ')) spellings.push_back(" " + std::string(word));
  spellings.emplace_back(word);
  for (const std::string& spelling : spellings) {
    for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
      if (tokenizer.token_bytes(id) == spelling) return id;
    }
  }
  base::refuse(
      fmt::format("`token` is a text of {} bytes that is no single token of this model; "
                  "`medgen tokenize` shows its tokens, one of which can be given with "
                  "`token_id`",
                  word.size()));
}

why::LensResult Lens::read(const LensRequest& request) {
  const ModelConfig& config = model_.config;
  const auto vocab = static_cast<TokenId>(model_.tokenizer->vocab_size());
  if (request.tokens.empty()) base::refuse("the text is empty; give at least one token");
  const std::size_t tokens = request.tokens.size();
  native::NativeBackend& native = backend();
  if (tokens > static_cast<std::size_t>(native.info().n_positions)) {
    base::refuse(fmt::format("the text is {} tokens long, the model's context only {}; shorten it",
                             tokens, native.info().n_positions));
  }
  for (const TokenId id : request.tokens) {
    if (id < 0 || id >= vocab) {
      base::refuse(
          fmt::format("the text holds the token id {}; ids go from 0 to {}", id, vocab - 1));
    }
  }
  if (request.target && (*request.target < 0 || *request.target >= vocab)) {
    const std::string id = fmt::to_string(*request.target);
    const std::string range = fmt::format("from 0 to {}", vocab - 1);
    throw SettingError("`token_id`",
                       {"token_id", id, range, " is " + id + "; it must be " + range});
  }
  why::LensResult result;
  result.tokens = request.tokens;
  result.heads = heads_of(request, config);
  check_lens_size(request, result.heads.size(), config);
  std::optional<why::Rollout> rollout;
  if (request.rollout) {
    check_rollout_size(tokens, config);
    rollout.emplace(tokens);
  }
  const std::size_t wanted = request.all_positions ? 0 : tokens - 1;
  LensTrace trace(config, wanted, tokens, result.heads, rollout ? &*rollout : nullptr);
  LensReadout readout(native, request, static_cast<std::size_t>(vocab));
  observe_text(native, request.tokens, trace, [&](std::size_t first) {
    readout.read(trace, std::max(first, wanted), result.positions);
  });
  if (rollout) {
    trace.finish_rollout();
    for (std::size_t position = wanted; position < tokens; ++position) {
      const auto row = rollout->row(position);
      result.rollout.insert(result.rollout.end(), row.begin(), row.end());
    }
  }
  return result;
}

std::vector<double> attention_rollout(native::NativeBackend& backend,
                                      const std::vector<TokenId>& tokens,
                                      const std::vector<int>& targets) {
  check_rollout_size(tokens.size(), backend.model().config);
  why::Rollout rollout(tokens.size());
  std::vector<why::HeadWeights> no_heads;
  LensTrace trace(backend.model().config, tokens.size(), tokens.size(), no_heads, &rollout);
  observe_text(backend, tokens, trace, [](std::size_t) {});
  trace.finish_rollout();
  return rollout.influence(targets);
}

}  // namespace medgen::jobs
