// Written byte by byte, since no library writes such files (PKWARE's APPNOTE, 4.3 and 4.5).
#include "attacks/hostile_zip.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>

namespace medgen::attacks {
namespace {

constexpr std::uint16_t kStored = 0, kDeflated = 8;
constexpr std::uint16_t kEncrypted = 1;

std::string number(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xffU);
  return text;
}

// A record, and what the file says of it.
struct Entry {
  std::string name;
  std::string bytes;  // as they lie in the file
  std::uint64_t size = 0;
  std::uint32_t sum = 0;
  std::uint16_t method = kStored, flags = 0;
  std::optional<std::string> extra = {};       // of the directory's entry
  std::optional<std::size_t> same_bytes = {};  // as those of the entry of that number
};

std::uint32_t sum_of(const std::string& bytes) {
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

Entry entry_of(const std::string& name, const std::string& bytes) {
  return {"model/" + name, bytes, bytes.size(), sum_of(bytes)};
}

std::vector<Entry> entries_of(const Records& records) {
  std::vector<Entry> entries;
  for (const Record& record : records) entries.push_back(entry_of(record.name, record.bytes));
  return entries;
}

std::string zip_of(const std::vector<Entry>& entries, std::uint64_t counted, std::uint64_t shift) {
  std::string file, directory;
  std::vector<std::size_t> places;
  for (const Entry& entry : entries) {
    const std::string common =
        number(20, 2) + number(entry.flags, 2) + number(entry.method, 2) + number(0, 4) +
        number(entry.sum, 4) +
        number(entry.same_bytes ? entries[*entry.same_bytes].bytes.size() : entry.bytes.size(), 4) +
        number(std::min<std::uint64_t>(entry.size, 0xffffffff), 4) + number(entry.name.size(), 2);
    places.push_back(entry.same_bytes ? places[*entry.same_bytes] : file.size());
    const std::string extra = entry.extra.value_or("");
    directory += "PK\x01\x02" + number(20, 2) + common + number(extra.size(), 2) + number(0, 10) +
                 number(places.back(), 4) + entry.name + extra;
    if (!entry.same_bytes) {
      file += "PK\x03\x04" + common + number(0, 2) + entry.name + entry.bytes;
    }
  }
  const std::size_t begin = file.size();
  return file + directory + "PK\x05\x06" + number(0, 4) + number(counted, 2) + number(counted, 2) +
         number(directory.size(), 4) + number(begin + shift, 4) + number(0, 2);
}

std::string zip_of(const std::vector<Entry>& entries) { return zip_of(entries, entries.size(), 0); }

Entry& find(std::vector<Entry>& entries, const std::string& name) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) {
    return entry.name == "model/" + name;
  });
  if (found != entries.end()) return *found;
  ADD_FAILURE() << "the archive has no " << name;
  return entries.front();
}

std::string changed(const Records& records, const std::string& name,
                    const std::function<void(Entry&)>& change) {
  auto entries = entries_of(records);
  change(find(entries, name));
  return zip_of(entries);
}

std::string with_more(const Records& records, const std::string& name) {
  auto entries = entries_of(records);
  Entry more = entry_of("", "more");
  more.name = name;
  entries.push_back(more);
  return zip_of(entries);
}

