// Lines of the journal, written after the data they vouch for.
#include "batch/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/file_system.h"
#include "base/files.h"
#include "base/json.h"
#include "base/lines.h"
#include "base/sha256.h"
#include "base/whole_number.h"
#include "base/write_failure.h"
#include "batch/write_output.h"
#include "engine/settings.h"
#include "medgen/error.h"

namespace medgen::batch {
namespace {

constexpr std::size_t kCheckDigits = 16;

std::string line_of(const Json& json) {
  const std::string text = json.dump();
  return base::sha256(text).substr(0, kCheckDigits) + " " + text + "\n";
}

// The JSON of a line, discarded if the line is incomplete.
Json parse_line(const std::string& line) {
  if (line.size() <= kCheckDigits || line[kCheckDigits] != ' ')
    return Json(Json::value_t::discarded);
  const std::string text = line.substr(kCheckDigits + 1);
  if (base::sha256(text).substr(0, kCheckDigits) != line.substr(0, kCheckDigits)) {
    return Json(Json::value_t::discarded);
  }
  return base::parse_json<Json>(text);
}

Json json_of(const Record& record) {
  return Json{{"ahead", record.place},
              {"input_hash", record.input_hash},
              {"failed", record.failed},
              {"tokens", record.tokens},
              {"record", record.bytes}};
}

Record record_of(const Json& json) {
  return {base::whole_number(json.at("ahead")), json.at("input_hash").get<std::string>(),
          json.at("failed").get<bool>(), base::whole_number(json.at("tokens")),
          json.at("record").get<std::string>()};
}

Json json_of(const Committed& c) {
  Json json{{"rows", c.rows},          {"bytes", c.bytes},   {"sha256", c.sha256},
            {"failed", c.failed},      {"tokens", c.tokens}, {"last_place", c.last_place},
            {"last_hash", c.last_hash}};
  if (!c.places.empty()) json["places"] = c.places;
  return Json{{c.done ? "done" : "commit", std::move(json)}};
}

Committed committed_of(const Json& json, bool done) {
  Committed c;
  c.rows = base::whole_number(json.at("rows"));
  c.bytes = base::whole_number(json.at("bytes"));
  c.sha256 = json.at("sha256").get<std::string>();
  c.failed = base::whole_number(json.at("failed"));
  c.tokens = base::whole_number(json.at("tokens"));
  c.last_place = base::whole_number(json.at("last_place"));
  c.last_hash = json.at("last_hash").get<std::string>();
  if (json.contains("places")) {
    for (const Json& place : json.at("places")) c.places.push_back(base::whole_number(place));
  }
  c.done = done;
  return c;
}

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why) {
  throw Error(ErrorCode::kUsage,
              path.string() + " is not a journal that this medgen can use: " + why +
                  "; `restart` starts the job over and overwrites it and the output");
}

// Reads one line after the first; false if it is incomplete.
bool take(const Json& json, JournalContent& content, std::vector<Record>& waiting) {
  try {
    if (json.contains("ahead")) {
      waiting.push_back(record_of(json));
      return true;
    }
    const bool done = json.contains("done");
    content.committed = committed_of(json.at(done ? "done" : "commit"), done);
  } catch (const nlohmann::json::exception&) {
    return false;
  }
  const Committed& c = content.committed;
  content.places.insert(content.places.end(), c.places.begin(), c.places.end());
  for (Record& record : waiting) {
    const std::uint64_t place = record.place;
    content.ahead.insert_or_assign(place, std::move(record));
  }
  waiting.clear();
  return true;
}

}  // namespace

std::filesystem::path journal_path(const std::filesystem::path& output) {
  std::filesystem::path path = output;
  path += ".journal";
  return path;
}

JournalContent read_journal(const std::filesystem::path& path) {
  base::Blocks blocks;
  try {
    blocks = base::plain_file_blocks(path);
  } catch (const Error&) {
    refuse(path, "it cannot be read");
  }
  return read_journal(std::move(blocks), path);
}

JournalContent read_journal(base::Blocks blocks, const std::filesystem::path& path) {
  JournalContent content;
  base::Lines lines(std::move(blocks), base::Lines::kAnyLength);
  base::Line line;
  if (!lines.next(line) || !line.ended) refuse(path, "it has no whole first line");
  const Json header = parse_line(line.text);
  const Json format = header.is_object() ? header.value("medgen_batch_journal", Json()) : Json();
  if (!format.is_number_unsigned() || !header.contains("job")) {
    refuse(path, "its first line is damaged or something else");
  }
  if (format > kJournalFormat) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{} was written in format {}; this medgen reads up to {}: finish the "
                            "job with the medgen that began it or a newer one, or start it again "
                            "with `restart`, which overwrites the output",
                            path.string(), format.dump(), kJournalFormat));
  }
  content.format = format.get<int>();
  content.job = without_prompts(header["job"]);  // medgen 0.1 wrote them out
  content.extra = header.value("extra", Json());
  std::vector<Record> waiting;
  while (lines.next(line) && line.ended) {
    const Json json = parse_line(line.text);
    if (!json.is_object() || !take(json, content, waiting)) break;
    // Those whose turn has come are in the output.
    if (content.places.empty()) {
      content.ahead.erase(content.ahead.begin(), content.ahead.lower_bound(content.committed.rows));
    }
  }
  return content;
}

