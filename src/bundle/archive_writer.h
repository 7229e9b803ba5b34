// The zip file that torch.save and torch.jit.save write, made without libtorch: records of text,
// and the parameters of a model, streamed. The same content makes the same bytes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "bundle/gpt2_parameters.h"

namespace medgen::bundle {

struct TextRecord {
  std::string name;
  std::string text;
};

// A text as an archive's pickles have it.
std::string pickled(std::string_view text);

// A call of torch._utils._rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict()),
// whose storage is the record "data/`record`".
std::string pickled_tensor(const ParameterSpec& spec, StorageType storage, std::size_t record);

// Writes `texts`, then for each of parameter_specs(config) the record "data/0", "data/1", ..., as
// `read` gives it, one at a time, and the record "version". Throws what `read` throws, and
// Error(kRuntime) if writing fails; then there is no file.
void write_archive(const std::filesystem::path& file, const std::vector<TextRecord>& texts,
                   const std::string& version, const ModelConfig& config, StorageType storage,
                   const TensorReader& read);

}  // namespace medgen::bundle
