// The archives themselves; each is made when a test asks for it, since some are large.
// Knows nothing of the commands that read them.
#include "attacks/exhausting_model.h"

#include <algorithm>

namespace medgen::attacks {
namespace {

constexpr std::size_t kMegabyte = 1U << 20U;

std::string times(std::size_t count, const std::string& part) {
  std::string all;
  all.reserve(count * part.size());
  for (std::size_t i = 0; i < count; ++i) all += part;
  return all;
}

std::string put(unsigned key) { return std::string("q") + static_cast<char>(key); }
std::string get(unsigned key) { return std::string("h") + static_cast<char>(key); }

std::string module_object(const std::string& state) {
  return pickle::object("__torch__.medgen", "GPT2", state);
}

void set_pickle(Records& records, const std::string& value) {
  bytes_of(records, "data.pkl") = pickle::document(value);
}

void set_deflated_pickle(Records& records, const std::string& value) {
  set_pickle(records, value);
  for (Record& record : records) record.deflated = record.name == "data.pkl";
}

Tamper with_pickle(std::string (*value)()) {
  return [value](Records& records) { set_pickle(records, value()); };
}

Tamper with_deflated_pickle(std::string (*value)()) {
  return [value](Records& records) { set_deflated_pickle(records, value()); };
}

std::string nested_tuples() { return std::string(")") + times(200'000, "\x85"); }

std::string nested_lists() { return times(100'000, "]") + times(99'999, "a"); }

std::string nested_objects() {
  constexpr std::size_t kLevels = 20'000;
  return times(kLevels, std::string("cm\nC\n)\x81}") + pickle::text("a")) + "N" +
         times(kLevels, "sb");
}

// ((x, x), (x, x)) and so on: 3 KB that hold 2^100 values if each is visited.
std::string doubling_tuples() {
  std::string value = ")";
  for (unsigned level = 0; level < 100; ++level) value += put(level) + get(level) + "\x86";
  return value;
}

std::string doubling_attribute() {
  return module_object(pickle::dictionary({{"transformer", doubling_tuples()}}));
}

std::string doubling_objects() {
  constexpr unsigned kLevels = 60;
  std::string value =
      times(kLevels, std::string("cm\nC\n)\x81}(") + pickle::text("a")) + "cm\nC\n)\x81}b";
  for (unsigned level = 0; level < kLevels; ++level) {
    value += put(level) + pickle::text("b") + get(level) + "ub";
  }
  return value;
}

std::string object_that_holds_itself() {
  return std::string("cm\nC\n)\x81") + put(0) + "}(" + pickle::text("a") + get(0) +
         pickle::text("b") + get(0) + "ub";
}

std::string many_nones() { return std::string(64 * kMegabyte - 3, 'N'); }

std::string as_many_nones_as_fit() { return std::string(16 * kMegabyte - 3, 'N'); }

std::string many_marks() { return std::string(60 * kMegabyte, '(') + "N"; }

std::string memo_of(unsigned keys) {
  std::string value = "N";
  for (unsigned key = 0; key < keys; ++key) {
    value += 'r';
    for (unsigned shift = 0; shift < 32; shift += 8) value += static_cast<char>(key >> shift);
  }
  return value;
}

std::string large_memo() { return memo_of(8'000'000); }
std::string as_large_a_memo_as_fits() { return memo_of(3'300'000); }

// Each of many objects is filled from one dictionary.
std::string copied_dictionary() {
  return std::string("}(") + times(20'000, pickle::text("a") + "N") + "u" + put(0) +
         times(20'000, std::string("cm\nC\n)\x81") + get(0) + "b");
}

// Each of many objects has one very long name.
std::string copied_name() {
  return std::string("c") + std::string(kMegabyte, 'm') + "\nC\n" + put(0) +
         times(20'000, get(0) + ")\x81");
}

// Each of many calls has the same arguments.
std::string copied_arguments() {
  return std::string("cm\nC\n") + put(0) + "(" + times(50'000, "N") + "t" + put(1) +
         times(20'000, get(0) + get(1) + "R");
}

std::string text_longer_than_the_file() { return std::string("X\xff\xff\xff\xff", 5); }

// The tiny model's embedding of tokens lies elsewhere in its record.
// As medgen itself writes it.
std::string layout_of_the_embedding() {
  const auto number = [](char low, char high) {
    return std::string("\x8a\x08") + low + high + std::string(6, '\0');
  };
  const std::string thirty = number(30, 0);
  return number(0, 0) + "(" + number(300 - 256, 1) + thirty + "t(" + thirty + number(1, 0) + "t";
}

Tamper with_layout(const std::string& layout) {
  return [layout](Records& records) {
    replace_once(bytes_of(records, "data.pkl"), layout_of_the_embedding(), layout);
  };
}

Tamper with_more_records(const Records& more) {
  return [more](Records& records) { records.insert(records.end(), more.begin(), more.end()); };
}

void shorten_a_tensor(Records& records) { bytes_of(records, "data/0").resize(16); }

void remove_a_tensor(Records& records) {
  std::erase_if(records, [](const Record& record) { return record.name == "data/0"; });
}

void remove_the_pickle(Records& records) {
  std::erase_if(records, [](const Record& record) { return record.name == "data.pkl"; });
}

// Every tensor names the largest one's record: what is packed would be many times the file.
void share_one_record(Records& records) {
  std::string& names = bytes_of(records, "data.pkl");
  for (int i = 1; i < 64; ++i) {
    const std::string from = pickle::text(std::to_string(i)) + pickle::text("cpu");
    const std::size_t at = names.find(from);
    if (at != std::string::npos) {
      names.replace(at, from.size(), pickle::text("0") + pickle::text("cpu"));
    }
  }
  std::erase_if(records, [](const Record& record) {
    return record.name.starts_with("data/") && record.name != "data/0";
  });
}

void lengthen_a_word_of_code(Records& records) {
  bytes_of(records, "code/__torch__/medgen.py") +=
      std::string("# ops.") + std::string(400'000, 'x') + "\n";
}

}  // namespace

const std::vector<ExhaustingModel>& exhausting_models() {
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  static const std::vector<ExhaustingModel> models = {
      {"NestedTuples", with_pickle(nested_tuples)},
      {"NestedLists", with_pickle(nested_lists)},
      {"NestedObjects", with_pickle(nested_objects)},
      {"DoublingTuples", with_pickle(doubling_tuples)},
      {"DoublingAttribute", with_pickle(doubling_attribute)},
      {"DoublingObjects", with_pickle(doubling_objects)},
      {"ObjectThatHoldsItself", with_pickle(object_that_holds_itself)},
      {"ManyNones", with_deflated_pickle(many_nones)},
      {"AsManyNonesAsFit", with_deflated_pickle(as_many_nones_as_fit)},
      {"AsLargeAMemoAsFits", with_deflated_pickle(as_large_a_memo_as_fits)},
      {"ManyMarks", with_deflated_pickle(many_marks)},
      {"LargeMemo", with_deflated_pickle(large_memo)},
      {"CopiedDictionary", with_pickle(copied_dictionary)},
      {"CopiedName", with_pickle(copied_name)},
      {"CopiedArguments", with_pickle(copied_arguments)},
      {"TextLongerThanTheFile", with_pickle(text_longer_than_the_file)},
      {"NegativeSize", with_layout(pickle::layout(0, {-300, 30}, {30, 1}))},
      {"NegativeSizes", with_layout(pickle::layout(0, {-300, -30}, {-30, 1}))},
      {"HugeSize", with_layout(pickle::layout(0, {kHuge, 30}, {30, 1}))},
      {"SizesThatOverflow", with_layout(pickle::layout(0, {kHuge, 4}, {4, 1}))},
      {"NegativeOffset", with_layout(pickle::layout(-1'000'000'000, {300, 30}, {30, 1}))},
      {"HugeOffset", with_layout(pickle::layout(kHuge, {300, 30}, {30, 1}))},
      {"OffsetNearTheEnd", with_layout(pickle::layout(1, {300, 30}, {30, 1}))},
      {"HugeStrides", with_layout(pickle::layout(0, {300, 30}, {kHuge, 1}))},
      {"NegativeStrides", with_layout(pickle::layout(0, {300, 30}, {-30, 1}))},
      {"ShortRecord", shorten_a_tensor},
      {"MissingRecord", remove_a_tensor},
      {"MissingPickle", remove_the_pickle},
      {"OneRecordForAll", share_one_record},
      {"TwoPickles", with_more_records({{"data.pkl", pickle::document("N")}})},
      {"TwoRecordsOfATensor", with_more_records({{"data/0", std::string(36'000, 'x')}})},
      {"LongWordInTheCode", lengthen_a_word_of_code, true},
  };
  return models;
}

std::ostream& operator<<(std::ostream& out, const ExhaustingModel& model) {
  return out << model.name;
}

}  // namespace medgen::attacks
