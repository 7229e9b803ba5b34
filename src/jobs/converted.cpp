// See the header. In the cache's folder "models" a bundle is named by the hash of what it was made
// of. The index of a checkpoint says which, and what was seen of its files.
#include "jobs/converted.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/new_file.h"
#include "base/sha256.h"
#include "base/user_folder.h"
#include "bundle/checkpoint.h"
#include "jobs/convert.h"
#include "jobs/model_files.h"
#include "medgen/error.h"

namespace medgen::jobs {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Raised when a conversion makes something else of the same files.
constexpr int kConversion = 2;
constexpr int kIndexFormat = 1;
constexpr std::uint64_t kMaxIndexBytes = std::uint64_t{4} << 20U;
constexpr const char* kOrigin = "converted-from.json";  // beside the bundle's own files

ConversionWatch& conversion_watch() {
  static ConversionWatch watch;
  return watch;
}

void tell(const std::string& text) {
  if (conversion_watch().note) conversion_watch().note(text);
}

// What a file has while nobody changes it.
struct FileStamp {
  std::string name;
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::uint64_t inode = 0;

  bool operator==(const FileStamp&) const = default;
};

FileStamp stamp_of(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) {
    throw Error(ErrorCode::kModel,
                file.string() + " cannot be read: " + std::generic_category().message(errno));
  }
  return {file.filename().string(), static_cast<std::uint64_t>(status.st_size),
          std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec,
          status.st_ino};
}

// All that a conversion may read: the weights, and every file of a kind that settings, tokenizers
// and cards are.
std::vector<fs::path> files_of(const fs::path& checkpoint) {
  std::vector<fs::path> files =
      bundle::checkpoint_files(bundle::find_checkpoint_weights(checkpoint));
  std::error_code error;
  for (fs::directory_iterator entry(checkpoint, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path& path = entry->path();
    const std::string kind = path.extension().string();
    if (kind != ".json" && kind != ".txt" && kind != ".model" && kind != ".md") continue;
    if (base::is_file(path)) files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  return files;
}

std::vector<FileStamp> stamps_of(const std::vector<fs::path>& files) {
  std::vector<FileStamp> stamps;
  for (const fs::path& file : files) stamps.push_back(stamp_of(file));
  return stamps;
}

std::string folder_name(const fs::path& checkpoint) {
  return checkpoint.has_filename() ? checkpoint.filename().string() : std::string("gpt2");
}

// What the converted model is called: whatever has the same is the same.
std::string key_of(const fs::path& checkpoint, const std::vector<fs::path>& files,
                   const std::vector<std::string>& hashes) {
  std::string all = fmt::format("{}\n{}\n", kConversion, folder_name(checkpoint));
  for (std::size_t i = 0; i < files.size(); ++i) {
    all += fmt::format("{} {}\n", hashes[i], files[i].filename().string());
  }
  return base::sha256(all);
}

std::vector<std::string> hashes_of(const std::vector<fs::path>& files) {
  std::vector<std::string> hashes;
  for (const fs::path& file : files) {
    hashes.push_back(base::sha256_of_file(file, ErrorCode::kModel));
  }
  return hashes;
}

bool is_hash(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isdigit(c) != 0 || (c >= 'a' && c <= 'f');
         });
}

bool is_usable(const fs::path& model) {
  return base::is_own_folder(model) && base::is_own_file(model / "manifest.json");
}

// Where converted models are kept, made if need be.
fs::path home_of_models() {
  const fs::path cache = base::user_folder(base::UserFolder::kCache);
  const fs::path home = cache / "models";
  if (!cache.empty()) {
    (void)::mkdir(home.c_str(), 0700);
    if (base::is_own_folder(home)) return home;
  }
  throw Error(
      ErrorCode::kRuntime,
      fmt::format("a Hugging Face folder is converted into the user's cache, but {}; make "
                  "a model folder of it with medgen convert, or set XDG_CACHE_HOME",
                  cache.empty() ? std::string("neither XDG_CACHE_HOME nor HOME names a folder")
                                : home.string() + " is no folder that this user alone may write"));
}

