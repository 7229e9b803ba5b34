// Two passes over the text: the first decides by hashes what is kept, the second writes it.
#include "corpus/prepare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "base/files.h"
#include "base/refuse.h"
#include "base/value_shown.h"
#include "medgen/error.h"
#include "medgen/tokenizer.h"

namespace medgen::corpus {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostSources = 1000;
constexpr std::size_t kExcerptBytes = 160;
constexpr std::uint64_t kProgressEvery = 500;

[[noreturn]] void usage(const std::string& message) { throw Error(ErrorCode::kUsage, message); }

void check_file(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error)) usage("there is no file " + file.string());
  if (!fs::is_regular_file(file, error)) {
    usage(file.string() + " is not a regular file; it is read twice, so a pipe will not do");
  }
  if (!has_known_ending(file)) {
    usage(
        fmt::format("the format of {} is not known: its name must end in .jsonl, .csv or .txt, "
                    "perhaps with .zst or .gz",
                    file.string()));
  }
}

void check(const PrepareOptions& options) {
  if (options.data.empty()) usage("there is nothing to prepare: name a file");
  std::set<fs::path> seen;
  for (const fs::path& file : options.data) {
    check_file(file);
    if (!seen.insert(fs::canonical(file)).second) usage(file.string() + " is named twice");
  }
  if (!(options.valid_fraction >= 0 && options.valid_fraction <= kHighestValidFraction)) {
    base::refuse_value("valid-fraction", fmt::format("{:f}", options.valid_fraction),
                       "from 0 to 0.5");
  }
  if (!(options.near_duplicates >= kLowestNearDuplicates)) {
    base::refuse_value("near-duplicates", fmt::format("{:f}", options.near_duplicates),
                       "from 0.7 to 1");
  }
}

// A folder with other things in it is not replaced.
base::StagedDirectory::Existing existing_rule(const PrepareOptions& options) {
  if (!options.replace) return base::StagedDirectory::Existing::kRefuse;
  std::error_code ignored;
  if (fs::is_directory(options.output, ignored) && !fs::is_empty(options.output, ignored) &&
      !is_shard_folder(options.output)) {
    usage(options.output.string() +
          " is not a prepared corpus (it has no prepare.json), so it is not replaced; choose "
          "another name or remove it yourself");
  }
  return base::StagedDirectory::Existing::kReplace;
}

std::string excerpt(const std::string& text) {
  if (text.size() <= kExcerptBytes) return text;
  std::size_t end = kExcerptBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "...";
}

bool goes_to_valid(const TextHash& hash, double fraction) {
  return std::ldexp(static_cast<double>(hash.split), -64) < fraction;
}

class Preparation {
 public:
  explicit Preparation(const PrepareOptions& options)
      : options_(options),
        files_(options.data),
        folder_((check(options), options.output), existing_rule(options)),
        tokenizer_(load_tokenizer(options.tokenizer)) {
    const auto eos = tokenizer_->eos_id();
    if (!eos) {
      throw Error(ErrorCode::kModel,
                  "the tokenizer has no end-of-text token, which must stand between documents");
    }
    report_.tokenizer = {.sha256 = tokenizer_fingerprint(options.tokenizer),
                         .kind = std::string(tokenizer_->kind()),
                         .vocab_size = tokenizer_->vocab_size(),
                         .eos_id = *eos};
    std::sort(files_.begin(), files_.end());
    if (options.loaded) options.loaded();
  }

  PrepareReport run() {
    survey();
    sort_sources();
    apply_names();
    judge();
    write();
    copy_tokenizer();
    base::write_file(folder_.path() / "prepare.json", to_json(report_, options_));
    folder_.commit();
    return std::move(report_);
  }

 private:
  // Calls `visit` with every document that has text left after cleaning, and its source's number.
  void for_each_document(int pass,
                         const std::function<void(const Document&, std::uint32_t)>& visit) {
    const bool first = pass == 1;
    std::uint64_t documents = 0;
    CleanCounts cleaned;
    for (const fs::path& file : files_) {
      PrepareReport::Input input{.file = file.string()};
      ReadOptions read = options_.read;
      read.on_bad = [&](const BadRecord& record) {
        ++(record.too_long ? input.too_long : input.bad_records);
        if (first && report_.bad.size() < static_cast<std::size_t>(options_.examples)) {
          report_.bad.push_back({file.string(), record});
        }
      };
      read_documents(
          file,
          [&](Document&& document) {
            ++input.documents;
            if (++documents % kProgressEvery == 0) tell(pass, documents);
            document.text = clean_text(document.text, cleaned);
            const std::uint32_t source = source_number(document);
            if (first) {
              ++report_.sources[source].documents;
              report_.sources[source].empty += document.text.empty() ? 1 : 0;
            }
            if (!document.text.empty()) visit(document, source);
          },
          read);
      if (first) report_.inputs.push_back(input);
    }
    if (first) report_.cleaned = cleaned;
    tell(pass, documents);
  }

