// A prompt's completions as one line of JSON; the order of the keys is part of the format.
// Must not know of terminals or of how text is made.
#include "cli/json_writer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/number_text.h"
#include "safety/notice.h"

namespace medgen::cli {
namespace {

using Json = nlohmann::ordered_json;

Json sampling_json(const Request& request) {
  Json json;
  json["temperature"] = as_written(request.sampling.temperature);
  json["top_k"] = request.sampling.top_k;
  json["top_p"] = as_written(request.sampling.top_p);
  json["num_return_sequences"] = request.num_return_sequences;
  if (request.stopping.max_new_tokens) {
    json["max_new_tokens"] = *request.stopping.max_new_tokens;
  } else {
    json["max_length"] = request.stopping.max_length;
  }
  json["stop"] = request.stopping.stop;
  return json;
}

Json completion_json(const Completion& completion) {
  return Json{{"index", completion.index},
              {"text", completion.text},
              {"finish_reason", to_string(completion.finish_reason)},
              {"num_tokens", completion.num_tokens},
              {"logprob", completion.logprob}};
}

Json provenance_json(const Provenance& provenance) {
  return Json{{"medgen", MEDGEN_VERSION},
              {"model", Json{{"name", provenance.model_name}, {"sha256", provenance.model_sha256}}},
              {"backend", provenance.backend.name},
              {"precision", provenance.backend.precision},
              {"seed", provenance.request.sampling.seed},
              {"sampling", sampling_json(provenance.request)}};
}

}  // namespace

JsonWriter::JsonWriter(Output& output, std::string prompt, Provenance provenance)
    : output_(output), prompt_(std::move(prompt)), provenance_(std::move(provenance)) {}

void JsonWriter::on_finish(std::uint64_t, const Completion& completion) {
  completions_.push_back(completion);
}

void JsonWriter::finish() {
  std::sort(completions_.begin(), completions_.end(),
            [](const Completion& a, const Completion& b) { return a.index < b.index; });
  Json json;
  json["id"] = provenance_.request.id;
  json["prompt"] = prompt_;
  json["completions"] = Json::array();
  for (const Completion& completion : completions_) {
    json["completions"].push_back(completion_json(completion));
  }
  json["provenance"] = provenance_json(provenance_);
  json["generated"] = true;
  json["notice"] = notice();
  output_.write(json.dump() + "\n");
  output_.flush();
}

}  // namespace medgen::cli
