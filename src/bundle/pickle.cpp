// A stack machine for the opcodes that libtorch and torch.save write.
#include "bundle/pickle.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <unordered_map>

#include "medgen/error.h"

namespace medgen::bundle {

using Kind = PickleValue::Kind;

namespace {

constexpr std::string_view kOrderedDict = "collections\nOrderedDict";

[[noreturn]] void damaged(
    const std::string& why = "its list of parameters is damaged or of another kind") {
  throw Error(ErrorCode::kModel, why);
}

[[noreturn]] void too_large() { damaged("its list of parameters is longer than any model's"); }

}  // namespace

class PickleMachine {
 public:
  explicit PickleMachine(Pickle& pickle)
      : pickle_(pickle), bytes_(pickle.bytes_.data(), pickle.bytes_.size()) {}

  void run() {
    while (true) {
      const auto opcode = static_cast<unsigned char>(take(1)[0]);
      if (opcode == '.') break;
      step(opcode);
    }
    pickle_.root_ = pop();
  }

 private:
  void step(unsigned char opcode) {
    switch (opcode) {
      case 0x80:  // PROTO
        check_protocol(number<std::uint8_t>());
        break;
      case '(':  // MARK
        if (marks_.size() >= Pickle::kMaxMarks)
          damaged("its list of parameters is nested too deeply");
        marks_.push_back(stack_.size());
        break;
      case 'c':  // GLOBAL
        push(Kind::kGlobal).text = two_lines();
        break;
      case 'X':  // BINUNICODE
        push(Kind::kText).text = take(number<std::uint32_t>());
        break;
      case 'J':  // BININT
        push(Kind::kInteger).integer = number<std::int32_t>();
        break;
      case 'K':  // BININT1
        push(Kind::kInteger).integer = number<std::uint8_t>();
        break;
      case 'M':  // BININT2
        push(Kind::kInteger).integer = number<std::uint16_t>();
        break;
      case 0x8a:  // LONG1
        push(Kind::kInteger).integer = long_integer();
        break;
      case 0x88:  // NEWTRUE
        push(Kind::kBool).integer = 1;
        break;
      case 0x89:  // NEWFALSE
        push(Kind::kBool);
        break;
      case 'N':  // NONE
        push(Kind::kNone);
        break;
      case 'G':  // BINFLOAT
        push(Kind::kFloat).real = big_endian_double();
        break;
      case ')':  // EMPTY_TUPLE
        push(Kind::kTuple);
        break;
      case ']':  // EMPTY_LIST
        push(Kind::kList);
        break;
      case '}':  // EMPTY_DICT
        push(Kind::kDictionary);
        break;
      case 't':  // TUPLE
        push_tuple(since_mark());
        break;
      case 0x85:  // TUPLE1
      case 0x86:  // TUPLE2
      case 0x87:  // TUPLE3
        push_tuple(opcode - 0x84U);
        break;
      case 'a':  // APPEND
        append(1, Kind::kList);
        break;
      case 'e':  // APPENDS
        append(since_mark(), Kind::kList);
        break;
      case 's':  // SETITEM
        append(2, Kind::kDictionary);
        break;
      case 'u':  // SETITEMS
        append(since_mark(), Kind::kDictionary);
        break;
      case 'q':  // BINPUT
        put(number<std::uint8_t>());
        break;
      case 'r':  // LONG_BINPUT
        put(number<std::uint32_t>());
        break;
      case 'h':  // BINGET
        get(number<std::uint8_t>());
        break;
      case 'j':  // LONG_BINGET
        get(number<std::uint32_t>());
        break;
      case 'R':  // REDUCE
        apply(Kind::kCall);
        break;
      case 0x81:  // NEWOBJ
        apply(Kind::kObject);
        break;
      case 'Q': {  // BINPERSID
        const PickleRef name = pop();
        push(Kind::kPersistent).what = name;
        break;
      }
      case 'b':  // BUILD
        build();
        break;
      default:
        damaged();
    }
  }

  static void check_protocol(int protocol) {
    if (protocol <= 2) return;
    damaged(
        fmt::format("its list of parameters is a pickle of protocol {}; 2 is read, which is "
                    "torch.save's own: save it again without pickle_protocol",
                    protocol));
  }

