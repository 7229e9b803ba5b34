// What a fuzzer feeds: each input format from its bytes to rows, the journal, what a model file is
// made of, what tells of runs, and what medgen keeps for itself. Any bytes must give rows, error
// records, tensors or an Error, the same however the bytes are cut into blocks. Anything else
// aborts. The unit tests run the same functions on the seeds.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "batch/journal.h"
#include "batch/raw_rows.h"
#include "batch/row_parser.h"
#include "bundle/pickle.h"
#include "bundle/torchscript_weights.h"
#include "fuzz/input_file.h"
#include "fuzz/kept_files.h"
#include "fuzz/model_text.h"
#include "fuzz/run_text.h"
#include "medgen/error.h"
#include "safety/identifiers.h"
#include "text/utf8.h"

namespace medgen::fuzz {

inline void require(bool holds) {
  if (!holds) std::abort();
}

inline base::Blocks blocks_of(const std::string& text, std::size_t size) {
  auto at = std::make_shared<std::size_t>(0);
  return [&text, at, size]() -> std::string_view {
    const std::string_view block = std::string_view(text).substr(*at).substr(0, size);
    *at += block.size();
    return block;
  };
}

inline void check_row(const batch::BatchRow& row) {
  if (row.error) {
    require(!row.error->code.empty() && !row.error->message.empty());
    require(!text::find_invalid_utf8(row.error->message));
    require(row.prompt.empty() && row.prompt_ids.empty());
  } else {
    require(row.prompt.empty() != row.prompt_ids.empty() &&
            row.prompt.find('\0') == std::string::npos);
    require(!text::find_invalid_utf8(row.prompt));
  }
  batch::Json json{{"id", row.id}, {"prompt", row.prompt}, {"extras", batch::Json::array()}};
  for (const records::Field& field : row.extras) json["extras"].push_back({field.name, field.json});
  require(batch::Json::parse(json.dump()) == json);
}

// Calls `visit` with every row. What they are, as text; "refused" added where an Error ended them.
template <typename Visit>
std::string split_rows(base::Blocks blocks, batch::InputFormat format, Visit visit) {
  std::string all;
  try {
    batch::RowSplitter splitter(std::move(blocks), format, "input");
    for (batch::RawRow raw; splitter.next(raw);) {
      all += std::to_string(raw.line) + " " + raw.text + "\n";
      visit(raw);
    }
  } catch (const Error&) {
    all += "refused";
  }
  return all;
}

inline std::string parse_rows(base::Blocks blocks, batch::InputFormat format) {
  batch::RowParser parser(format, {.prompt = {}, .id = {}, .fields = {.all_act = true}}, "input");
  std::uint64_t position = 0;
  bool refused = false;
  return split_rows(std::move(blocks), format, [&](const batch::RawRow& raw) {
    if (refused) return;
    try {
      if (parser.wants_header()) {
        parser.take_header(raw);
      } else {
        check_row(parser.parse(raw, position++));
      }
    } catch (const Error&) {
      refused = true;
    }
  });
}

// Parsed once: that the rows are the same however the bytes are cut says all about the parts.
inline void run_rows(const std::string& data, batch::InputFormat format) {
  const std::string whole = parse_rows(blocks_of(data, data.size() + 1), format);
  for (const std::size_t size : {1, 3}) {
    require(split_rows(blocks_of(data, size), format, [](const batch::RawRow&) {}) == whole);
  }
}

// What can only be read from a file.
inline void run_file(const std::string& data, const char* extension,
                     const std::function<void(const std::string& path)>& read) {
  static InputFolder folder("file");
  const std::string path = folder.write(std::string("input") + extension, data).string();
  try {
    read(path);
  } catch (const Error&) {
  }
}

inline void run_compressed(const std::string& data, const char* extension) {
  run_file(data, extension, [](const std::string& path) {
    parse_rows(base::file_blocks(path), batch::InputFormat::kJsonl);
  });
}

inline void run_pickle(const std::string& data) {
  try {
    const bundle::Pickle pickle = bundle::Pickle::parse(data);
    require(pickle.size() <= data.size());
    for (bundle::PickleRef ref = 0; ref < pickle.size(); ++ref) {
      const bundle::PickleValue& value = pickle.at(ref);
      for (const bundle::PickleRef item : value.items) require(item < pickle.size());
      for (const bundle::PickleRef item : pickle.arguments_of(value)) require(item < pickle.size());
      require(pickle.text_of(ref).size() <= data.size());
    }
  } catch (const Error&) {
  }
}

inline void run_archive(const std::string& data) {
  run_file(data, ".pt", [&](const std::string& path) {
    const bundle::TorchScriptWeights weights = bundle::TorchScriptWeights::open(path);
    for (const bundle::ParameterSpec& spec : weights.specs()) {
      try {
        const std::size_t count = weights.read(spec.name).size();
        require(count <= data.size());
      } catch (const Error&) {
      }
    }
  });
}

inline void read_journal(const std::string& data) {
  try {
    const batch::JournalContent content =
        batch::read_journal(blocks_of(data, data.size() + 1), "journal");
    require(batch::differences(content.job, content.job).empty());
  } catch (const Error&) {
  }
}

// As it is, and with the checksums that a journal's lines begin with.
inline void run_journal(const std::string& data) {
  read_journal(data);
  std::string sealed;
  for (std::size_t at = 0; at < data.size();) {
    const std::size_t end = std::min(data.find('\n', at), data.size());
    const std::string line = data.substr(at, end - at);
    sealed += base::sha256(line).substr(0, 16) + " " + line + "\n";
    at = end + 1;
  }
  read_journal(sealed);
}

// Findings are in order, apart and within the text; masking leaves the rest as it is.
inline void run_identifiers(const std::string& data) {
  const std::string text = text::replace_invalid_utf8(data);
  const auto found = safety::find_identifiers(text);
  std::size_t end = 0;
  std::size_t bytes = text.size();
  for (const safety::Identifier& one : found) {
    require(one.offset >= end && one.length > 0);
    end = one.offset + one.length;
    require(end <= text.size());
    bytes += safety::name_of(one.kind).size() + 2 - one.length;
  }
  const std::string masked = safety::mask_identifiers(text, found);
  require(masked.size() == bytes && !text::find_invalid_utf8(masked));
  require(safety::places_of(text, found).size() == found.size());
}

using Target = void (*)(const std::string& data);

inline const std::map<std::string, Target>& targets() {
  static const std::map<std::string, Target> kTargets = {
      {"text", [](const std::string& data) { run_rows(data, batch::InputFormat::kText); }},
      {"jsonl", [](const std::string& data) { run_rows(data, batch::InputFormat::kJsonl); }},
      {"csv", [](const std::string& data) { run_rows(data, batch::InputFormat::kCsv); }},
      {"tsv", [](const std::string& data) { run_rows(data, batch::InputFormat::kTsv); }},
      {"gzip", [](const std::string& data) { run_compressed(data, ".jsonl.gz"); }},
      {"zstd", [](const std::string& data) { run_compressed(data, ".jsonl.zst"); }},
      {"journal", run_journal},
      {"records", run_records},
      {"table", run_table},
      {"choices", run_choices},
      {"terms", run_terms},
      {"row_settings", run_row_settings},
      {"config_file", run_config_file},
      {"corpus_jsonl", [](const std::string& data) { run_corpus(data, "a.jsonl"); }},
      {"corpus_csv", [](const std::string& data) { run_corpus(data, "a.csv"); }},
      {"corpus_text", [](const std::string& data) { run_corpus(data, "a.txt"); }},
      {"packed", run_packed},
      {"checkpoint", run_checkpoint},
      {"training_record", run_training_record},
      {"prepared", run_prepared},
      {"index", run_index},
      {"document_names", run_document_names},
      {"canaries", run_canaries},
      {"pickle", run_pickle},
      {"archive", run_archive},
      {"identifiers", run_identifiers},
      {"json", run_json},
      {"config", run_config},
      {"generation_config", run_generation_config},
      {"manifest", run_manifest},
      {"templates", run_templates},
      {"tokenizer_model", run_tokenizer_model},
      {"tokenizer_json", run_tokenizer_json},
      {"tokenizer_settings", run_tokenizer_settings},
      {"vocabulary", run_vocabulary},
      {"safetensors", run_safetensors},
      {"safetensors_index", run_safetensors_index},
      {"why_spans", run_why_spans},
  };
  return kTargets;
}

}  // namespace medgen::fuzz
