// A tokenizer.json as a tree, but for its two long parts: the vocabulary goes into the builder as
// it is read, the merges into one text.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "text/vocabulary_builder.h"

namespace medgen::text {

// Pairs of tokens, in order.
class MergeList {
 public:
  void add(std::string_view left, std::string_view right);
  std::size_t size() const { return sizes_.size(); }

  // Calls add(i, left, right) for each.
  template <class Add>
  void for_each(Add add) const {
    std::string_view rest = text_;
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      const std::string_view left = rest.substr(0, sizes_[i].left);
      const std::string_view right = rest.substr(left.size(), sizes_[i].right);
      rest.remove_prefix(left.size() + right.size());
      add(i, left, right);
    }
  }

 private:
  struct Sizes {
    std::uint32_t left, right;
  };
  std::string text_;
  std::vector<Sizes> sizes_;
};

struct TokenizerTree {
  nlohmann::json
      root;  // with null for a model.vocab that is an object, a model.merges that is a list
  MergeList merges;
  bool has_merges = false;  // whether there is a list
};

// Throws Error(kModel) that names the file and what is wrong in it.
TokenizerTree read_tokenizer_tree(const std::filesystem::path& file, VocabularyBuilder& builder);

}  // namespace medgen::text
