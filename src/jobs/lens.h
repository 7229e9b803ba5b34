// What a model holds of a text at every layer: read from the native engine, which alone shows it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jobs/model_files.h"
#include "native/native_backend.h"
#include "why/lens.h"

namespace medgen::jobs {

// A head of a layer, both from 1.
struct HeadName {
  int layer = 1, head = 1;
};

struct LensRequest {
  std::vector<TokenId> tokens;
  bool all_positions = false;     // else the last one alone
  std::size_t top = 5;            // tokens named for each layer
  std::optional<TokenId> target;  // else the likeliest token of the last layer at each position
  std::vector<HeadName> heads;
  bool all_heads = false;
  bool rollout = false;
};

// The most numbers of one kind that are given: attention weights, or tokens named.
inline constexpr std::size_t kMaxLensNumbers = std::size_t{4} << 20U;
// The most that rollout keeps: for each layer the square of a text's tokens.
inline constexpr std::size_t kMaxRolloutNumbers = std::size_t{64} << 20U;

// Reads texts with one model. Only a model that the native engine runs has a lens: the constructor
// throws SettingError for a back end or device of another kind, reading throws Error(kModel) for
// another model.
class Lens {
 public:
  // `loaded` is called once the model is loaded.
  Lens(ModelFiles model, BackendOptions options, std::function<void()> loaded);

  const ModelFiles& model() const { return model_; }
  const std::string& precision();  // it computes in

  // The token that a word begins a continuation with: as it is written if it begins with a blank,
  // else with one before it, else as it is. Throws Error(kUsage) for what is no single token.
  TokenId token_of(std::string_view word) const;

  // Throws Error(kUsage) for a text that is empty or longer than the context, ids and heads that
  // the model does not have, and answers of more than kMaxLensNumbers.
  why::LensResult read(const LensRequest& request);

 private:
  native::NativeBackend& backend();

  ModelFiles model_;
  BackendOptions options_;
  std::function<void()> loaded_;
  std::unique_ptr<Backend> backend_;
};

// Attention rollout, see why/rollout.h: influence [targets, tokens] of each token on each target,
// which is a position of `tokens` from 1 on. Uses one slot of the back end. Throws Error(kUsage)
// for a text of more than kMaxRolloutNumbers.
std::vector<double> attention_rollout(native::NativeBackend& backend,
                                      const std::vector<TokenId>& tokens,
                                      const std::vector<int>& targets);

}  // namespace medgen::jobs
