// state_dicts as torch.save writes them, made by hand.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "forged_archive.h"
#include "unit/bundle/support.h"

namespace medgen::bundle_test {

inline std::string pickled_tensor(const StoredTensor& tensor, const std::string& record) {
  const std::map<std::string, std::string> types = {
      {"F64", "Double"}, {"F32", "Float"}, {"F16", "Half"}, {"BF16", "BFloat16"}, {"U8", "Byte"}};
  std::int64_t count = 1;
  for (const std::int64_t size : tensor.shape) count *= size;
  std::vector<std::int64_t> strides;
  std::int64_t stride = count;
  for (const std::int64_t size : tensor.shape) strides.push_back(stride /= size);
  return forging::pickle::tensor(forging::pickle::storage(types.at(tensor.dtype), record, count),
                                 forging::pickle::layout(0, tensor.shape, strides));
}

// An OrderedDict of `entries`, which are pickled, with the attribute that torch's modules give it.
inline std::string ordered_dict(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string all = "ccollections\nOrderedDict\n)R(";
  for (const auto& [name, value] : entries) all += forging::pickle::text(name) + value;
  return all + "u" + forging::pickle::dictionary({{"_metadata", forging::pickle::dictionary({})}}) +
         "b";
}

// A record for each tensor.
inline forging::Records state_dict_records(const std::vector<StoredTensor>& tensors) {
  std::vector<std::pair<std::string, std::string>> entries;
  forging::Records records = {{"data.pkl", ""}, {"byteorder", "little"}, {"version", "3\n"}};
  for (const StoredTensor& tensor : tensors) {
    const std::string record = std::to_string(entries.size());
    entries.emplace_back(tensor.name, pickled_tensor(tensor, record));
    records.push_back({"data/" + record, tensor.bytes});
  }
  records.front().bytes = forging::pickle::document(ordered_dict(entries));
  return records;
}

inline void write_state_dict_file(const fs::path& file, const std::vector<StoredTensor>& tensors) {
  forging::write_archive(file, state_dict_records(tensors));
}

}  // namespace medgen::bundle_test
