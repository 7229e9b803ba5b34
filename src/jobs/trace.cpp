// See the header.
#include "jobs/trace.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/refuse.h"
#include "corpus/shards.h"
#include "medgen/error.h"
#include "medgen/generate.h"
#include "records/record_file.h"

namespace medgen::jobs {
namespace {

void check_trace_options(const why::TraceOptions& options) {
  const auto require = [](const char* name, int value, int low, int high) {
    if (value >= low && value <= high) return;
    base::refuse_value(name, fmt::to_string(value), fmt::format("from {} to {}", low, high));
  };
  require("least-tokens", options.least_tokens, 1, 10'000);
  require("most-spans", options.most_spans.value_or(0), 0, 1'000'000);
  require("places", options.most_places, 1, 1000);
  require("context-tokens", options.context_tokens, 0, 1000);
}

std::shared_ptr<const Tokenizer> tokenizer_of(const why::SuffixIndex& index) {
  if (corpus::tokenizer_fingerprint(index.tokenizer_path()) != index.tokenizer_sha256()) {
    throw Error(ErrorCode::kRuntime, index.tokenizer_path().string() +
                                         " is not the tokenizer that the index was made with; "
                                         "make the index again");
  }
  return load_tokenizer(index.tokenizer_path(), index.vocab_size());
}

// Texts by their numbers.
class TextsInOrder : public GenerationObserver {
 public:
  void on_text(std::uint64_t, int, std::string_view) override {}
  void on_finish(std::uint64_t, const Completion& completion) override {
    completions_.push_back(completion);
  }
  std::vector<Completion> take() && {
    std::ranges::sort(completions_, {}, &Completion::index);
    return std::move(completions_);
  }

 private:
  std::vector<Completion> completions_;
};

struct NamedText {
  std::string name, text;
};

std::vector<NamedText> drawn_texts(const TraceAsked& asked, const DecodingSettings& settings,
                                   const ModelFiles& model, Backend& backend) {
  Request request;
  request.prompt = prompt_tokens(model, asked.text);
  request.num_return_sequences = settings.num_return_sequences;
  request.sampling = settings.sampling;
  request.stopping = settings.stopping;
  TextsInOrder gathered;
  generate(backend, *model.tokenizer, {request}, gathered, {.interrupted = asked.interrupted});
  std::vector<NamedText> texts;
  for (Completion& completion : std::move(gathered).take()) {
    texts.push_back(
        {fmt::format("continuation {}", completion.index + 1), std::move(completion.text)});
  }
  return texts;
}

std::vector<NamedText> recorded_texts(const std::filesystem::path& file) {
  std::vector<NamedText> texts;
  records::read_placed_records(file, [&](const records::RecordReader& record) {
    if (record.failed()) return;
    for (records::RecordedText& text : record.texts()) {
      if (texts.size() == kMostTracedTexts) {
        base::refuse(fmt::format("{} holds more than {} texts: trace a part of it", file.string(),
                                 kMostTracedTexts));
      }
      texts.push_back(
          {fmt::format("{}, text {}", record.place(), text.index + 1), std::move(text.text)});
    }
  });
  if (texts.empty()) base::refuse(file.string() + " holds no generated texts");
  return texts;
}

}  // namespace

TraceResult trace(const TraceAsked& asked) {
  check_trace_options(asked.options);
  const why::SuffixIndex index = why::SuffixIndex::open(asked.index);
  const auto tokenizer = tokenizer_of(index);
  TraceResult result;
  result.sources = index.sources();
  result.index_documents = index.documents();
  result.index_tokens = index.tokens();
  std::vector<NamedText> texts = {{"", asked.text}};
  if (asked.go_on) {
    const ModelFiles model = open_model(asked.model, asked.tokenizer);
    BackendOptions options = asked.backend;
    const DecodingSettings settings = asked.resolve(model.defaults);
    options.max_slots =
        std::clamp(std::max(settings.num_return_sequences, settings.sampling.num_beams), 2, 64);
    const auto backend = open_backend(model, options);
    if (asked.loaded) asked.loaded();
    result.model_name = model.name;
    result.model_sha256 = model.sha256;
    texts = drawn_texts(asked, settings, model, *backend);
  } else {
    if (asked.loaded) asked.loaded();
    if (!asked.records.empty()) texts = recorded_texts(asked.records);
  }
  for (const NamedText& text : texts) {
    result.texts.push_back({text.name, asked.go_on || !asked.records.empty(),
                            why::trace_text(index, *tokenizer, text.text, asked.options)});
  }
  return result;
}

}  // namespace medgen::jobs
