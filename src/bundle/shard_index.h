// model.safetensors.index.json and pytorch_model.bin.index.json: which tensor lies in which file.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace medgen::bundle {

struct ShardIndex {
  std::filesystem::path path;
  std::map<std::string, std::string> shard_of;  // of each tensor; plain file names
  std::set<std::string> shards;
};

// Throws Error(kModel) if it has no weight_map of plain file names.
ShardIndex read_shard_index(const std::filesystem::path& path);

[[noreturn]] void refuse_missing_tensor(const ShardIndex& index, const std::string& tensor);

// Whether the name is the embedding's or the head's, of which one is stored where they are tied.
bool may_be_tied(std::string_view tensor);

// Throws Error(kModel) if a tensor of the index is not among `stored`. One that may be tied is not
// missed here: an index may name both.
template <typename Tensors>
void require_all_of_index(const ShardIndex& index, const Tensors& stored) {
  for (const auto& [name, shard] : index.shard_of) {
    if (stored.count(name) == 0 && !may_be_tied(name)) refuse_missing_tensor(index, name);
  }
}

}  // namespace medgen::bundle