  std::string_view take(std::size_t count) {
    if (count > bytes_.size() - place_) damaged();
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

  std::int64_t long_integer() {
    const auto count = number<std::uint8_t>();
    if (count > 8) damaged();
    const std::string_view digits = take(count);
    std::int64_t value = count > 0 && (digits.back() & 0x80) != 0 ? -1 : 0;
    std::memcpy(&value, digits.data(), count);
    return value;
  }

  double big_endian_double() {
    std::uint64_t bits = 0;
    for (const char byte : take(8)) bits = bits << 8U | static_cast<unsigned char>(byte);
    return std::bit_cast<double>(bits);
  }

  // Up to but not including the second line end.
  std::string_view two_lines() {
    const std::size_t first = bytes_.find('\n', place_);
    if (first == std::string_view::npos) damaged();
    const std::size_t second = bytes_.find('\n', first + 1);
    if (second == std::string_view::npos) damaged();
    const std::string_view lines = take(second - place_);
    take(1);
    return lines;
  }

  PickleValue& value(PickleRef ref) { return pickle_.values_[ref]; }

  void push_ref(PickleRef ref) {
    if (stack_.size() >= Pickle::kMaxItems) too_large();
    stack_.push_back(ref);
  }

  PickleValue& push(Kind kind) {
    if (pickle_.values_.size() >= Pickle::kMaxValues) too_large();
    push_ref(static_cast<PickleRef>(pickle_.values_.size()));
    pickle_.values_.emplace_back().kind = kind;
    return pickle_.values_.back();
  }

  // Values below the last mark belong to a container that is not complete yet.
  std::size_t available() const { return stack_.size() - (marks_.empty() ? 0 : marks_.back()); }

  PickleRef top() const {
    if (available() == 0) damaged();
    return stack_.back();
  }

  PickleRef pop() {
    const PickleRef ref = top();
    stack_.pop_back();
    return ref;
  }

  // How many values are above the last mark, which is removed.
  std::size_t since_mark() {
    if (marks_.empty()) damaged();
    const std::size_t count = available();
    marks_.pop_back();
    return count;
  }

  // The last `count` values of the stack go to the end of `items`.
  void move_items(std::size_t count, std::vector<PickleRef>& items) {
    items_ += count;
    if (items_ > Pickle::kMaxItems) too_large();
    items.insert(items.end(), stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
  }

  void push_tuple(std::size_t count) {
    if (count > available()) damaged();
    std::vector<PickleRef> items;
    move_items(count, items);
    push(Kind::kTuple).items = std::move(items);
  }

  void append(std::size_t count, Kind kind) {
    if (available() < count + 1) damaged();
    PickleValue& container = value(stack_[stack_.size() - count - 1]);
    const bool fits =
        container.kind == kind || (kind == Kind::kDictionary && is_ordered_dict(container));
    if (!fits || (kind == Kind::kDictionary && count % 2 != 0)) damaged();
    move_items(count, container.items);
  }

  bool is_ordered_dict(const PickleValue& made) const {
    return made.kind == Kind::kCall && pickle_.text_of(made.what) == kOrderedDict;
  }

  void apply(Kind kind) {
    const PickleRef arguments = pop();
    const PickleRef what = pop();
    if (value(arguments).kind != Kind::kTuple || value(what).kind != Kind::kGlobal) damaged();
    PickleValue& made = push(kind);
    made.what = what;
    made.arguments = arguments;
  }

  void build() {
    const PickleRef state = pop();
    PickleValue& object = value(top());
    if (object.kind != Kind::kObject && !is_ordered_dict(object)) damaged();
    if (object.state != PickleValue::kNothing) damaged();
    object.state = state;
  }

  void put(std::uint32_t key) {
    if (memo_.size() >= Pickle::kMaxValues) too_large();
    memo_[key] = top();
  }

  void get(std::uint32_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) damaged();
    push_ref(found->second);
  }

  Pickle& pickle_;
  std::string_view bytes_;
  std::size_t place_ = 0;
  std::size_t items_ = 0;
  std::vector<PickleRef> stack_;
  std::vector<std::size_t> marks_;  // sizes of the stack
  std::unordered_map<std::uint32_t, PickleRef> memo_;
};

Pickle Pickle::parse(std::string bytes) {
  if (bytes.size() > kMaxBytes) too_large();
  Pickle pickle;
  pickle.bytes_.assign(bytes.begin(), bytes.end());
  PickleMachine(pickle).run();
  return pickle;
}

std::string_view Pickle::text_of(PickleRef ref) const {
  return ref == PickleValue::kNothing ? std::string_view() : at(ref).text;
}

std::span<const PickleRef> Pickle::arguments_of(const PickleValue& value) const {
  if (value.kind != Kind::kCall) return {};
  return at(value.arguments).items;
}

}  // namespace medgen::bundle
