// What a training run reads: its model's configuration, tokenizer, streams of windows and held-out
// text, from text files, shard folders or a bundle. Nothing of libtorch here.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "corpus/token_stream.h"
#include "medgen/bundle.h"
#include "medgen/model_config.h"
#include "train/train_options.h"

namespace medgen::train {

// Documents of one mixture, with a fingerprint.
struct Mixture {
  std::shared_ptr<const corpus::TokenDocuments> documents;
  std::string fingerprint;  // SHA-256 of the documents and their weights, in order
};

struct TrainingData {
  ModelConfig config;
  int window = 0;
  std::optional<Bundle> from;
  std::vector<Bundle> average_with;  // of the configuration and tokenizer of `from`
  std::vector<Bundle> distil_from;   // of this tokenizer and vocabulary size
  std::filesystem::path tokenizer;   // for the bundle to come
  std::string tokenizer_fingerprint;
  Mixture main;
  std::optional<Mixture> anneal;
  corpus::EvaluationText held_out;  // empty if there is none
};

// Throws Error(kUsage) for inputs that do not fit together, with what was found and the remedy.
TrainingData open_training_data(const TrainOptions& options);

}  // namespace medgen::train
