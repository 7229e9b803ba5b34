// See the header.
#include "text/tokenizer_tree.h"

#include <fmt/format.h>

#include <utility>

#include "base/files.h"
#include "base/json.h"
#include "text/vocabulary_reader.h"

namespace medgen::text {
namespace {

using Json = nlohmann::json;
using Path = std::filesystem::path;

// A list of "left right" or ["left", "right"].
class MergeReader {
 public:
  MergeReader(const Path& file, MergeList& merges) : file_(file), merges_(merges) {}

  bool is_inside() const { return depth_ > 0; }

  void start_array() {
    if (depth_++ > 1) refuse();
    parts_ = 0;
  }
  void end_array() {
    if (depth_-- == 2) {
      if (parts_ != 2) refuse();
      merges_.add(left_, right_);
    }
  }
  void string(std::string& text) {
    if (depth_ == 1) {
      const auto merge = split_merge(text);
      if (!merge) refuse();
      merges_.add(merge->first, merge->second);
    } else if (++parts_ > 2) {
      refuse();
    } else {
      (parts_ == 1 ? left_ : right_) = std::move(text);
    }
  }
  [[noreturn]] void refuse() const {
    refuse_file(file_,
                fmt::format("model.merges[{}]: expected \"left right\" or [\"left\", \"right\"]",
                            merges_.size()));
  }

 private:
  const Path& file_;
  MergeList& merges_;
  int depth_ = 0;
  int parts_ = 0;
  std::string left_, right_;
};

class TreeReader : public nlohmann::json_sax<Json> {
 public:
  TreeReader(const Path& file, VocabularyBuilder& builder, TokenizerTree& tree)
      : file_(file), tree_(tree), vocabulary_(builder), merges_(file, tree.merges) {}

  bool null() override {
    return put(nullptr, [&] { return vocabulary_.null(); });
  }
  bool boolean(bool value) override {
    return put(value, [&] { return vocabulary_.boolean(value); });
  }
  bool number_integer(std::int64_t value) override {
    return put(value, [&] { return vocabulary_.number_integer(value); });
  }
  bool number_unsigned(std::uint64_t value) override {
    return put(value, [&] { return vocabulary_.number_unsigned(value); });
  }
  bool number_float(double value, const std::string& text) override {
    return put(value, [&] { return vocabulary_.number_float(value, text); });
  }
  bool binary(Json::binary_t&) override { return false; }  // no JSON text has any
  bool string(std::string& text) override {
    if (merges_.is_inside()) {
      merges_.string(text);
      return true;
    }
    if (vocabulary_.is_inside()) return vocabulary_.string(text);
    place() = std::move(text);
    return true;
  }
  bool start_object(std::size_t size) override {
    if (merges_.is_inside()) merges_.refuse();
    if (vocabulary_.is_inside()) return vocabulary_.start_object(size);
    if (is_in_model("vocab")) {
      once(has_vocabulary_);
      place() = nullptr;
      return vocabulary_.start_object(size);
    }
    return open(Json::object());
  }
  bool key(std::string& name) override {
    if (vocabulary_.is_inside()) return vocabulary_.key(name);
    key_ = std::move(name);
    return true;
  }
  bool end_object() override {
    if (vocabulary_.is_inside()) return vocabulary_.end_object();
    open_.pop_back();
    return true;
  }
  bool start_array(std::size_t size) override {
    if (vocabulary_.is_inside()) return vocabulary_.start_array(size);
    if (!merges_.is_inside() && !is_in_model("merges")) return open(Json::array());
    if (!merges_.is_inside()) {
      once(tree_.has_merges);
      place() = nullptr;
    }
    merges_.start_array();
    return true;
  }
  bool end_array() override {
    if (merges_.is_inside()) {
      merges_.end_array();
    } else {
      open_.pop_back();
    }
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) override {
    return false;
  }

 private:
  // Where the next value goes.
  Json& place() {
    if (open_.empty()) return tree_.root;
    Json& parent = *open_.back();
    if (parent.is_array()) return parent.emplace_back();
    return parent[key_];
  }
  template <class Entry>
  bool put(Json value, Entry entry) {
    if (merges_.is_inside()) merges_.refuse();
    if (vocabulary_.is_inside()) return entry();
    place() = std::move(value);
    return true;
  }
  bool open(Json empty) {
    if (open_.size() == 1 && open_.back()->is_object()) top_key_ = key_;
    Json& opened = place();
    opened = std::move(empty);
    open_.push_back(&opened);
    return true;
  }
  bool is_in_model(const char* name) const {
    return open_.size() == 2 && open_.back()->is_object() && top_key_ == "model" && key_ == name;
  }
  void once(bool& seen) const {
    if (std::exchange(seen, true))
      refuse_file(file_, fmt::format("'{}' of the model appears twice", key_));
  }

  const Path& file_;
  TokenizerTree& tree_;
  VocabularyReader vocabulary_;
  MergeReader merges_;
  bool has_vocabulary_ = false;
  std::vector<Json*> open_;
  std::string key_, top_key_;
};

}  // namespace

void MergeList::add(std::string_view left, std::string_view right) {
  text_.append(left).append(right);
  sizes_.push_back(
      {static_cast<std::uint32_t>(left.size()), static_cast<std::uint32_t>(right.size())});
}

TokenizerTree read_tokenizer_tree(const Path& file, VocabularyBuilder& builder) {
  const std::string text = base::read_file(file, kMaxVocabularyBytes, ErrorCode::kModel);
  if (!base::json_is_bounded(text)) refuse_as_json(file, text);
  builder.result.ids.reserve(text.size() / 64);  // a token and its merge take about so much
  TokenizerTree tree;
  TreeReader reader(file, builder, tree);
  if (!base::read_json<Json>(text, reader)) refuse_as_json(file, text);
  return tree;
}

}  // namespace medgen::text
