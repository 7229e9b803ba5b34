// What a training run reads.
#include "train/training_data.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/sha256.h"
#include "base/vocabulary.h"
#include "corpus/shards.h"
#include "medgen/error.h"

namespace medgen::train {
namespace {

namespace fs = std::filesystem;

constexpr int kDefaultContext = 256;

[[noreturn]] void usage(const std::string& message) { throw Error(ErrorCode::kUsage, message); }

// The tokenizer of a run, and the name of its origin in messages.
struct RunTokenizer {
  fs::path path;
  std::string fingerprint;
  std::shared_ptr<const Tokenizer> tokenizer;
};

RunTokenizer choose_tokenizer(const TrainOptions& options) {
  RunTokenizer chosen;
  if (!options.from.empty()) {
    if (!options.tokenizer.empty()) {
      usage("`from` comes with its tokenizer, so `tokenizer` cannot be given with it");
    }
    chosen.path = options.from;
  } else if (!options.tokenizer.empty()) {
    chosen.path = options.tokenizer;
  } else {
    const auto shards =
        std::find_if(options.data.begin(), options.data.end(), corpus::is_shard_folder);
    if (shards == options.data.end()) {
      usage("no tokenizer: give `tokenizer`, a bundle with `from`, or a prepared corpus as `data`");
    }
    chosen.path = *shards / "tokenizer";
  }
  chosen.tokenizer = load_tokenizer(chosen.path);
  chosen.fingerprint = corpus::tokenizer_fingerprint(chosen.path);
  if (!chosen.tokenizer->eos_id()) {
    throw Error(
        ErrorCode::kModel,
        fmt::format("the tokenizer {} has no end-of-text token, which must stand between documents",
                    chosen.path.string()));
  }
  return chosen;
}

corpus::Shards open_matching_shards(const fs::path& folder, const RunTokenizer& tokenizer) {
  corpus::Shards shards = corpus::open_shards(folder);
  if (shards.tokenizer().sha256 != tokenizer.fingerprint) {
    usage(
        fmt::format("the tokenizer {} is not the one that {} was prepared with; use {} or prepare "
                    "the corpus again",
                    tokenizer.path.string(), folder.string(), shards.tokenizer_path().string()));
  }
  return shards;
}

// Text whose documents are tokenized when their turn comes.
class TextDocuments : public corpus::TokenDocuments {
 public:
  explicit TextDocuments(std::shared_ptr<const Tokenizer> tokenizer)
      : tokenizer_(std::move(tokenizer)) {}

  void add(corpus::Document&& document, double weight) {
    bytes_ += document.text.size();
    texts_.push_back(std::move(document.text));
    weights_.push_back(weight);
  }

  std::size_t size() const override { return texts_.size(); }
  double weight(std::size_t document) const override { return weights_[document]; }
  TokenId eos() const override { return *tokenizer_->eos_id(); }
  std::uint64_t bytes() const override { return bytes_; }
  void append(std::size_t document, std::vector<TokenId>& ids) const override {
    const std::vector<TokenId> more = tokenizer_->encode(texts_[document]);
    ids.insert(ids.end(), more.begin(), more.end());
  }

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<std::string> texts_;
  std::vector<double> weights_;
  std::uint64_t bytes_ = 0;
};

// Several collections, concatenated.
class JoinedDocuments : public corpus::TokenDocuments {
 public:
  explicit JoinedDocuments(std::vector<std::shared_ptr<const corpus::TokenDocuments>> parts)
      : parts_(std::move(parts)) {
    for (const auto& part : parts_) {
      begins_.push_back(size_);
      size_ += part->size();
    }
  }
  std::size_t size() const override { return size_; }
  double weight(std::size_t document) const override {
    const std::size_t part = part_of(document);
    return parts_[part]->weight(document - begins_[part]);
  }
  TokenId eos() const override { return parts_.front()->eos(); }
  std::uint64_t bytes() const override {
    std::uint64_t sum = 0;
    for (const auto& part : parts_) sum += part->bytes();
    return sum;
  }
  void append(std::size_t document, std::vector<TokenId>& ids) const override {
    const std::size_t part = part_of(document);
    parts_[part]->append(document - begins_[part], ids);
  }

