// See the header; the keys and their order are part of the format.
#include "records/sweep_records.h"

#include <utility>

#include "safety/notice.h"

namespace medgen::records {
namespace {

using batch::Json;

// Of the completion alone: numbered within its setting.
batch::Json text_json(Completion completion, int index, const SamplingParams& asked,
                      const Tokenizer* tokenizer) {
  completion.index = index;
  batch::Json json = completion_json(completion, asked.logprobs ? tokenizer : nullptr);
  json["tokens"] = completion.tokens;
  // Beams are not drawn, so their distributions were not computed.
  if (asked.num_beams > 1 || completion.logprobs.empty()) return json;
  double entropy = 0;
  for (const TokenLogprobs& token : completion.logprobs) entropy += token.entropy;
  json["mean_entropy"] = entropy / static_cast<double>(completion.logprobs.size());
  return json;
}

}  // namespace

SweepRecords::SweepRecords(std::vector<batch::NamedSettings> settings, Provenance provenance)
    : settings_(std::move(settings)), provenance_(std::move(provenance)) {}

std::string SweepRecords::record(const batch::FinishedRow& finished) const {
  std::string lines;
  std::size_t next = 0;
  for (const batch::NamedSettings& setting : settings_) {
    batch::Json json;
    json["id"] = finished.row.id;
    json["setting"] = setting.name;
    if (finished.row.error) {
      json["error"] =
          batch::Json{{"code", finished.row.error->code}, {"message", finished.row.error->message}};
      lines += json.dump() + "\n";
      continue;
    }
    json["prompt"] = finished.row.prompt;
    for (const auto& [name, value] : finished.row.extras.items()) json[name] = value;
    json["completions"] = batch::Json::array();
    for (int i = 0; i < setting.settings.num_return_sequences; ++i) {
      json["completions"].push_back(text_json(finished.completions[next++], i,
                                              setting.settings.sampling, provenance_.tokenizer));
    }
    Provenance provenance = provenance_;
    provenance.request = finished.request;
    provenance.request.num_return_sequences = setting.settings.num_return_sequences;
    provenance.request.sampling = setting.settings.sampling;
    provenance.request.stopping = setting.settings.stopping;
    json["provenance"] = provenance_json(provenance);
    json["generated"] = true;
    json["notice"] = safety::notice();
    lines += json.dump() + "\n";
  }
  return lines;
}

}  // namespace medgen::records
