// The part of Python's pickle format (protocol 2) that PyTorch's archives use, torch.jit.save's and
// torch.save's, read as data:
// classes and calls are kept by name and never looked up or run. What is read costs memory in
// proportion to the pickle's length, whatever it says, and nothing here recurses.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace medgen::bundle {

// The position of a value in its Pickle.
using PickleRef = std::uint32_t;

struct PickleValue {
  enum class Kind : std::uint8_t {
    kNone,
    kBool,        // integer: 0 or 1
    kInteger,     // integer
    kFloat,       // real
    kText,        // text
    kGlobal,      // text: "module\nname" of a class or function
    kTuple,       // items
    kList,        // items
    kDictionary,  // items: key, value, key, value, ...
    kObject,      // what: its class; state, if it has one
    kCall,        // what: the function; arguments: a tuple; state, if it has one; items: of an
                  // OrderedDict, as of a dictionary
    kPersistent,  // what: the value that names it
  };
  static constexpr PickleRef kNothing = UINT32_MAX;

  Kind kind = Kind::kNone;
  PickleRef what = kNothing;
  PickleRef arguments = kNothing;
  PickleRef state = kNothing;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view text;  // lies in the Pickle's bytes
  std::vector<PickleRef> items;
};

class Pickle {
 public:
  // Far more than a model of a thousand layers needs (about 250,000 values in 3 MB).
  static constexpr std::size_t kMaxBytes = std::size_t{16} << 20U;
  static constexpr std::size_t kMaxValues = std::size_t{1} << 20U;
  static constexpr std::size_t kMaxItems = std::size_t{1}
                                           << 22U;  // of all tuples, lists, ... together
  static constexpr std::size_t kMaxMarks = 1000;    // containers begun inside others

  // Throws Error(kModel) for what is damaged, of another kind or beyond the limits; the message
  // does not say where the bytes came from. Values may contain each other in circles.
  static Pickle parse(std::string bytes);

  PickleRef root_ref() const { return root_; }
  const PickleValue& root() const { return at(root_); }
  std::size_t size() const { return values_.size(); }  // a PickleRef is below it
  const PickleValue& at(PickleRef ref) const { return values_[ref]; }

  // The text of a kText or kGlobal; empty for any other value, and for kNothing.
  std::string_view text_of(PickleRef ref) const;
  // The arguments of a call; none for any other value.
  std::span<const PickleRef> arguments_of(const PickleValue& value) const;

 private:
  friend class PickleMachine;

  // On the heap, so that texts stay where they are when the Pickle moves.
  std::vector<char> bytes_;
  std::vector<PickleValue> values_;
  PickleRef root_ = 0;
};

}  // namespace medgen::bundle
