// The part of Python's pickle format (protocol 2) that TorchScript archives use, read as a tree of
// values. Classes and calls are kept by name and never looked up or run.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace medgen {

struct PickleValue;
using PicklePointer = std::shared_ptr<PickleValue>;

struct PickleValue {
  enum class Kind {
    kNone,        // also floats, which nothing here needs
    kInteger,     // and booleans
    kText,        // also a class, as "module name"
    kTuple,       // also a list
    kDictionary,  // entries in order
    kObject,      // text: its class; items: arguments; entries: its state
    kCall,        // text: what was called; items: arguments
    kPersistent,  // items: one, what names it
  };
  Kind kind = Kind::kNone;
  std::int64_t integer = 0;
  std::string text;
  std::vector<PicklePointer> items;
  std::vector<std::pair<PicklePointer, PicklePointer>> entries;
};

// The value of a pickle. Throws Error(kModel) for what is damaged, too deep or of another kind; the
// message has no mention of where the bytes came from.
PicklePointer parse_pickle(std::string_view bytes);

}  // namespace medgen
