// What medgen keeps for itself and reads again, as a fuzzer feeds it: packed weights, checkpoints,
// prepared corpora. Where a checksum or a seal would turn a changed file away, the right one is put
// in its place, so that what is behind it is reached.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/file_seal.h"
#include "base/sha256.h"
#include "corpus/canaries.h"
#include "corpus/document_names.h"
#include "corpus/shards.h"
#include "fuzz/input_file.h"
#include "fuzz/model_text.h"
#include "fuzz/sealed_index.h"
#include "fuzz/stored_zip.h"
#include "native/packed_file.h"
#include "train/checkpoint_file.h"
#include "train/training_record.h"

namespace medgen::fuzz {

inline native::PackedKey packed_key(unsigned precision) {
  native::PackedKey key{.sha256 = std::string(64, 'a'), .config = {}};
  key.config.vocab_size = 5;
  key.config.n_positions = 4;
  key.config.n_embd = 4;
  key.config.n_layer = 1;
  key.config.n_head = 2;
  key.config.n_inner = 8;
  key.precision = static_cast<native::Precision>(precision);
  key.secret = native::kInstalledSecret;
  return key;
}

// A precision, and then what is put over a file that this process made: 128 bytes of header, the
// body.
inline void run_packed(const std::string& data) {
  constexpr std::size_t kHeader = 4096, kSealed = 128, kSalt = 96;
  static InputFolder folder("packed");
  static const auto made = [] {
    std::vector<std::string> files;
    for (unsigned i = 0; i < 3; ++i) {
      const native::PackedKey key = packed_key(i);
      std::string why;
      const auto file = folder.path() / "made";
      native::PackedWeights::build(
          file, key, [](std::byte*, const auto&) {}, why);
      require_bounded(why.empty());
      files.push_back(base::read_file(file, 1U << 20U));
    }
    return files;
  }();
  if (data.empty()) return;
  const unsigned precision = static_cast<unsigned char>(data[0]) % 3U;
  std::string bytes = made[precision];
  for (std::size_t i = 1; i < data.size(); ++i) {
    const std::size_t at = i <= kSealed ? i - 1 : kHeader + (i - 1 - kSealed);
    if (at >= bytes.size()) break;
    bytes[at] = static_cast<char>(bytes[at] ^ data[i]);
  }
  const auto file = folder.write("packed.bin", bytes);
  base::SealSalt salt;
  std::memcpy(salt.data(), bytes.data() + kSalt, salt.size());
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  const auto seal =
      base::seal_file(descriptor, kHeader, bytes.size() - kHeader,
                      std::string_view(bytes).substr(0, kSealed), native::kInstalledSecret, salt);
  ::close(descriptor);
  require_bounded(seal.has_value());
  std::memcpy(bytes.data() + kSealed, seal->data(), seal->size());
  folder.write("packed.bin", bytes);
  const native::PackedKey key = packed_key(precision);
  std::string why;
  const auto weights = native::PackedWeights::open(file, key, why);
  require_bounded((weights == nullptr) == !why.empty());
  if (!weights) return;
  native::PackedModel model = weights->model();
  for (native::Layer& layer : model.layers) {
    for (int i = 0; i < native::kLayerMatrices; ++i) {
      const native::Matrix& matrix = native::matrix_of(layer, i);
      require_bounded(matrix.q_max >= 0 &&
                      matrix.q_max <= std::max(127, native::wide_q_max(matrix.k)));
    }
  }
}

// Two bytes that say how long the pickle is, the pickle, and the bytes of every tensor.
inline void run_checkpoint(const std::string& data) {
  static InputFolder folder("checkpoint");
  if (data.size() < 2) return;
  const std::size_t length = static_cast<unsigned char>(data[0]) +
                             (std::size_t{static_cast<unsigned char>(data[1])} << 8U);
  const std::string pickle = data.substr(2, length);
  const std::string tensor = data.substr(std::min(2 + length, data.size()));
  const std::string zip = stored_zip({{"archive/data.pkl", pickle},
                                      {"archive/data/0", tensor},
                                      {"archive/data/1", tensor.substr(0, tensor.size() / 2)},
                                      {"archive/data/2", ""}});
  const auto file = folder.write("checkpoint.pt", zip);
  // Messages name records as the archive does; the program shows them as text that can be printed.
  try {
    const train::CheckpointFile read = train::read_checkpoint_file(file);
    require_bounded(read.state.step >= 0 && read.state.best_step <= read.state.step);
    std::size_t tokens = read.state.record.size();
    for (const auto& waiting : read.state.position.tokens_waiting) tokens += waiting.size();
    require_bounded(tokens <= zip.size());
    corpus::is_reachable(read.state.position, 8, read.state.step);
  } catch (const Error&) {
  }
}

class NoTokenDocuments : public corpus::TokenDocuments {
 public:
  std::size_t size() const override { return 0; }
  double weight(std::size_t) const override { return 1; }
  TokenId eos() const override { return 0; }
  void append(std::size_t, std::vector<TokenId>&) const override {}
  std::uint64_t bytes() const override { return 0; }
};

inline void run_training_record(const std::string& data) {
  static const train::TrainOptions options;
  static const auto training = [] {
    train::TrainingData made;
    made.window = 32;
    made.main = {std::make_shared<NoTokenDocuments>(), "sum"};
    return made;
  }();
  static const train::TrainingRecord fresh(options, training, {{"threads", 1}});
  const auto go_on = [](const std::string& text) {
    train::TrainingRecord record = fresh;
    record.go_on(text, 3);
    require_bounded(record.history().is_array());
  };
  try_reading([&] { go_on(data); });
  // As a patch (RFC 7396) of what such a run writes.
  static const auto own = nlohmann::ordered_json::parse(fresh.text());
  const auto patch = base::parse_json<nlohmann::ordered_json>(data);
  if (!patch.is_object()) return;
  auto patched = own;
  patched.merge_patch(patch);
  try_reading([&] { go_on(patched.dump()); });
}

// prepare.json, a NUL and the one file that it may name, "0.tokens". Sixty-four zeros in the
// report, and the checksum in the file's header, become that of the ids.
inline void run_prepared(const std::string& data) {
  constexpr std::size_t kHeader = 128, kSum = 72;
  static InputFolder folder("prepared");
  const std::size_t end = std::min(data.find('\0'), data.size());
  std::string report = data.substr(0, end);
  std::string tokens = data.substr(std::min(end + 1, data.size()));
  if (tokens.size() >= kHeader) {
    const std::string sum = base::sha256(std::string_view(tokens).substr(kHeader));
    for (std::size_t i = 0; i < sum.size(); i += 2) {
      tokens[kSum + i / 2] = static_cast<char>(std::stoi(sum.substr(i, 2), nullptr, 16));
    }
    const std::string zeros(sum.size(), '0');
    const std::size_t at = report.rfind(zeros);
    if (at != std::string::npos) report.replace(at, sum.size(), sum);
  }
  folder.write("prepare.json", report);
  folder.write("0.tokens", tokens);
  try_reading([&] {
    const corpus::Shards shards = corpus::open_shards(folder.path());
    for (const corpus::Split split : {corpus::Split::kTrain, corpus::Split::kValid}) {
      const auto documents = shards.documents(split);
      std::vector<TokenId> ids;
      for (std::size_t i = 0; i < documents->size(); ++i) {
        require_bounded(documents->weight(i) >= 0 && documents->weight(i) <= corpus::kMaxWeight);
        documents->append(i, ids);
      }
      require_bounded(ids.size() <= tokens.size());
      for (const TokenId id : ids) require_bounded(id >= 0 && id < shards.tokenizer().vocab_size);
    }
  });
}

// An index of two documents, of three ids and an EOS: a page for each of its parts.
inline std::string small_index() {
  why::IndexHeader header{};
  std::memcpy(header.magic, "MEDGSUFX", sizeof header.magic);
  header.format = static_cast<std::uint32_t>(why::kIndexFormat);
  header.id_width = 2;
  header.tokens = 8;
  header.documents = 2;
  header.vocab_size = 4;
  header.eos_id = 3;
  const std::string names = "{\"id\":\"a\",\"title\":\"b\",\"license\":\"c\"}\n";
  header.names_bytes = names.size();
  const why::IndexLayout layout = why::layout_of(header);
  std::string bytes(layout.size, '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  const unsigned char ids[] = {0, 1, 0, 2, 0, 0, 0, 3, 0, 1, 0, 2, 0, 1, 0, 3};
  std::memcpy(bytes.data() + layout.ids, ids, sizeof ids);
  const std::uint32_t places[] = {2, 0, 4, 6, 1, 5, 7, 3};
  std::memcpy(bytes.data() + layout.places, places, sizeof places);
  const std::uint64_t documents[] = {0, 0, 4, names.size()};
  std::memcpy(bytes.data() + layout.documents, documents, sizeof documents);
  std::memcpy(bytes.data() + layout.names, names.data(), names.size());
  reseal_index(bytes);
  return bytes;
}

// Every question that trace and audit put to an index.
inline void ask_index(const why::SuffixIndex& index) {
  index.fault();
  const std::vector<TokenId> run = {1 % index.vocab_size(), 2 % index.vocab_size()};
  require_bounded(index.longest_match(run) <= run.size());
  const why::SuffixRange range = index.find(run);
  require_bounded(range.begin <= range.end && range.end <= index.tokens());
  for (std::uint64_t rank = 0; rank < std::min<std::uint64_t>(index.tokens(), 16); ++rank) {
    const why::IndexedDocument document = index.document_at(index.place(rank));
    require_bounded(document.begin <= document.end && document.end < index.tokens());
    require_bounded(document.source < index.sources().size());
    require_bounded(index.name(document).title.size() <= corpus::kMostNameBytes);
    index.tokens_of(document.begin, std::min(document.end, document.begin + 16));
  }
}

// An index.json, if it begins with a brace; else changes of an index that has its checksums: two
// bytes that say where, and one that is put over what stands there.
inline void run_index(const std::string& data) {
  static InputFolder folder("index");
  static const std::string small = small_index();
  std::string report =
      "{\"format_version\":1,\"tokenizer\":{\"sha256\":\"a\"},\"sources\":[{\"source\":\"s\","
      "\"group\":\"g\",\"documents\":2,\"tokens\":8}]}";
  std::string bytes = small;
  if (data.starts_with('{')) {
    report = data;
  } else {
    for (std::size_t i = 0; i + 2 < data.size(); i += 3) {
      const std::size_t at = static_cast<unsigned char>(data[i]) +
                             (std::size_t{static_cast<unsigned char>(data[i + 1])} << 8U);
      if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ data[i + 2]);
    }
    reseal_index(bytes);
  }
  folder.write("index.json", report);
  folder.write(why::kIndexFile, bytes);
  try_reading([&] { ask_index(why::SuffixIndex::open(folder.path())); });
}

// What documents of a shard are called, and canaries.
inline void run_document_names(const std::string& data) {
  static InputFolder folder("names");
  const auto file = folder.write("0.documents", data);
  try_reading([&] {
    for (const auto& name : corpus::read_document_names(file, std::string(64, 'a'), 3)) {
      require_bounded(name.title.size() <= corpus::kMostNameBytes);
    }
  });
}

inline void run_canaries(const std::string& data) {
  static InputFolder folder("canaries");
  const auto file = folder.write("canaries.jsonl", data);
  try_reading([&] {
    const auto canaries = corpus::read_canaries(file);
    require_bounded(canaries.size() <= static_cast<std::size_t>(corpus::kMostCanaries));
    require_bounded(corpus::read_canaries(
                        folder.write("again.jsonl", corpus::canaries_jsonl(canaries))) == canaries);
  });
}

}  // namespace medgen::fuzz