fs::path index_of(const fs::path& home, const fs::path& checkpoint) {
  return home / ("." + base::sha256(checkpoint.string()).substr(0, 32) + ".json");
}

struct CheckpointIndex {
  int conversion = kConversion;
  std::string model;
  std::vector<FileStamp> stamps;
};

// Nothing if there is none, or none that can be relied on: then it is made again.
std::optional<CheckpointIndex> read_index(const fs::path& file, const fs::path& checkpoint) {
  if (!base::is_own_file(file)) return std::nullopt;
  const json object = base::parse_json<json>(base::read_file(file, kMaxIndexBytes));
  try {
    if (object.at("format") != kIndexFormat || object.at("checkpoint") != checkpoint.string()) {
      return std::nullopt;
    }
    CheckpointIndex index;
    index.conversion = object.at("conversion").get<int>();
    index.model = object.at("model").get<std::string>();
    if (!is_hash(index.model)) return std::nullopt;
    for (const json& entry : object.at("files")) {
      index.stamps.push_back(
          {entry.at("name").get<std::string>(), entry.at("size").get<std::uint64_t>(),
           entry.at("mtime_ns").get<std::int64_t>(), entry.at("inode").get<std::uint64_t>()});
    }
    return index;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

void write_index(const fs::path& file, const fs::path& checkpoint, const CheckpointIndex& index) {
  json files = json::array();
  for (const FileStamp& stamp : index.stamps) {
    files.push_back({{"name", stamp.name},
                     {"size", stamp.size},
                     {"mtime_ns", stamp.mtime_ns},
                     {"inode", stamp.inode}});
  }
  const json object = {{"format", kIndexFormat},
                       {"conversion", index.conversion},
                       {"checkpoint", checkpoint.string()},
                       {"model", index.model},
                       {"files", files}};
  base::write_file_atomically(file,
                              object.dump(2, ' ', true, json::error_handler_t::replace) + "\n");
}

// Whether the index of a checkpoint names the model.
bool is_named(const fs::path& home, const std::string& model) {
  std::error_code error;
  for (fs::directory_iterator entry(home, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path& file = entry->path();
    if (file.extension() != ".json" || !base::is_own_file(file)) continue;
    const json object = base::parse_json<json>(base::read_file(file, kMaxIndexBytes));
    if (object.is_object() && object.value("model", json()) == model) return true;
  }
  return bool(error);
}

// A checkpoint that changes should not fill the disk with what it was. Whoever has it open keeps
// it, and whoever is about to open it makes it anew.
void remove_replaced(const fs::path& home, const std::string& model) {
  const fs::path folder = home / model;
  if (!is_converted_model(folder) || is_named(home, model)) return;
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  base::log_debug("the model of an earlier state of the folder was removed",
                  {{"folder", base::LogPath(folder)}});
}

// One conversion at a time, for as long as the descriptor is open.
int lock_models(const fs::path& home) {
  const fs::path file = home / ".lock";
  const int lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (lock < 0) {
    throw Error(ErrorCode::kRuntime,
                "cannot write " + file.string() + ": " + std::generic_category().message(errno));
  }
  if (::flock(lock, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return lock;  // a file system without locks
  tell("another medgen is converting a model; waiting for it");
  while (::flock(lock, LOCK_EX) != 0 && errno == EINTR) {
  }
  return lock;
}

void convert_into(const fs::path& checkpoint, const fs::path& model) {
  const ConversionWatch& watch = conversion_watch();
  const auto progress = [&](const std::string& what, int done, int total) {
    if (watch.progress) watch.progress(what, done, total);
  };
  tell(fmt::format("converting {}, this once; the result is kept in {}", checkpoint.string(),
                   model.parent_path().string()));
  for (const fs::path& leftover : base::leftovers_in(model.parent_path())) {
    std::error_code ignored;
    fs::remove_all(leftover, ignored);
  }
  std::error_code ignored;
  fs::remove_all(model, ignored);  // what is there cannot be used
  ConvertOptions options;
  options.name = folder_name(checkpoint);
  options.note = tell;
  options.progress = [&](int done, int total) { progress("tensor", done, total); };
  options.last = [&](const fs::path& staged) {
    const json origin = {{"checkpoint", checkpoint.string()}};
    base::write_file(staged / kOrigin,
                     origin.dump(2, ' ', true, json::error_handler_t::replace) + "\n");
    fs::permissions(staged, fs::perms::owner_all);
    fs::permissions(staged / "manifest.json", fs::perms::owner_read | fs::perms::owner_write);
    settle_precision(staged, tell, [&](const std::string& precision, int done, int total) {
      progress("packing in " + precision + ", part", done, total);
    });
  };
  try {
    convert_checkpoint_for_itself(checkpoint, model, options);
  } catch (const Error& error) {  // what is wrong is wrong with the user's own folder
    std::string message = error.what();
    if (const std::size_t at = message.find(model.string()); at != std::string::npos) {
      message.replace(at, model.string().size(), checkpoint.string());
    }
    throw Error(error.code(), message);
  }
}

ConvertedModel opened(const fs::path& checkpoint, const fs::path& model) {
  return {model, [checkpoint, key = model.filename().string()] {
            const std::vector<fs::path> files = files_of(checkpoint);
            if (key_of(checkpoint, files, hashes_of(files)) == key) return;
            throw Error(ErrorCode::kModel,
                        checkpoint.string() +
                            " has changed since it was converted, though its files have their "
                            "size and time; touch its config.json to have it converted anew");
          }};
}

}  // namespace

void watch_conversions(ConversionWatch watch) { conversion_watch() = std::move(watch); }

bool is_checkpoint(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored) || fs::exists(folder / "manifest.json", ignored)) {
    return false;
  }
  for (const char* sign : {"config.json", "model.safetensors", "pytorch_model.bin",
                           "adapter_config.json", "snapshots"}) {
    if (fs::exists(folder / sign, ignored)) return true;
  }
  return false;
}

void refuse_part_of_checkpoint(const fs::path& file) {
  const std::string kind = file.extension().string();
  if (kind != ".safetensors" && kind != ".bin" && kind != ".json") return;
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  throw Error(ErrorCode::kModel,
              fmt::format("{} is one file of a Hugging Face folder; give the folder, {}, in which "
                          "config.json and the tokenizer are too",
                          file.string(), folder.string()));
}

ConvertedModel converted_model(const fs::path& given, bool anew) {
  const base::Stopwatch watch;
  std::error_code error;
  const fs::path checkpoint = fs::canonical(given, error);
  if (error) throw Error(ErrorCode::kModel, given.string() + ": " + error.message());
  const std::vector<fs::path> files = files_of(checkpoint);
  const std::vector<FileStamp> stamps = stamps_of(files);
  const fs::path home = home_of_models();
  const fs::path index_file = index_of(home, checkpoint);
  const std::optional<CheckpointIndex> index = read_index(index_file, checkpoint);
  if (index && !anew && index->conversion == kConversion && index->stamps == stamps &&
      is_usable(home / index->model)) {
    base::log_debug("the converted model was found",
                    {{"folder", base::LogPath(home / index->model)}, {"time", watch.elapsed()}});
    return opened(checkpoint, home / index->model);
  }
  const base::Descriptor lock(lock_models(home));
  const std::string key = key_of(checkpoint, files, hashes_of(files));
  const fs::path model = home / key;
  if (anew || !is_usable(model)) convert_into(checkpoint, model);
  if (stamps_of(files_of(checkpoint)) != stamps) {
    throw Error(ErrorCode::kModel, checkpoint.string() +
                                       " was changed while it was converted; start again when it "
                                       "is complete");
  }
  write_index(index_file, checkpoint, {kConversion, key, stamps});
  if (index && index->model != key) remove_replaced(home, index->model);
  return opened(checkpoint, model);
}

bool is_converted_model(const fs::path& folder) {
  return is_hash(folder.filename().string()) && base::is_own_folder(folder) &&
         base::is_own_file(folder / kOrigin);
}

fs::path bundle_at(const fs::path& place) {
  return is_checkpoint(place) ? converted_model(place).folder : place;
}

}  // namespace medgen::jobs
