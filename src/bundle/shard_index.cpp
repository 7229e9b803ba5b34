// See the header.
#include "bundle/shard_index.h"

#include "bundle/fail.h"
#include "bundle/json_text.h"
#include "bundle/manifest.h"

namespace medgen::bundle {

ShardIndex read_shard_index(const std::filesystem::path& path) {
  const nlohmann::json object = read_json_object(path);
  const auto map = object.find("weight_map");
  if (map == object.end() || !map->is_object()) {
    fail(path.string() + " has no weight_map; a sharded checkpoint's index must have one");
  }
  ShardIndex index;
  index.path = path;
  for (const auto& [name, shard] : map->items()) {
    if (!shard.is_string() || !is_plain_file_name(shard.get<std::string>())) {
      fail(path.string() + ": the shard of tensor \"" + name + "\" is not a plain file name");
    }
    index.shard_of[name] = shard.get<std::string>();
    index.shards.insert(shard.get<std::string>());
  }
  return index;
}

bool may_be_tied(std::string_view tensor) {
  return tensor.ends_with("wte.weight") || tensor.ends_with("lm_head.weight");
}

void refuse_missing_tensor(const ShardIndex& index, const std::string& tensor) {
  fail(index.path.string() + ": tensor \"" + tensor + "\" is missing from " +
       index.shard_of.at(tensor) + "; get the checkpoint again");
}

}  // namespace medgen::bundle