Journal::Journal(std::filesystem::path path, int descriptor, std::uint64_t bytes)
    : path_(std::move(path)), descriptor_(descriptor), bytes_(bytes) {}

Journal::Journal(Journal&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      bytes_(other.bytes_) {}

Journal& Journal::operator=(Journal&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Journal::~Journal() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

namespace {
int open_to_append(const std::filesystem::path& path, std::uint64_t keep) {
  const int descriptor = base::file_system().open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC, 0);
  if (descriptor < 0 || base::file_system().ftruncate(descriptor, static_cast<off_t>(keep)) != 0) {
    const std::string why = base::write_failure(errno);
    if (descriptor >= 0) ::close(descriptor);
    throw Error(ErrorCode::kRuntime, "cannot write " + path.string() + ": " + why);
  }
  return descriptor;
}
}  // namespace

Journal Journal::create(const std::filesystem::path& path, const Json& job, const Json& extra) {
  Json header{{"medgen_batch_journal", kJournalFormat}, {"job", job}};
  if (!extra.is_null()) header["extra"] = extra;
  const std::string line = line_of(header);
  base::write_file_atomically(path, line);
  return {path, open_to_append(path, line.size()), line.size()};
}

// Starts a fresh file with only what counts, so that an often resumed job stays small.
Journal Journal::resume(const std::filesystem::path& path, const JournalContent& content) {
  Json header{{"medgen_batch_journal", content.format}, {"job", content.job}};
  if (!content.extra.is_null()) header["extra"] = content.extra;
  std::string text = line_of(header);
  for (const auto& [place, record] : content.ahead) text += line_of(json_of(record));
  Committed committed = content.committed;
  committed.places = content.places;
  text += line_of(json_of(committed));
  base::write_file_atomically(path, text);
  return {path, open_to_append(path, text.size()), text.size()};
}

void Journal::commit(const std::vector<const Record*>& ahead, const Committed& committed) {
  std::string text;
  for (const Record* record : ahead) text += line_of(json_of(*record));
  text += line_of(json_of(committed));
  write_output(descriptor_, text, path_.string(), Kept::kFinishedRows);
  flush_to_disk(descriptor_, path_.string(), Kept::kFinishedRows);
  bytes_ += text.size();
}

namespace {

struct Difference {
  std::string name;  // "settings.seed"
  std::string words;
};

// Whether the setting holds texts of the user, which no message quotes.
bool is_private(const std::string& key) {
  if (key == "bad_words_ids" || key == "negative_prompt_ids") return true;
  const auto& infos = engine::setting_infos();
  return std::any_of(infos.begin(), infos.end(), [&](const engine::SettingInfo& info) {
    using engine::SettingKind;
    return info.name == key &&
           (info.kind == SettingKind::kText || info.kind == SettingKind::kTexts);
  });
}

void compare(const std::string& name, const Json& before, const Json& now,
             std::vector<Difference>& found) {
  if (before == now) return;
  if (before.is_object() && now.is_object()) {
    for (const auto& [part, value] : before.items()) {
      const std::string inner = name.empty() ? part : name + "." + part;
      compare(inner, value, now.contains(part) ? now.at(part) : Json(), found);
    }
    for (const auto& [part, value] : now.items()) {
      if (!before.contains(part)) {
        compare(name.empty() ? part : name + "." + part, Json(), value, found);
      }
    }
    return;
  }
  if (is_private(name.substr(name.rfind('.') + 1))) {
    found.push_back({name, name + " is another one now"});
    return;
  }
  found.push_back({name, name + " was " + before.dump() + " and is now " + now.dump()});
}

}  // namespace

Json without_prompts(Json job) {
  if (!job.is_structured()) return job;
  for (const auto& item : job.items()) {
    Json& value = item.value();
    const bool prompt =
        job.is_object() && (item.key() == "negative_prompt" || item.key() == "negative_prompt_ids");
    if (prompt && !value.is_object()) {
      value = Json{{"sha256", base::sha256(value.dump())}};
    } else {
      value = without_prompts(std::move(value));
    }
  }
  return job;
}

std::vector<std::string> differences(const Json& before, const Json& now) {
  std::vector<Difference> found;
  compare("", before, now, found);
  std::vector<std::string> all;
  for (const Difference& difference : found) {
    // Rows of OpenAI's form start from the same settings: what changes both is said once.
    constexpr std::string_view kOpenAi = "settings.openai.";
    const bool twice = difference.name.starts_with(kOpenAi) &&
                       std::any_of(found.begin(), found.end(), [&](const Difference& other) {
                         return other.name == "settings." + difference.name.substr(kOpenAi.size());
                       });
    if (!twice) all.push_back(difference.words);
  }
  return all;
}

}  // namespace medgen::batch
