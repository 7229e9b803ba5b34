// prepare.json: what went in, what came out and why; and the index that open_shards() reads.
#include <nlohmann/json.hpp>

#include "corpus/prepare.h"
#include "medgen/version.h"

namespace medgen::corpus {
namespace {

using Json = nlohmann::ordered_json;

Json shard_json(const ShardFile& file) {
  Json json = {{"documents", file.documents}, {"tokens", file.tokens}, {"bytes", file.bytes}};
  if (file.documents > 0) {
    json["file"] = file.name;
    json["sha256"] = file.sha256;
  }
  return json;
}

Json sums_json(const ShardFile& sums) {
  return {{"documents", sums.documents}, {"tokens", sums.tokens}, {"bytes", sums.bytes}};
}

Json source_json(const PrepareReport::Source& source) {
  return {{"source", source.shard.source},
          {"group", source.shard.group},
          {"weight", source.shard.weight},
          {"documents_in", source.documents},
          {"dropped",
           {{"by_name", source.dropped},
            {"empty", source.empty},
            {"exact_duplicates", source.same},
            {"near_duplicates", source.near}}},
          {"train", shard_json(source.shard.train)},
          {"valid", shard_json(source.shard.valid)}};
}

Json witness_json(const PrepareReport::Witness& witness) {
  return {{"id", witness.id},
          {"title", witness.title},
          {"source", witness.source},
          {"excerpt", witness.excerpt}};
}

Json examples_json(const PrepareReport& report, Fate fate) {
  Json list = Json::array();
  for (const PrepareReport::Example& example : report.examples) {
    if (example.fate != fate) continue;
    Json entry = {{"dropped", witness_json(example.dropped)}, {"kept", witness_json(example.kept)}};
    if (fate == Fate::kNear) entry["similarity"] = example.similarity;
    list.push_back(entry);
  }
  return list;
}

Json settings_json(const PrepareOptions& options) {
  Json weights = Json::object();
  for (const SourceWeight& weight : options.weights) weights[weight.name] = weight.weight;
  Json settings = {{"text_field", options.read.text_field},
                   {"template", options.template_text},
                   {"max_document_bytes", options.read.max_record_bytes},
                   {"valid_fraction", options.valid_fraction},
                   {"near_duplicates",
                    options.near_duplicates > 1 ? Json(nullptr) : Json(options.near_duplicates)},
                   {"weights", weights},
                   {"drop_sources", options.drop_sources}};
  if (!options.identifiers.empty()) settings["identifiers"] = options.identifiers;
  return settings;
}

template <typename Count>
std::uint64_t sum(const PrepareReport& report, Count count) {
  std::uint64_t total = 0;
  for (const PrepareReport::Source& source : report.sources) total += count(source);
  return total;
}

}  // namespace

std::uint64_t PrepareReport::documents() const {
  return sum(*this, [](const Source& source) { return source.documents; });
}

std::uint64_t PrepareReport::bad_records() const {
  std::uint64_t total = 0;
  for (const Input& input : inputs) total += input.bad_records + input.too_long;
  return total;
}

std::uint64_t PrepareReport::dropped(Fate fate) const {
  return sum(*this,
             [&](const Source& source) { return fate == Fate::kSame ? source.same : source.near; });
}

std::uint64_t PrepareReport::empty() const {
  return sum(*this, [](const Source& source) { return source.empty; });
}

ShardFile PrepareReport::written(Split split) const {
  ShardFile sums;
  for (const Source& source : sources) {
    const ShardFile& file = source.shard.split(split);
    sums.documents += file.documents;
    sums.tokens += file.tokens;
    sums.bytes += file.bytes;
  }
  return sums;
}

std::string to_json(const PrepareReport& report, const PrepareOptions& options) {
  Json inputs = Json::array();
  for (const PrepareReport::Input& input : report.inputs) {
    inputs.push_back({{"file", input.file},
                      {"documents", input.documents},
                      {"bad_records", input.bad_records},
                      {"too_long", input.too_long}});
  }
  Json bad = Json::array();
  for (const PrepareReport::Bad& entry : report.bad) {
    bad.push_back({{"file", entry.file}, {"line", entry.record.line}, {"why", entry.record.why}});
  }
  Json sources = Json::array();
  for (const PrepareReport::Source& source : report.sources) sources.push_back(source_json(source));
  const Json object = {
      {"format_version", 1},
      {"tool_version", std::string(version())},
      {"tokenizer",
       {{"sha256", report.tokenizer.sha256},
        {"kind", report.tokenizer.kind},
        {"vocab_size", report.tokenizer.vocab_size},
        {"eos_id", report.tokenizer.eos_id}}},
      {"settings", settings_json(options)},
      {"totals",
       {{"documents_in", report.documents()},
        {"bad_records", report.bad_records()},
        {"empty", report.empty()},
        {"exact_duplicates", report.dropped(Fate::kSame)},
        {"near_duplicates", report.dropped(Fate::kNear)},
        {"train", sums_json(report.written(Split::kTrain))},
        {"valid", sums_json(report.written(Split::kValid))}}},
      {"cleaned",
       {{"html_tags", report.cleaned.html_tags},
        {"html_entities", report.cleaned.html_entities},
        {"control_characters", report.cleaned.control_characters},
        {"zero_width", report.cleaned.zero_width},
        {"documents_composed", report.cleaned.composed},
        {"documents_respaced", report.cleaned.spacing}}},
      {"inputs", inputs},
      {"sources", sources},
      {"bad_records", bad},
      {"exact_duplicates", examples_json(report, Fate::kSame)},
      {"near_duplicates", examples_json(report, Fate::kNear)},
  };
  return object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace medgen::corpus
