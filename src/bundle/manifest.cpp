// See the header. Both texts come from outside, so every key is checked for type and range.
#include "bundle/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "bundle/fail.h"
#include "bundle/json_text.h"
#include "medgen/error.h"

namespace medgen::bundle {
namespace {

using nlohmann::json;

[[noreturn]] void bad_value(const std::string& source, const std::string& key, const json& value,
                            const std::string& allowed) {
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > 80) text = text.substr(0, 77) + "...";
  fail(source + ": " + key + " is " + text + "; expected " + allowed);
}

const json& member(const json& object, const char* key, const std::string& source) {
  const auto entry = object.find(key);
  if (entry == object.end()) {
    fail(source + ": " + key + " is missing; get the bundle again or convert the model again");
  }
  return *entry;
}

std::string string_member(const json& object, const char* key, const std::string& source) {
  const json& value = member(object, key, source);
  if (!value.is_string()) bad_value(source, key, value, "a string");
  return value.get<std::string>();
}

std::int64_t count_member(const json& object, const char* key, const std::string& source) {
  const json& value = member(object, key, source);
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMax) {
    bad_value(source, key, value, "a whole number of 0 or more");
  }
  return value.get<std::int64_t>();
}

BundleFile parse_file(const json& object, const std::string& source) {
  if (!object.is_object()) bad_value(source, "files", object, "a list of objects");
  BundleFile file;
  file.name = string_member(object, "name", source);
  if (!is_plain_file_name(file.name)) {
    bad_value(source, "files: name", file.name, "a plain file name inside the bundle");
  }
  file.sha256 = string_member(object, "sha256", source);
  const bool hex = std::all_of(file.sha256.begin(), file.sha256.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  if (file.sha256.size() != 64 || !hex) {
    bad_value(source, "sha256 of " + file.name, file.sha256, "64 lower-case hexadecimal digits");
  }
  file.size = static_cast<std::uint64_t>(count_member(object, "size", source));
  return file;
}

// {"precision": {"auto": "int8", "probe_perplexity": {"fp32": 12.5, ...}}}, which may be absent.
void read_precision(const json& object, const std::string& source, Manifest& manifest) {
  const auto entry = object.find("precision");
  if (entry == object.end()) return;
  if (!entry->is_object()) bad_value(source, "precision", *entry, "an object");
  const std::string name = string_member(*entry, "auto", source);
  if (name != "fp32" && name != "bf16" && name != "int8") {
    bad_value(source, "precision: auto", name, "\"fp32\", \"bf16\" or \"int8\"");
  }
  manifest.auto_precision = name;
  const json& measured = member(*entry, "probe_perplexity", source);
  if (!measured.is_object() || measured.size() > 10)
    bad_value(source, "probe_perplexity", measured, "an object");
  for (const auto& [precision, perplexity] : measured.items()) {
    if (!perplexity.is_number()) bad_value(source, "probe_perplexity", perplexity, "numbers");
    manifest.probe_perplexity.emplace_back(precision, perplexity.get<double>());
  }
}

}  // namespace

bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name.size() < 256 && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

Manifest parse_manifest(std::string_view text, const std::string& source) {
  const json object = parse_json_object(text, source);
  const json& version = member(object, "format_version", source);
  if (version != kBundleFormatVersion) {
    bad_value(
        source, "format_version", version,
        fmt::format("{}, the format this medgen reads; update medgen or convert the model again",
                    kBundleFormatVersion));
  }
  Manifest manifest;
  manifest.format_version = kBundleFormatVersion;
  manifest.name = string_member(object, "name", source);
  manifest.tool_version = string_member(object, "tool_version", source);
  manifest.tokenizer_kind = string_member(object, "tokenizer_kind", source);
  manifest.dtype = string_member(object, "dtype", source);
  if (manifest.dtype != "fp32" && manifest.dtype != "fp16") {
    bad_value(source, "dtype", manifest.dtype, "\"fp32\" or \"fp16\"");
  }
  manifest.parameter_count = count_member(object, "parameter_count", source);
  read_precision(object, source, manifest);
  const json& files = member(object, "files", source);
  if (!files.is_array() || files.size() > 1000) {
    bad_value(source, "files", files, "a list of at most 1000 objects");
  }
  std::set<std::string> names;
  for (const json& entry : files) {
    manifest.files.push_back(parse_file(entry, source));
    if (!names.insert(manifest.files.back().name).second) {
      fail(source + ": " + manifest.files.back().name + " is listed twice");
    }
  }
  for (const char* name : {"model.pt", "config.json", "generation_config.json", "MODEL_CARD.md"}) {
    if (names.count(name) == 0) {
      fail(source + ": " + name +
           " is not among its files; get the bundle again or convert the model again");
    }
  }
  return manifest;
}

std::string manifest_to_json(const Manifest& manifest) {
  nlohmann::ordered_json files = nlohmann::ordered_json::array();
  for (const BundleFile& file : manifest.files) {
    files.push_back({{"name", file.name}, {"sha256", file.sha256}, {"size", file.size}});
  }
  nlohmann::ordered_json object = {
      {"format_version", manifest.format_version},
      {"name", manifest.name},
      {"tool_version", manifest.tool_version},
      {"tokenizer_kind", manifest.tokenizer_kind},
      {"dtype", manifest.dtype},
      {"parameter_count", manifest.parameter_count},
  };
  if (!manifest.auto_precision.empty()) {
    nlohmann::ordered_json measured = nlohmann::ordered_json::object();
    for (const auto& [name, perplexity] : manifest.probe_perplexity) measured[name] = perplexity;
    object["precision"] = {{"auto", manifest.auto_precision}, {"probe_perplexity", measured}};
  }
  object["files"] = files;
  return object.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace medgen::bundle
