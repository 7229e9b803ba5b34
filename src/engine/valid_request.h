// A request that is known to fit its model: what the scheduler takes, so that nothing is checked
// twice on the way to it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "engine/settings.h"
#include "medgen/backend.h"
#include "medgen/generate.h"
#include "medgen/tokenizer.h"

namespace medgen::engine {

// "the prompt", "prompt 3 of 10": what messages call it, under a variant of the request.
using PromptName = std::function<std::string(std::size_t variant)>;

// Settings that are known to be allowed and to fit a tokenizer. Made by check_settings() alone;
// they hold no texts to encode any more.
class ValidSettings {
 public:
  const DecodingSettings& operator*() const { return settings_; }
  const DecodingSettings* operator->() const { return &settings_; }

 private:
  friend ValidSettings check_settings(const SettingsJson& given, const DecodingSettings& defaults,
                                      const Tokenizer& tokenizer);
  explicit ValidSettings(DecodingSettings settings) : settings_(std::move(settings)) {}

  DecodingSettings settings_;
};

// `given` over `defaults`, as make_settings() puts them together, with token ids in place of texts.
// Throws Error(kUsage) for what make_settings() refuses and for ids that the tokenizer lacks.
ValidSettings check_settings(const SettingsJson& given, const DecodingSettings& defaults,
                             const Tokenizer& tokenizer);

// Made by check_request() alone. Its settings hold no texts to encode any more.
class ValidRequest {
 public:
  const Request& operator*() const { return request_; }
  const Request* operator->() const { return &request_; }
  Request take() && { return std::move(request_); }

 private:
  friend ValidRequest check_request(Request&& request, const PromptName& name,
                                    const BackendInfo& model, const Tokenizer& tokenizer);
  friend ValidRequest check_request(const ValidSettings& settings, Request&& request,
                                    const PromptName& name, const BackendInfo& model,
                                    const Tokenizer& tokenizer);
  explicit ValidRequest(Request&& request) : request_(std::move(request)) {}

  Request request_;
};

// Turns the request's text settings into token ids and checks that `model` can run it. Throws
// Error(kUsage) if not; the caller then keeps `request`. Messages about the prompt begin with
// `name`.
ValidRequest check_request(Request&& request, const PromptName& name, const BackendInfo& model,
                           const Tokenizer& tokenizer);

// The same for settings that were checked before, which take the place of the request's.
ValidRequest check_request(const ValidSettings& settings, Request&& request, const PromptName& name,
                           const BackendInfo& model, const Tokenizer& tokenizer);

// As RequestSource. kRequest without a request: there was one, which was refused.
class ValidRequestSource {
 public:
  using Next = RequestSource::Next;
  virtual ~ValidRequestSource() = default;
  virtual Next next(std::optional<ValidRequest>& request, bool wait) = 0;
};

// As the function in medgen/generate.h, for requests that were checked against this backend.
void generate(Backend& backend, const Tokenizer& tokenizer, ValidRequestSource& source,
              GenerationObserver& observer, const GenerateOptions& options = {});

}  // namespace medgen::engine