  void tell(int pass, std::uint64_t documents) const {
    if (options_.progress) options_.progress(pass, documents);
  }

  std::uint32_t source_number(const Document& document) {
    const auto [entry, added] =
        source_numbers_.emplace(std::pair(document.source, document.group),
                                static_cast<std::uint32_t>(source_numbers_.size()));
    if (!added) return entry->second;
    if (source_numbers_.size() > kMostSources) {
      throw Error(ErrorCode::kRuntime,
                  fmt::format("there are more than {} sources: the \"source\" field must name a "
                              "few collections, not a record",
                              kMostSources));
    }
    report_.sources.push_back({});
    report_.sources.back().shard.source = document.source;
    report_.sources.back().shard.group = document.group;
    return entry->second;
  }

  void survey() {
    for_each_document(1, [&](const Document& document, std::uint32_t source) {
      if (known_.size() == std::numeric_limits<std::uint32_t>::max()) {
        throw Error(ErrorCode::kRuntime, "there are more documents than 4294967295");
      }
      known_.push_back({.hash = hash_text(document.text),
                        .preference = source,
                        .signature = sign_text(document.text)});
    });
  }

  // So that a source's number does not depend on the order of the files.
  void sort_sources() {
    std::vector<std::uint32_t> order(report_.sources.size());
    std::iota(order.begin(), order.end(), 0U);
    const auto name = [&](std::uint32_t i) {
      const ShardSource& shard = report_.sources[i].shard;
      return std::tie(shard.source, shard.group);
    };
    std::sort(order.begin(), order.end(),
              [&](std::uint32_t a, std::uint32_t b) { return name(a) < name(b); });
    std::vector<PrepareReport::Source> sorted;
    std::vector<std::uint32_t> now(order.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) {
      now[order[i]] = i;
      sorted.push_back(report_.sources[order[i]]);
    }
    report_.sources = std::move(sorted);
    for (auto& [names, number] : source_numbers_) number = now[number];
    for (KnownText& text : known_) text.preference = now[text.preference];
  }

  void apply_names() {
    const auto require = [&](const std::string& name, const char* setting) {
      std::string known;
      for (const PrepareReport::Source& source : report_.sources) {
        if (source.shard.source == name || source.shard.group == name) return;
        if (known.size() < 600) {
          known += fmt::format("{}{} ({})", known.empty() ? "" : ", ", source.shard.source,
                               source.shard.group);
        }
      }
      usage(fmt::format("{} names {}, and there is no such source; there are {}", setting,
                        base::value_shown(name), known));
    };
    for (const SourceWeight& weight : options_.weights) require(weight.name, "`weight`");
    for (const std::string& name : options_.drop_sources) require(name, "`drop_source`");
    for (PrepareReport::Source& source : report_.sources) {
      const Document named{.source = source.shard.source, .group = source.shard.group, .text = ""};
      source.shard.weight = weight_of(named, options_.weights);
      for (const std::string& name : options_.drop_sources) {
        source.dropped |= name == named.source || name == named.group;
      }
    }
  }

  // A dropped source's copy of a text must not replace another source's.
  void judge() {
    std::vector<KnownText> wanted;
    std::vector<std::uint32_t> number;
    for (std::uint32_t i = 0; i < known_.size(); ++i) {
      if (report_.sources[known_[i].preference].dropped) continue;
      wanted.push_back(known_[i]);
      number.push_back(i);
    }
    const bool all = wanted.size() == known_.size();
    verdicts_ = find_duplicates(all ? known_ : wanted, options_.near_duplicates);
    if (!all) spread(number);
    std::uint64_t kept = 0;
    for (std::uint32_t i = 0; i < known_.size(); ++i) {
      PrepareReport::Source& source = report_.sources[known_[i].preference];
      if (source.dropped) continue;
      kept += verdicts_[i].fate == Fate::kKept ? 1 : 0;
      source.same += verdicts_[i].fate == Fate::kSame ? 1 : 0;
      source.near += verdicts_[i].fate == Fate::kNear ? 1 : 0;
    }
    if (kept == 0) fail_empty();
    choose_examples();
  }

  // Verdicts on some of the texts become verdicts on all, by number.
  void spread(const std::vector<std::uint32_t>& number) {
    std::vector<Verdict> all(known_.size());
    for (std::size_t i = 0; i < number.size(); ++i) {
      all[number[i]] = verdicts_[i];
      all[number[i]].kept = number[verdicts_[i].kept];
    }
    verdicts_ = std::move(all);
  }

