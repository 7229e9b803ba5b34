// From text to token shards: cleaned, duplicates dropped, split, tokenized.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "corpus/clean.h"
#include "corpus/documents.h"
#include "corpus/near_duplicates.h"
#include "corpus/shards.h"

namespace medgen::corpus {

struct PrepareOptions {
  std::vector<std::filesystem::path> data;  // regular files that has_known_ending() knows
  std::filesystem::path tokenizer;          // what load_tokenizer() takes
  std::filesystem::path output;             // the shard folder; must not exist, unless `replace`
  bool replace = false;                     // a shard folder that stands there
  ReadOptions read;                         // on_bad is prepare()'s own
  std::string template_text;                // as typed, for the report
  std::vector<SourceWeight> weights;        // each must name a source or a file's group
  std::vector<std::string> drop_sources;    // the same
  std::string identifiers =
      {};  // what read.look does about those of patients, for the report; or empty
  double valid_fraction = 0.02;  // of the documents, into validation; [0, 0.5]
  double near_duplicates =
      0.8;            // similarity from which one of two is dropped; [0.7, 1]; above 1: off
  int examples = 10;  // of each kind of duplicate and of bad records, in the report

  // Called once the tokenizer is loaded, before texts are read.
  std::function<void()> loaded = {};
  // Called periodically, and once at the end of each pass. What it throws ends the work with
  // nothing left behind.
  std::function<void(int pass, std::uint64_t documents)> progress;
};

// The lowest and highest values that PrepareOptions allows.
inline constexpr double kLowestNearDuplicates = 0.7;
inline constexpr double kHighestValidFraction = 0.5;

struct PrepareReport {
  struct Input {
    std::string file;
    std::uint64_t documents = 0, bad_records = 0, too_long = 0;
  };
  struct Source {
    ShardSource shard;  // names, weight and what was written
    std::uint64_t documents = 0, empty = 0, same = 0, near = 0;
    bool dropped = false;  // asked for by name
  };
  struct Bad {
    std::string file;
    BadRecord record;
  };
  struct Witness {  // a document in an example
    std::string id, title, source, excerpt;
  };
  struct Example {
    Fate fate = Fate::kSame;
    double similarity = 1;
    Witness dropped, kept;
  };

  ShardTokenizer tokenizer;
  std::vector<Input> inputs;    // by name
  std::vector<Source> sources;  // by source, then group
  std::vector<Bad> bad;         // the first ones
  std::vector<Example> examples;
  CleanCounts cleaned;

  std::uint64_t documents() const;  // read, before anything was dropped
  std::uint64_t bad_records() const;
  std::uint64_t dropped(Fate fate) const;
  std::uint64_t empty() const;
  ShardFile written(Split split) const;  // sums; no name and no checksum
};

// The text of prepare.json.
std::string to_json(const PrepareReport& report, const PrepareOptions& options);

// Reads every file twice, in the order of their names, and holds one document at a time besides 420
// bytes of each; the folder appears under its name only when it is whole. Which documents are
// dropped and in which split they go depends on their text alone, not on order or on how they are
// spread over files; of equal texts the one whose source sorts first is kept. Documents of a shard
// stand in the order of reading.
// Throws Error(kUsage) for options out of range, unknown names and files that are not
// regular; Error(kRuntime) if no text is left, a file changes meanwhile or the disk is full.
PrepareReport prepare(const PrepareOptions& options);

}  // namespace medgen::corpus
