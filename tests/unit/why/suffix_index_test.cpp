// The index of training text: what it finds is what a search from end to end finds, and nothing
// that a file holds can lead it astray.
#include "why/suffix_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "fuzz/sealed_index.h"
#include "medgen/error.h"
#include "unit/base/faulty_file_system.h"
#include "unit/why/index_folder.h"

namespace medgen::why {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Documents of few different ids, so that runs occur often, in two sources.
std::vector<TestSource> random_sources(int vocab_size, TokenId eos, std::mt19937& random) {
  std::vector<TestSource> sources = {{"first", {}}, {"second", {}}};
  for (TestSource& source : sources) {
    for (int i = 0; i < 40; ++i) {
      TestDocument document;
      const auto length = static_cast<std::size_t>(random() % 60);
      while (document.ids.size() < length) {
        // Some that differ in their high bytes alone.
        const auto id = static_cast<TokenId>(
            random() % 5 * 256 % static_cast<unsigned>(vocab_size) + random() % 3);
        if (id != eos && id < vocab_size) document.ids.push_back(id);
      }
      source.documents.push_back(std::move(document));
    }
  }
  return sources;
}

std::vector<TokenId> joined(const std::vector<TestSource>& sources, TokenId eos) {
  std::vector<TokenId> all;
  for (const TestSource& source : sources) {
    for (const TestDocument& document : source.documents) {
      all.insert(all.end(), document.ids.begin(), document.ids.end());
      all.push_back(eos);
    }
  }
  return all;
}

// Where a run stands, from end to end.
std::vector<std::uint64_t> naive_places(const std::vector<TokenId>& all,
                                        const std::vector<TokenId>& run) {
  std::vector<std::uint64_t> places;
  for (std::size_t i = 0; i + run.size() <= all.size(); ++i) {
    if (std::equal(run.begin(), run.end(), all.begin() + static_cast<std::ptrdiff_t>(i))) {
      places.push_back(i);
    }
  }
  return places;
}

std::vector<std::uint64_t> places_in(const SuffixIndex& index, const std::vector<TokenId>& run) {
  std::vector<std::uint64_t> places;
  const SuffixRange range = index.find(run);
  for (std::uint64_t rank = range.begin; rank < range.end; ++rank) {
    places.push_back(index.place(rank));
  }
  std::sort(places.begin(), places.end());
  return places;
}

// A run of the text, of which one id may be another.
std::vector<TokenId> random_run(const std::vector<TokenId>& all, int vocab_size,
                                std::mt19937& random) {
  const auto begin = random() % all.size();
  const auto length = std::min<std::size_t>(1 + random() % 12, all.size() - begin);
  std::vector<TokenId> run(all.begin() + static_cast<std::ptrdiff_t>(begin),
                           all.begin() + static_cast<std::ptrdiff_t>(begin + length));
  if (random() % 3 == 0) {
    run[random() % run.size()] = static_cast<TokenId>(random() % static_cast<unsigned>(vocab_size));
  }
  return run;
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(SuffixIndexTest, FindsWhatANaiveSearchFindsOn1000RandomSpans) {
  for (const int vocab_size : {0, 70000}) {  // ids of two and of four bytes
    std::mt19937 random(7);
    const IndexFolder folder(vocab_size);
    const int size = vocab_size == 0 ? folder.tokenizer().vocab_size() : vocab_size;
    const auto sources = random_sources(size, folder.eos(), random);
    const auto all = joined(sources, folder.eos());
    const SuffixIndex index = folder.index(sources);
    ASSERT_EQ(index.tokens(), all.size());
    int found = 0;
    for (int i = 0; i < 1000; ++i) {
      const auto run = random_run(all, size, random);
      const auto places = naive_places(all, run);
      ASSERT_EQ(places_in(index, run), places);
      found += places.empty() ? 0 : 1;
      std::size_t longest = run.size();
      while (naive_places(all, {run.begin(), run.begin() + static_cast<std::ptrdiff_t>(longest)})
                 .empty()) {
        --longest;
      }
      ASSERT_EQ(index.longest_match(run), longest);
    }
    EXPECT_GT(found, 500);
    EXPECT_LT(found, 1000);
    EXPECT_EQ(index.fault(), "");
  }
}

TEST(SuffixIndexTest, KnowsTheDocumentTheSourceAndTheNameOfAPlace) {
  const IndexFolder folder;
  const corpus::DocumentName name{"note-7", "A planted note", "CC0"};
  const auto planted = folder.text("a rare sentence that nobody else would write", name);
  const SuffixIndex index =
      folder.index({{"one", {folder.text("fever and cough"), folder.text("")}},
                    {"two", {folder.text("headache"), planted}}});
  const SuffixRange range = index.find(planted.ids);
  ASSERT_EQ(range.count(), 1U);
  const IndexedDocument document = index.document_at(index.place(range.begin));
  EXPECT_EQ(document.number, 3U);
  EXPECT_EQ(document.number_in_source, 1U);
  EXPECT_EQ(index.sources()[document.source].source, "two");
  EXPECT_EQ(index.name(document), name);
  EXPECT_EQ(index.tokens_of(document.begin, document.end), planted.ids);
  EXPECT_EQ(index.name(index.document(0)), corpus::DocumentName{});
  EXPECT_EQ(index.find(folder.text("a rare sentence that somebody").ids).count(), 0U);
}

TEST(SuffixIndexTest, TheSameShardsGiveTheSameBytesInUnder12BytesAToken) {
  std::mt19937 random(3);
  const IndexFolder folder;
  auto sources = random_sources(folder.tokenizer().vocab_size(), folder.eos(), random);
  for (int i = 0; i < 20'000; ++i) sources[0].documents[0].ids.push_back(i % 250);
  const SuffixIndex index = folder.index(sources);
  const std::string bytes = folder.bytes();
  EXPECT_LT(bytes.size(), 12 * index.tokens());
  folder.index(sources);
  EXPECT_EQ(folder.bytes(), bytes);
}

TEST(SuffixIndexTest, ASuffixInAnotherPlaceIsNoticed) {
  const IndexFolder folder;
  folder.index({{"one", {folder.text("fever and cough and fever and cough")}}});
  std::string bytes = folder.bytes();
  IndexHeader header{};
  std::memcpy(&header, bytes.data(), sizeof header);
  char* const places = bytes.data() + layout_of(header).places;
  std::swap_ranges(places + 4, places + 8, places + 8);
  folder.overwrite(bytes);
  const SuffixIndex unsealed = SuffixIndex::open(folder.index_path());
  EXPECT_THAT(message_of([&] { unsealed.place(0); }), HasSubstr("does not fit its checksum"));
  fuzz::reseal_index(bytes);
  folder.overwrite(bytes);
  const SuffixIndex sealed = SuffixIndex::open(folder.index_path());
  EXPECT_THAT(sealed.fault(), HasSubstr("in the wrong order"));
  std::memcpy(places, places + 4, 4);
  fuzz::reseal_index(bytes);
  folder.overwrite(bytes);
  EXPECT_THAT(SuffixIndex::open(folder.index_path()).fault(), HasSubstr("stands in it twice"));
}

TEST(SuffixIndexTest, ANewerFormatIsRefusedByItsNumber) {
  const IndexFolder folder;
  folder.index({{"one", {folder.text("fever")}}});
  std::string bytes = folder.bytes();
  bytes[8] = 2;
  fuzz::reseal_index(bytes);
  folder.overwrite(bytes);
  EXPECT_THAT(message_of([&] { SuffixIndex::open(folder.index_path()); }),
              HasSubstr("is of format 2, and this medgen reads 1"));
}

TEST(SuffixIndexTest, ADamagedOrHostileFileIsRefused) {
  const IndexFolder folder;
  folder.index({{"one", {folder.text("fever and cough", {"id", "", ""}), folder.text("rest")}}});
  const std::string whole = folder.bytes();
  IndexHeader header{};
  std::memcpy(&header, whole.data(), sizeof header);
  const IndexLayout layout = layout_of(header);
  const auto open = [&](std::string bytes, bool seal) {
    if (seal) fuzz::reseal_index(bytes);
    folder.overwrite(bytes);
    return message_of([&] {
      const SuffixIndex index = SuffixIndex::open(folder.index_path());
      const std::string fault = index.fault();
      if (!fault.empty()) throw Error(ErrorCode::kRuntime, fault);
    });
  };
  EXPECT_EQ(open(whole, false), "");
  EXPECT_THAT(open("", false), HasSubstr("does not begin with"));
  EXPECT_THAT(open(whole.substr(0, whole.size() - 1), false), HasSubstr("its header expects"));
  EXPECT_THAT(open(whole + "x", false), HasSubstr("its header expects"));
  for (const std::size_t at : {12U, 16U, 24U, 32U, 43U, 47U}) {  // the fields of the header
    std::string bytes = whole;
    bytes[at] = static_cast<char>(0xff);
    EXPECT_THAT(open(bytes, true), Not(IsEmpty())) << at;
    EXPECT_THAT(open(bytes, false), Not(IsEmpty())) << at;
  }
  // Beyond the text: a suffix, a document, a name.
  for (const std::uint64_t at : {layout.places, layout.documents + 16, layout.documents + 24}) {
    std::string bytes = whole;
    bytes.replace(at, 4, "\xff\xff\xff\xff");
    EXPECT_THAT(open(bytes, true), HasSubstr("beyond")) << at;
    EXPECT_THAT(open(bytes, false), HasSubstr("checksum")) << at;
  }
  std::string bytes = whole;
  bytes.replace(layout.names, 2, "[[");
  EXPECT_THAT(open(bytes, true), HasSubstr("name cannot be read"));
}

TEST(SuffixIndexTest, OnlyAnIndexIsReplacedAndOnlyWhenThatIsAsked) {
  const IndexFolder folder;
  const corpus::Shards shards = folder.shards({{"one", {folder.text("fever and cough")}}});
  build_index(shards, {.output = folder.index_path()});
  EXPECT_THAT(message_of([&] { build_index(shards, {.output = folder.index_path()}); }),
              HasSubstr(folder.index_path().string()));
  EXPECT_THAT(
      message_of([&] { build_index(shards, {.output = folder.shards_path(), .replace = true}); }),
      HasSubstr("is not an index"));
}

TEST(SuffixIndexTest, AFullDiskLeavesNoPartOfAnIndex) {
  const IndexFolder folder;
  const corpus::Shards shards = folder.shards({{"one", {folder.text("fever and cough")}}});
  int failed = 0;
  for (int at = 1; at < 1000; ++at) {
    base::FaultyFileSystem disk(base::Fault::kFullDisk, at);
    std::string message;
    {
      const base::Replaced replaced(disk);
      message = message_of([&] { build_index(shards, {.output = folder.index_path()}); });
    }
    if (!disk.struck()) break;
    const bool there = std::filesystem::exists(folder.index_path());
    ASSERT_TRUE(there || !message.empty()) << at;
    const auto fault = [&] { return SuffixIndex::open(folder.index_path()).fault(); };
    ASSERT_EQ(there ? fault() : "", "") << at;
    failed += there ? 0 : 1;
    std::filesystem::remove_all(folder.index_path());
  }
  EXPECT_GT(failed, 5);
}

TEST(SuffixIndexTest, AFolderThatIsNoneIsNamed) {
  const TemporaryFolder empty;
  EXPECT_THAT(message_of([&] { SuffixIndex::open(empty.path()); }),
              HasSubstr("give a folder that \"medgen index\" wrote"));
}

}  // namespace
}  // namespace medgen::why