  [[noreturn]] void fail_empty() const {
    std::string message = fmt::format("no text is left: {} documents were read, {} records skipped",
                                      report_.documents(), report_.bad_records());
    if (!report_.bad.empty()) {
      const PrepareReport::Bad& bad = report_.bad.front();
      message += fmt::format(", the first at {}:{}: {}", bad.file, bad.record.line, bad.record.why);
    }
    throw Error(ErrorCode::kRuntime, message);
  }

  // The first of each kind in the order of their hashes, so that these too do not depend on it.
  void choose_examples() {
    for (const Fate fate : {Fate::kSame, Fate::kNear}) {
      std::vector<std::uint32_t> found;
      for (std::uint32_t i = 0; i < known_.size(); ++i) {
        if (verdicts_[i].fate == fate && !report_.sources[known_[i].preference].dropped) {
          found.push_back(i);
        }
      }
      const auto wanted = std::min(found.size(), static_cast<std::size_t>(options_.examples));
      std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(wanted),
                        found.end(), [&](std::uint32_t a, std::uint32_t b) {
                          return known_[a].hash != known_[b].hash ? known_[a].hash < known_[b].hash
                                                                  : a < b;
                        });
      for (std::size_t i = 0; i < wanted; ++i) {
        example_numbers_.push_back(found[i]);
        witnesses_[found[i]];
        witnesses_[verdicts_[found[i]].kept];
      }
    }
  }

  void write() {
    std::uint64_t number = 0;
    for_each_document(2, [&](const Document& document, std::uint32_t source) {
      if (number >= known_.size() || hash_text(document.text) != known_[number].hash)
        fail_changed();
      const auto i = static_cast<std::uint32_t>(number++);
      if (const auto witness = witnesses_.find(i); witness != witnesses_.end()) {
        witness->second = {document.id, document.title, document.source, excerpt(document.text)};
      }
      if (verdicts_[i].fate != Fate::kKept || report_.sources[source].dropped) return;
      const Split split =
          goes_to_valid(known_[i].hash, options_.valid_fraction) ? Split::kValid : Split::kTrain;
      writer(source, split)
          .add(tokenizer_->encode(document.text), document.text.size(), name_of(document));
    });
    if (number != known_.size()) fail_changed();
    for (auto& [key, writer] : writers_) {
      ShardSource& shard = report_.sources[key.first].shard;
      (key.second == Split::kTrain ? shard.train : shard.valid) = writer.finish();
    }
    if (report_.written(Split::kTrain).documents == 0) {
      throw Error(ErrorCode::kRuntime,
                  "no text is left for training: all documents went into validation; lower "
                  "`valid_fraction` or give more text");
    }
    for (const std::uint32_t i : example_numbers_) {
      report_.examples.push_back({verdicts_[i].fate, verdicts_[i].similarity, witnesses_[i],
                                  witnesses_[verdicts_[i].kept]});
    }
  }

  // Nobody looks for identifiers in ids and titles, so where they are masked these stay out.
  DocumentName name_of(const Document& document) const {
    if (options_.identifiers == "mask") return {.id = "", .title = "", .license = document.license};
    return {.id = document.id, .title = document.title, .license = document.license};
  }

  [[noreturn]] static void fail_changed() {
    throw Error(ErrorCode::kRuntime,
                "a file was changed while it was being prepared; start again when it is complete");
  }

  ShardWriter& writer(std::uint32_t source, Split split) {
    const auto key = std::pair(source, split);
    if (const auto found = writers_.find(key); found != writers_.end()) return found->second;
    const std::string name =
        fmt::format("{:03}-{}.tokens", source, split == Split::kTrain ? "train" : "valid");
    return writers_.emplace(key, ShardWriter(folder_.path() / name, report_.tokenizer))
        .first->second;
  }

  void copy_tokenizer() {
    const fs::path to = folder_.path() / "tokenizer";
    fs::create_directory(to);
    for (const fs::path& file : tokenizer_files(options_.tokenizer)) {
      const bool renamed = file == options_.tokenizer && file.extension() == ".model";
      base::copy_file_flushed(file, to / (renamed ? fs::path("tokenizer.model") : file.filename()),
                              ErrorCode::kModel);
    }
  }

  const PrepareOptions& options_;
  std::vector<fs::path> files_;
  base::StagedDirectory folder_;
  std::unique_ptr<Tokenizer> tokenizer_;
  PrepareReport report_;
  std::map<std::pair<std::string, std::string>, std::uint32_t> source_numbers_;
  std::vector<KnownText> known_;   // of every document with text, in the order of reading
  std::vector<Verdict> verdicts_;  // the same
  std::vector<std::uint32_t> example_numbers_;
  std::map<std::uint32_t, PrepareReport::Witness> witnesses_;
  std::map<std::pair<std::uint32_t, Split>, ShardWriter> writers_;
};

}  // namespace

PrepareReport prepare(const PrepareOptions& options) { return Preparation(options).run(); }

}  // namespace medgen::corpus