std::string deflated(const std::string& bytes) {
  std::string out(::compressBound(bytes.size()) + 64, '\0');
  z_stream stream{};
  ::deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string in = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  ::deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

// Zip64's extra field, with the size of the record alone.
std::string size_of_64_bits(const Records& records, const std::string& name, std::uint64_t size) {
  return changed(records, name, [&](Entry& entry) {
    entry.size = 0xffffffff;
    entry.extra = number(1, 2) + number(8, 2) + number(size, 8);
  });
}

std::string huge_tensor(const Records& records) {
  return size_of_64_bits(records, "data/0", std::uint64_t{1} << 62);
}
std::string huge_pickle(const Records& records) {
  return size_of_64_bits(records, "data.pkl", ~std::uint64_t{0} - 8);
}

// A hundred records of the same bytes, of which a hundred tensors could be made.
std::string overlapping_records(const Records& records) {
  auto entries = entries_of(records);
  const auto largest = std::max_element(
      entries.begin(), entries.end(),
      [](const Entry& a, const Entry& b) { return a.bytes.size() < b.bytes.size(); });
  const auto place = static_cast<std::size_t>(largest - entries.begin());
  for (int i = 0; i < 100; ++i) {
    Entry again = entries[place];
    again.name = "model/data/more" + std::to_string(i);
    again.same_bytes = place;
    again.bytes = "";
    entries.push_back(again);
  }
  return zip_of(entries);
}

std::string name_with_controls(const Records& records) {
  return with_more(records, "model/data/\x1b]0;owned\x07\x1b[2J");
}
std::string name_outside_the_folder(const Records& records) {
  return with_more(records, "../../../tmp/medgen-attack");
}
std::string name_that_climbs(const Records& records) {
  return with_more(records, "model/data/../../../tmp/medgen-attack");
}
std::string absolute_name(const Records& records) {
  return with_more(records, "/tmp/medgen-attack");
}
std::string empty_name(const Records& records) { return with_more(records, ""); }

std::string compressed_tensor(const Records& records) {
  return changed(records, "data/0", [](Entry& entry) {
    entry.bytes = deflated(entry.bytes);
    entry.method = kDeflated;
  });
}

// 600 MB of nothing in 600 KB.
std::string compressed_bomb(const Records& records) {
  return changed(records, "data.pkl", [](Entry& entry) {
    const std::string zeros(600U << 20U, '\0');
    entry.size = zeros.size();
    entry.sum = sum_of(zeros);
    entry.bytes = deflated(zeros);
    entry.method = kDeflated;
  });
}

// It says that it is as long as a list of parameters may be, and goes on.
std::string longer_than_it_says(const Records& records) {
  return changed(records, "data.pkl", [](Entry& entry) {
    const std::string zeros(64U << 20U, '\0');
    entry.sum = sum_of(zeros);
    entry.size = 1000;
    entry.bytes = deflated(zeros);
    entry.method = kDeflated;
  });
}

std::string unknown_compression(const Records& records) {
  return changed(records, "data.pkl", [](Entry& entry) { entry.method = 77; });
}
std::string encrypted(const Records& records) {
  return changed(records, "data.pkl", [](Entry& entry) { entry.flags = kEncrypted; });
}
std::string wrong_sum(const Records& records) {
  return changed(records, "data.pkl", [](Entry& entry) { ++entry.sum; });
}

std::string more_records_than_it_has(const Records& records) {
  return zip_of(entries_of(records), 60'000, 0);
}
std::string directory_elsewhere(const Records& records) {
  const auto entries = entries_of(records);
  return zip_of(entries, entries.size(), 0x7fffff00);
}
std::string cut_in_its_directory(const Records& records) {
  const std::string whole = plain_zip(records);
  return whole.substr(0, whole.size() - 60);
}

}  // namespace

std::string plain_zip(const Records& records) { return zip_of(entries_of(records)); }

const std::vector<HostileZip>& hostile_zips() {
  static const std::vector<HostileZip> kAll = {
      {"HugeTensor", huge_tensor},
      {"HugePickle", huge_pickle},
      {"OverlappingRecords", overlapping_records},
      {"NameWithControls", name_with_controls},
      {"NameOutsideTheFolder", name_outside_the_folder},
      {"NameThatClimbs", name_that_climbs},
      {"AbsoluteName", absolute_name},
      {"EmptyName", empty_name},
      {"CompressedTensor", compressed_tensor},
      {"CompressedBomb", compressed_bomb},
      {"LongerThanItSays", longer_than_it_says},
      {"UnknownCompression", unknown_compression},
      {"Encrypted", encrypted},
      {"WrongSum", wrong_sum},
      {"MoreRecordsThanItHas", more_records_than_it_has},
      {"DirectoryElsewhere", directory_elsewhere},
      {"CutInItsDirectory", cut_in_its_directory},
  };
  return kAll;
}

std::ostream& operator<<(std::ostream& out, const HostileZip& zip) { return out << zip.name; }

}  // namespace medgen::attacks
