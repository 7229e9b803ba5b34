// See the header. A file is what torch::pickle_save() makes of a dictionary of tensors.
#include "train/checkpoint_file.h"

#include <fmt/format.h>

#include <limits>
#include <vector>

namespace medgen::train {
namespace {

using Position = corpus::TokenStream::Position;
using bundle::ElementType;
using bundle::StoredTensor;

using Tensors = std::map<std::string, StoredTensor>;

// restore_type_tag(dictionary, type)
Tensors find_tensors(const bundle::TorchArchive& archive) {
  const bundle::Pickle pickle = archive.pickle("data.pkl");
  const auto arguments = pickle.arguments_of(pickle.root());
  if (arguments.empty()) archive.fail("it holds no dictionary");
  const std::vector<bundle::PickleRef>& entries = pickle.at(arguments[0]).items;
  Tensors tensors;
  for (std::size_t i = 0; i + 1 < entries.size(); i += 2) {
    StoredTensor stored = archive.tensor(pickle, pickle.at(entries[i + 1]), "data");
    if (!stored.is_row_major()) archive.fail("a tensor in it is not stored row by row");
    tensors.insert_or_assign(std::string(pickle.text_of(entries[i])), std::move(stored));
  }
  return tensors;
}

class StateReader {
 public:
  StateReader(const bundle::TorchArchive& archive, const Tensors& tensors)
      : archive_(archive), tensors_(tensors), bytes_left_(archive.file_bytes()) {}

  RunState read() {
    RunState state;
    state.step = count("step");
    state.position = position("");
    if (tensors_.contains("anneal.next_document")) state.anneal = position("anneal.");
    if (!tensors_.contains("record")) return state;
    const auto record = elements<char>("record", ElementType::kUint8);
    state.record.assign(record.begin(), record.end());
    state.best_loss = one<double>("best_loss", ElementType::kFloat64);
    state.best_step = count("best_step");
    state.measures_since_best = count("measures_since_best");
    if (state.best_step > state.step) archive_.fail("its best_step lies after its step");
    return state;
  }

 private:
  template <typename T>
  std::vector<T> elements(const std::string& name, ElementType type) {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) archive_.fail("it has no " + name);
    const StoredTensor& tensor = found->second;
    if (tensor.type != type) archive_.fail("its " + name + " is of another type");
    // Many names may lead to one large record.
    const std::uint64_t held = archive_.record_elements(tensor);
    if (held * sizeof(T) > bytes_left_) {
      archive_.fail("its " + name + " repeats what other tensors hold");
    }
    bytes_left_ -= held * sizeof(T);
    std::vector<T> values(held);
    archive_.read_record(tensor, values.data());
    values.erase(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(tensor.offset));
    values.resize(tensor.count());
    return values;
  }

  template <typename T>
  T one(const std::string& name, ElementType type) {
    const auto values = elements<T>(name, type);
    if (values.size() != 1) archive_.fail("its " + name + " is not one number");
    return values[0];
  }

  std::int64_t count(const std::string& name) {
    const auto value = one<std::int64_t>(name, ElementType::kInt64);
    if (value < 0) archive_.fail("its " + name + " is below 0");
    return value;
  }

  Position position(const std::string& prefix) {
    Position position;
    const std::string next = prefix + "next_document";
    for (const std::int64_t begun : elements<std::int64_t>(next, ElementType::kInt64)) {
      if (begun < 0) archive_.fail("its " + next + " is below 0");
      position.next_document.push_back(static_cast<std::uint64_t>(begun));
    }
    for (std::size_t row = 0; row < position.next_document.size(); ++row) {
      const std::string name = fmt::format("{}tokens_waiting.{}", prefix, row);
      std::vector<TokenId>& waiting = position.tokens_waiting.emplace_back();
      for (const std::int64_t id : elements<std::int64_t>(name, ElementType::kInt64)) {
        if (id < 0 || id > std::numeric_limits<TokenId>::max()) {
          archive_.fail("its " + name + " holds something that is not a token id");
        }
        waiting.push_back(static_cast<TokenId>(id));
      }
    }
    return position;
  }

  const bundle::TorchArchive& archive_;
  const Tensors& tensors_;
  std::uint64_t bytes_left_;
};

}  // namespace

CheckpointFile read_checkpoint_file(const std::filesystem::path& file) {
  CheckpointFile read{bundle::TorchArchive::open(file), {}, {}};
  read.tensors = find_tensors(read.archive);
  read.state = StateReader(read.archive, read.tensors).read();
  return read;
}

}  // namespace medgen::train