 private:
  std::size_t part_of(std::size_t document) const {
    const auto after = std::upper_bound(begins_.begin(), begins_.end(), document);
    return static_cast<std::size_t>(after - begins_.begin()) - 1;
  }
  std::vector<std::shared_ptr<const corpus::TokenDocuments>> parts_;
  std::vector<std::size_t> begins_;
  std::size_t size_ = 0;
};

class MixtureReader {
 public:
  MixtureReader(const TrainOptions& options, const RunTokenizer& tokenizer,
                const std::vector<corpus::SourceWeight>& weights, const char* weight_setting)
      : look_(options.look),
        tokenizer_(tokenizer),
        weights_(weights),
        weight_setting_(weight_setting),
        used_(weights.size(), false) {}

  Mixture read(const std::vector<fs::path>& places, corpus::Split split,
               const std::vector<corpus::Canary>& canaries = {}) {
    std::vector<std::shared_ptr<const corpus::TokenDocuments>> parts;
    for (const fs::path& place : places) {
      parts.push_back(fs::is_directory(place) ? read_shards(place, split) : read_text(place));
    }
    if (!canaries.empty()) parts.push_back(plant(canaries));
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      if (!used_[i]) {
        usage(fmt::format("{} {} names no source and no file of the data", weight_setting_,
                          weights_[i].name));
      }
    }
    auto documents =
        parts.size() == 1 ? parts.front() : std::make_shared<JoinedDocuments>(std::move(parts));
    return {documents, base::sha256(sums_)};
  }

 private:
  double weight(const corpus::Document& document, double otherwise) {
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      if (weights_[i].name == document.source || weights_[i].name == document.group) {
        used_[i] = true;
      }
    }
    return corpus::weight_of(document, weights_, otherwise);
  }

  std::shared_ptr<const corpus::TokenDocuments> read_shards(const fs::path& folder,
                                                            corpus::Split split) {
    const corpus::Shards shards = open_matching_shards(folder, tokenizer_);
    for (const corpus::ShardSource& source : shards.sources()) {
      const double w =
          weight({.source = source.source, .group = source.group, .text = ""}, source.weight);
      sums_ += fmt::format("{} {:f}\n", source.split(split).sha256, w);
    }
    return shards.documents(split, weights_);
  }

  std::shared_ptr<const corpus::TokenDocuments> read_text(const fs::path& file) {
    auto documents = std::make_shared<TextDocuments>(tokenizer_.tokenizer);
    corpus::ReadOptions read;
    read.look = look_;
    corpus::read_documents(
        file,
        [&](corpus::Document&& document) {
          const double w = weight(document, 1.0);
          sums_ += fmt::format("{} {:f}\n", base::sha256(document.text), w);
          documents->add(std::move(document), w);
        },
        read);
    return documents;
  }

  // Controls are not planted.
  std::shared_ptr<const corpus::TokenDocuments> plant(const std::vector<corpus::Canary>& canaries) {
    auto documents = std::make_shared<TextDocuments>(tokenizer_.tokenizer);
    for (const corpus::Canary& canary : canaries) {
      if (canary.times == 0) continue;
      sums_ +=
          fmt::format("{} {:f}\n", base::sha256(canary.text), static_cast<double>(canary.times));
      documents->add({.source = "", .group = "", .text = canary.text}, canary.times);
    }
    return documents;
  }

  const std::function<void(const fs::path&, std::uint64_t, corpus::Document&)>& look_;
  const RunTokenizer& tokenizer_;
  const std::vector<corpus::SourceWeight>& weights_;
  const char* weight_setting_;
  std::vector<bool> used_;
  std::string sums_;
};

ModelConfig choose_config(const TrainOptions& options, const std::optional<Bundle>& from,
                          const Tokenizer& tokenizer) {
  ModelConfig config;
  if (from) {
    config = from->config();
    if (options.n_positions == 0) return config;
    if (options.n_positions < config.n_positions) {
      usage(
          fmt::format("n-positions is {}; the context of `from` is {}, which can be made longer "
                      "but not shorter. `window` sets how much of it is trained.",
                      options.n_positions, config.n_positions));
    }
    config.n_positions = options.n_positions;
    validate(config);
    return config;
  }
  if (!options.config.empty()) {
    config = bundle::read_config(options.config);
    base::require_all_ids(
        tokenizer, config.vocab_size,
        {"the tokenizer", fmt::format("vocab_size in {} is", options.config.string()),
         "it must be at least that"},
        ErrorCode::kUsage);
  } else {
    config.vocab_size = tokenizer.vocab_size();
    config.n_positions = options.n_positions == 0 ? kDefaultContext : options.n_positions;
    config.n_embd = options.n_embd;
    config.n_layer = options.n_layer;
    config.n_head = options.n_head;
    config.n_inner = 4 * options.n_embd;
  }
  config.eos_token_id = tokenizer.eos_id();
  config.bos_token_id = tokenizer.eos_id();  // a document begins after the end of another
  validate(config);
  return config;
}

