// A stack machine for the opcodes that TorchScript writes. Objects cannot become cyclic: an object
// is filled by BUILD before anything else can hold it, and that is checked by depth where trees are
// walked.
#include "bundle/pickle.h"

#include <cstring>
#include <unordered_map>

#include "medgen/error.h"

namespace medgen {
namespace {

using Kind = PickleValue::Kind;

[[noreturn]] void fail() {
  throw Error(ErrorCode::kModel, "its list of parameters is damaged or of another kind");
}

class Machine {
 public:
  explicit Machine(std::string_view bytes) : bytes_(bytes) {}

  PicklePointer run() {
    while (true) {
      const char opcode = take(1)[0];
      if (opcode == '.') return pop();
      step(static_cast<unsigned char>(opcode));
    }
  }

 private:
  void step(unsigned char opcode) {
    switch (opcode) {
      case 0x80:
        take(1);
        break;  // PROTO
      case '(':
        marks_.push_back(stack_.size());
        break;     // MARK
      case 'c': {  // GLOBAL
        std::string name(line());
        name += ' ';
        name += line();
        push_text(name);
        break;
      }
      case 'X':
        push_text(take(number<std::uint32_t>()));
        break;  // BINUNICODE
      case 'J':
        push_integer(number<std::int32_t>());
        break;  // BININT
      case 'K':
        push_integer(number<std::uint8_t>());
        break;  // BININT1
      case 'M':
        push_integer(number<std::uint16_t>());
        break;  // BININT2
      case 0x8a:
        push_long();
        break;  // LONG1
      case 0x88:
        push_integer(1);
        break;  // NEWTRUE
      case 0x89:
        push_integer(0);
        break;  // NEWFALSE
      case 'N':
        push(Kind::kNone);
        break;  // NONE
      case 'G':
        take(8);
        push(Kind::kNone);
        break;   // BINFLOAT
      case ')':  // EMPTY_TUPLE
      case ']':
        push(Kind::kTuple);
        break;  // EMPTY_LIST
      case '}':
        push(Kind::kDictionary);
        break;  // EMPTY_DICT
      case 't':
        push_tuple(pop_to_mark());
        break;  // TUPLE
      case 0x85:
        push_tuple(pop_some(1));
        break;  // TUPLE1
      case 0x86:
        push_tuple(pop_some(2));
        break;  // TUPLE2
      case 0x87:
        push_tuple(pop_some(3));
        break;  // TUPLE3
      case 'a':
        append(pop_some(1));
        break;  // APPEND
      case 'e':
        append(pop_to_mark());
        break;  // APPENDS
      case 's':
        set_items(pop_some(2));
        break;  // SETITEM
      case 'u':
        set_items(pop_to_mark());
        break;  // SETITEMS
      case 'q':
        memo_[number<std::uint8_t>()] = top();
        break;  // BINPUT
      case 'r':
        memo_[number<std::uint32_t>()] = top();
        break;  // LONG_BINPUT
      case 'h':
        get(number<std::uint8_t>());
        break;  // BINGET
      case 'j':
        get(number<std::uint32_t>());
        break;  // LONG_BINGET
      case 'R':
        call(Kind::kCall);
        break;  // REDUCE
      case 0x81:
        call(Kind::kObject);
        break;     // NEWOBJ
      case 'Q': {  // BINPERSID
        const std::vector<PicklePointer> name = pop_some(1);
        push(Kind::kPersistent)->items = name;
        break;
      }
      case 'b': {  // BUILD
        const PicklePointer state = pop();
        if (state->kind != Kind::kDictionary || top()->kind != Kind::kObject) fail();
        if (!top()->entries.empty()) fail();
        top()->entries = state->entries;
        break;
      }
      default:
        fail();
    }
  }

  std::string_view take(std::size_t count) {
    if (count > bytes_.size() - place_) fail();
    const std::string_view part = bytes_.substr(place_, count);
    place_ += count;
    return part;
  }

  template <typename Number>
  Number number() {
    Number value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::string_view line() {
    const std::size_t end = bytes_.find('\n', place_);
    if (end == std::string_view::npos) fail();
    const std::string_view text = take(end - place_);
    take(1);
    return text;
  }

  PicklePointer push(Kind kind) {
    stack_.push_back(std::make_shared<PickleValue>());
    stack_.back()->kind = kind;
    return stack_.back();
  }
  void push_text(std::string_view text) { push(Kind::kText)->text = text; }
  void push_integer(std::int64_t value) { push(Kind::kInteger)->integer = value; }
  void push_tuple(std::vector<PicklePointer> items) {
    push(Kind::kTuple)->items = std::move(items);
  }

  void push_long() {
    const auto count = number<std::uint8_t>();
    if (count > 8) fail();
    const std::string_view digits = take(count);
    std::int64_t value = 0;
    if (count > 0 && (digits.back() & 0x80) != 0) value = -1;
    std::memcpy(&value, digits.data(), count);
    push_integer(value);
  }

  const PicklePointer& top() {
    if (stack_.empty()) fail();
    return stack_.back();
  }
  PicklePointer pop() {
    PicklePointer value = top();
    if (!marks_.empty() && marks_.back() == stack_.size()) fail();
    stack_.pop_back();
    return value;
  }
  std::vector<PicklePointer> pop_some(std::size_t count) {
    if (stack_.size() < count) fail();
    const auto first = stack_.end() - static_cast<std::ptrdiff_t>(count);
    std::vector<PicklePointer> values(first, stack_.end());
    stack_.erase(first, stack_.end());
    return values;
  }
  std::vector<PicklePointer> pop_to_mark() {
    if (marks_.empty() || marks_.back() > stack_.size()) fail();
    const std::size_t count = stack_.size() - marks_.back();
    marks_.pop_back();
    return pop_some(count);
  }

  void append(const std::vector<PicklePointer>& values) {
    if (top()->kind != Kind::kTuple) fail();
    top()->items.insert(top()->items.end(), values.begin(), values.end());
  }
  void set_items(const std::vector<PicklePointer>& values) {
    if (top()->kind != Kind::kDictionary || values.size() % 2 != 0) fail();
    for (std::size_t i = 0; i < values.size(); i += 2) {
      top()->entries.emplace_back(values[i], values[i + 1]);
    }
  }
  void call(Kind kind) {
    const PicklePointer arguments = pop();
    const PicklePointer what = pop();
    if (arguments->kind != Kind::kTuple || what->kind != Kind::kText) fail();
    const PicklePointer made = push(kind);
    made->text = what->text;
    made->items = arguments->items;
  }
  void get(std::uint32_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) fail();
    stack_.push_back(found->second);
  }

  std::string_view bytes_;
  std::size_t place_ = 0;
  std::vector<PicklePointer> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint32_t, PicklePointer> memo_;
};

}  // namespace

PicklePointer parse_pickle(std::string_view bytes) { return Machine(bytes).run(); }

}  // namespace medgen
