// Packed weights on disk: found, checked, built if missing, and mapped.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/user_key.h"
#include "native/packed_model.h"

namespace medgen::native {

// What a packed file must belong to.
struct PackedKey {
  std::string sha256;  // of the model.pt it was made from
  ModelConfig config;
  Precision precision = Precision::kInt8;
  std::optional<base::SecretKey> secret =
      {};  // what seals the file; without one none is used or made
  std::string why_no_secret = {};
};

// Seals packed weights in medgen's own installed folder, which all users share: who can write there
// can replace the program too.
inline constexpr base::SecretKey kInstalledSecret{};

// A packed model and the memory it lies in.
class PackedWeights {
 public:
  // Maps `file` if it is whole and belongs to `key`: by its owner, its header, its length and a
  // seal over all of it. Null, with the reason in `why`, if not; an empty reason if there is no
  // such file.
  static std::unique_ptr<PackedWeights> open(const std::filesystem::path& file,
                                             const PackedKey& key, std::string& why);

  // Calls fill(block, forget) for lay_out()'s block, in a file beside `file` that is renamed when
  // it is complete; two processes may do so at once. If the file cannot be written, fills plain
  // memory instead and says why in `why`. The file can be read by those who can read the model. A
  // filler that calls forget() now and then keeps what it has written out of this process's memory.
  using Fill = std::function<void(std::byte* block, const std::function<void()>& forget)>;
  static std::unique_ptr<PackedWeights> build(const std::filesystem::path& file,
                                              const PackedKey& key, const Fill& fill,
                                              std::string& why);

  ~PackedWeights();
  PackedWeights(const PackedWeights&) = delete;
  PackedWeights& operator=(const PackedWeights&) = delete;

  const PackedModel& model() const { return model_; }

  // Lets what was read of a file leave this process's memory; it is mapped again where it is read.
  void forget() const;

 private:
  PackedWeights(void* mapping, std::size_t size, bool of_file, const PackedKey& key);

  void* mapping_;
  bool of_file_;
  std::size_t size_;
  PackedModel model_;
};

// "packed-int8.bin" in `folder`; the bundle's own place.
std::filesystem::path packed_path(const std::filesystem::path& folder, Precision precision);

// In the user's cache folder, for bundles that cannot be written;
// empty if there is no such folder.
std::filesystem::path cached_packed_path(const PackedKey& key);

}  // namespace medgen::native