std::vector<Bundle> open_average(const TrainOptions& options, const TrainingData& data) {
  std::vector<Bundle> bundles;
  for (const fs::path& folder : options.average_with) {
    bundles.push_back(Bundle::open(folder));
    const bool same_shape = bundle::config_to_json(bundles.back().config()) ==
                            bundle::config_to_json(data.from->config());
    if (same_shape && corpus::tokenizer_fingerprint(folder) == data.tokenizer_fingerprint) continue;
    usage(fmt::format(
        "`average_with` is {}, whose {} is not that of {}; a mean needs models with the same shape "
        "and tokenizer",
        folder.string(), same_shape ? "tokenizer" : "config.json", options.from.string()));
  }
  return bundles;
}

std::vector<Bundle> open_teachers(const TrainOptions& options, const TrainingData& data) {
  std::vector<Bundle> bundles;
  for (const fs::path& folder : options.distil_from) {
    bundles.push_back(Bundle::open(folder));
    const ModelConfig& config = bundles.back().config();
    if (corpus::tokenizer_fingerprint(folder) != data.tokenizer_fingerprint ||
        config.vocab_size != data.config.vocab_size) {
      usage(
          fmt::format("`distil_from` is {}, whose tokenizer is not that of the model being "
                      "trained; probabilities can only be learnt from a model with the same tokens",
                      folder.string()));
    }
    if (config.n_positions < data.window) {
      usage(
          fmt::format("`distil_from` is {}, whose context is {}; windows are {} tokens. Give "
                      "`window` {} or less.",
                      folder.string(), config.n_positions, data.window, config.n_positions));
    }
  }
  return bundles;
}

corpus::EvaluationText read_held_out(const TrainOptions& options, const RunTokenizer& tokenizer,
                                     int window) {
  std::vector<fs::path> places = {options.valid};
  if (options.valid.empty()) {
    places.clear();
    std::copy_if(options.data.begin(), options.data.end(), std::back_inserter(places),
                 corpus::is_shard_folder);
  }
  if (places.empty()) return {};
  const std::vector<corpus::SourceWeight> none;
  const Mixture mixture =
      MixtureReader(options, tokenizer, none, "").read(places, corpus::Split::kValid);
  if (mixture.documents->size() > 0) return corpus::evaluation_windows(*mixture.documents, window);
  if (options.valid.empty()) return {};
  usage("the held-out text " + options.valid.string() + " holds no document");
}

}  // namespace

TrainingData open_training_data(const TrainOptions& options) {
  TrainingData data;
  const RunTokenizer tokenizer = choose_tokenizer(options);
  data.tokenizer = tokenizer.path;
  data.tokenizer_fingerprint = tokenizer.fingerprint;
  if (!options.from.empty()) data.from = Bundle::open(options.from);
  data.config = choose_config(options, data.from, *tokenizer.tokenizer);
  data.average_with = open_average(options, data);
  data.window = options.window == 0 ? data.config.n_positions : options.window;
  if (data.window > data.config.n_positions) {
    usage(fmt::format("window is {}; the model's context is {}", data.window,
                      data.config.n_positions));
  }
  data.distil_from = open_teachers(options, data);
  data.main = MixtureReader(options, tokenizer, options.weights, "`weight`")
                  .read(options.data, corpus::Split::kTrain, options.canaries);
  if (!options.anneal_data.empty()) {
    data.anneal = MixtureReader(options, tokenizer, options.anneal_weights, "`anneal_weight`")
                      .read(options.anneal_data, corpus::Split::kTrain);
  }
  data.held_out = read_held_out(options, tokenizer, data.window);
  if (options.early_stop_patience > 0 && data.held_out.tokens == 0) {
    usage("`early_stop_patience` needs held-out text: give `valid`");
  }
  return data;
}

}  // namespace medgen::train
