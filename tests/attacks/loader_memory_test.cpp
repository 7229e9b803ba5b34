// Each reader of files, with a file that is made to take as much memory as it can: it takes three
// times the file and 200 MB at most. Whether it is refused or used is for other tests. Not here:
// `reproduce`, which holds the settings of every record, and documents of many megabytes, which are
// tokenized.
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "attacks/archives.h"
#include "attacks/measured_run.h"
#include "cli/models.h"
#include "places.h"

namespace medgen::attacks {
namespace {

namespace fs = std::filesystem;
using cli_tests::scratch;
using cli_tests::write;

using Words = std::vector<std::string>;

constexpr std::size_t kMegabyte = 1U << 20U;

std::string times(std::size_t count, const std::string& part) {
  std::string all;
  all.reserve(count * part.size());
  for (std::size_t i = 0; i < count; ++i) all += part;
  return all;
}

// As many values as JSON from outside may have, or more.
std::string many_values(std::size_t count = 2'000'000) {
  return "{\"x\":[" + times(count, "0,") + "0]}";
}
std::string many_members(std::size_t count = 300'000) {
  std::string all = "{";
  for (std::size_t i = 0; i < count; ++i) all += "\"m" + std::to_string(i) + "\":0,";
  return all + "\"end\":0}";
}

std::string gzip_of(const std::string& bytes) {
  std::string out(::compressBound(bytes.size()) + 64, '\0');
  z_stream stream{};
  ::deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  std::string in = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  ::deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  out.shrink_to_fit();  // a process that is started begins with this one's memory
  ::deflateEnd(&stream);
  return out;
}

std::string zstd_of(const std::string& bytes) {
  std::string out(::ZSTD_compressBound(bytes.size()), '\0');
  out.resize(::ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 1));
  out.shrink_to_fit();
  return out;
}

struct HostileFile {
  std::string name;                           // of the file, in a folder of its own
  std::string bytes;                          //
  Words (*command)(const std::string& file);  // what reads it
};

struct Loader {
  const char* name;
  HostileFile (*make)();
};

std::string tokenizer() { return cli_tests::checkpoint_tokenizer().string(); }

Words inspect(const std::string& file) {
  return {"inspect", fs::path(file).parent_path().string()};
}
Words generate_in(const std::string& file) {
  return {"generate", "--model",   fs::path(file).parent_path().string(),
          "-n",       "1",         "--max-new-tokens",
          "1",        "--backend", "native",
          "I feel"};
}
Words tokenize(const std::string& file) { return {"tokenize", "--tokenizer", file, "a"}; }
Words tokenize_in(const std::string& file) {
  return {"tokenize", "--tokenizer", fs::path(file).parent_path().string(), "a"};
}
Words convert_in(const std::string& file) {
  const std::string folder = fs::path(file).parent_path().string();
  return {"convert", folder, folder + "-out", "--tokenizer", tokenizer()};
}
Words metrics(const std::string& file) { return {"metrics", file}; }
Words choices(const std::string& file) {
  return {"eval", "--model", MEDGEN_DEFAULT_MODEL, "--choices", file};
}
Words prepare(const std::string& file) {
  return {"prepare", "--data", file, "--tokenizer", tokenizer(), "--output", file + "-out"};
}
Words check(const std::string& file) {
  return {"batch", file, "--check", "--model", MEDGEN_DEFAULT_MODEL};
}
Words screen(const std::string& file) { return {"screen", file}; }
Words configured(const std::string& file) {
  return {"generate", "--config", file, "--model", MEDGEN_DEFAULT_MODEL, "I feel"};
}
// A batch whose output has this journal.
Words batch_with_journal(const std::string& file) {
  const fs::path folder = fs::path(file).parent_path();
  write(folder / "in.txt", "I feel\n");
  write(folder / "out.jsonl", "");
  return {"batch",   (folder / "in.txt").string(), "--output", (folder / "out.jsonl").string(),
          "--model", cli_tests::tiny_model(),      "-n",       "1"};
}
Words retried(const std::string& file) {
  const fs::path folder = fs::path(file).parent_path();
  write(folder / "in.txt", "I feel\n");
  return {"batch",   (folder / "in.txt").string(), "--output", file, "--retry-errors",
          "--model", cli_tests::tiny_model(),      "-n",       "1"};
}

std::string many_records() { return times(400'000, "{\"text\":\"a b\",\"id\":1}\n"); }
std::string one_record() {
  return "{\"completions\":[" + times(200'000, "{\"text\":\"a\"},") + "{\"text\":\"b\"}]}";
}
std::string long_text() { return std::string(24 * kMegabyte, 'a'); }

// Documents that are long, but not so long that tokenizing them is what takes most.
std::string records_of(const std::string& begin, const std::string& end) {
  std::string all;
  for (char c = 'a'; c < 'm'; ++c) all += begin + std::string(kMegabyte, c) + end;
  return all;
}

std::string safetensors() {
  std::string header = "{";
  for (int i = 0; i < 100'000; ++i) {
    header +=
        "\"t" + std::to_string(i) + "\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},";
  }
  header += "\"end\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}";
  std::string size;
  for (unsigned shift = 0; shift < 64; shift += 8) {
    size += static_cast<char>(header.size() >> shift & 0xffU);
  }
  return size + header;
}

std::string tokenizer_json() {
  std::string vocabulary = "{\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{";
  for (int i = 0; i < 400'000; ++i) {
    vocabulary += (i > 0 ? ",\"a" : "\"a") + std::to_string(i) + "\":" + std::to_string(i);
  }
  return vocabulary + "}}}";
}

const std::vector<Loader>& loaders() {
  static const std::vector<Loader> kAll = {
      {"Manifest",
       [] {
         return HostileFile{"manifest.json", many_values(), inspect};
       }},
      {"ManifestMembers",
       [] {
         return HostileFile{"manifest.json", many_members(), inspect};
       }},
      {"Config",
       [] {
         return HostileFile{"config.json", many_values(), generate_in};
       }},
      {"GenerationConfig",
       [] {
         return HostileFile{"generation_config.json", many_members(), generate_in};
       }},
      {"Templates",
       [] {
         return HostileFile{"templates.json", many_members(), generate_in};
       }},
      {"TokenizerJson",
       [] {
         return HostileFile{"tokenizer.json", tokenizer_json(), tokenize};
       }},
      {"TokenizerJsonValues",
       [] {
         return HostileFile{"tokenizer.json", many_values(), tokenize};
       }},
      {"Vocabulary",
       [] {
         return HostileFile{"vocab.json", many_members(), tokenize_in};
       }},
      {"TokenizerModel",
       [] {
         return HostileFile{"tokenizer.model",
                            times(1'500'000,
                                  "\x0a\x05\x0a\x03"
                                  "abc"),
                            tokenize};
       }},
      {"Safetensors",
       [] {
         return HostileFile{"model.safetensors", safetensors(), convert_in};
       }},
      {"SafetensorsIndex",
       [] {
         return HostileFile{"model.safetensors.index.json", many_members(), convert_in};
       }},
      {"PackedWeights",
       [] {
         return HostileFile{"packed-int8.bin", std::string(kMegabyte, '\1'), generate_in};
       }},
      {"Records",
       [] {
         return HostileFile{"r.jsonl", many_records(), metrics};
       }},
      {"OneRecord",
       [] {
         return HostileFile{"r.jsonl", one_record(), metrics};
       }},
      {"RecordOfValues",
       [] {
         return HostileFile{"r.jsonl", many_values(), metrics};
       }},
      {"ArrayOfRecords",
       [] {
         return HostileFile{"r.json", "[\n" + times(300'000, "{},\n") + "{}]", metrics};
       }},
      {"Choices",
       [] {
         return HostileFile{"c.jsonl",
                            "{\"prompt\":\"a\",\"choices\":[" + times(900'000, "\"b\",") +
                                "\"c\"],\"answer\":1e9}",
                            choices};
       }},
      {"CorpusLines",
       [] {
         return HostileFile{"c.jsonl", records_of("{\"text\":\"", "\"}\n"), prepare};
       }},
      {"CorpusValues",
       [] {
         return HostileFile{"c.jsonl", many_values(), prepare};
       }},
      {"CorpusCsv",
       [] {
         return HostileFile{"c.csv", "text\n" + records_of("\"", "\"\n"), prepare};
       }},
      {"CorpusColumns",
       [] {
         return HostileFile{"c.csv", "text" + times(1'000'000, ",b") + "\n", prepare};
       }},
      {"CorpusText",
       [] {
         return HostileFile{"c.txt", records_of("", "\n\n"), prepare};
       }},
      {"CorpusGzip",
       [] {
         return HostileFile{"c.txt.gz", gzip_of(std::string(400 * kMegabyte, 'a')), prepare};
       }},
      {"CorpusZstd",
       [] {
         return HostileFile{"c.txt.zst", zstd_of(std::string(400 * kMegabyte, 'a')), prepare};
       }},
      {"Rows",
       [] {
         return HostileFile{"r.jsonl", many_values(), check};
       }},
      {"RowsOfCsv",
       [] {
         return HostileFile{"r.csv", "prompt\n\"" + long_text() + "\"\n", check};
       }},
      {"ColumnsOfCsv",
       [] {
         return HostileFile{"r.csv", "prompt" + times(1'000'000, ",b") + "\n", check};
       }},
      {"RowsOfText",
       [] {
         return HostileFile{"r.txt", long_text(), check};
       }},
      {"RowsOfGzip",
       [] {
         return HostileFile{"r.jsonl.gz", gzip_of(std::string(400 * kMegabyte, ' ')), check};
       }},
      {"RowsOfZstd",
       [] {
         return HostileFile{"r.jsonl.zst", zstd_of(std::string(400 * kMegabyte, ' ')), check};
       }},
      {"TextToScreen",
       [] {
         return HostileFile{"s.txt", long_text(), screen};
       }},
      {"Journal",
       [] {
         return HostileFile{"out.jsonl.journal", many_values(), batch_with_journal};
       }},
      {"JournalLine",
       [] {
         return HostileFile{"out.jsonl.journal", long_text(), batch_with_journal};
       }},
      {"OutputToRetry",
       [] {
         return HostileFile{"out.jsonl", one_record(), retried};
       }},
      {"Configuration",
       [] {
         return HostileFile{"a.conf", times(90'000, "top-k = 4\n"), configured};
       }},
      {"ConfigurationList",
       [] {
         return HostileFile{"a.conf", "stop = [" + times(200'000, "\"a\",") + "\"b\"]\n",
                            configured};
       }},
      {"ConfigurationTooLong",
       [] {
         return HostileFile{"a.conf", "stop = " + long_text() + "\n", configured};
       }},
  };
  return kAll;
}

class LoaderMemoryTest : public ::testing::TestWithParam<Loader> {};

TEST_P(LoaderMemoryTest, IsThreeTimesTheFileAnd200MegabytesAtMost) {
  HostileFile hostile = GetParam().make();
  const fs::path folder = scratch() / (std::string("loader-") + GetParam().name);
  fs::remove_all(folder);
  const bool of_a_model = hostile.command == inspect || hostile.command == generate_in;
  of_a_model ? fs::copy(cli_tests::tiny_model(), folder) : void(fs::create_directories(folder));
  if (hostile.command == convert_in) {
    fs::copy_file(cli_tests::checkpoint("tanh_f16") / "config.json", folder / "config.json");
  }
  const fs::path file = folder / hostile.name;
  write(file, hostile.bytes);
  hostile.bytes = std::string();
  if (hostile.name == "vocab.json") write(folder / "merges.txt", "");
  if (of_a_model && hostile.name != "manifest.json" && hostile.name.ends_with(".json")) {
    reseal(folder);
  }
  const Words words = hostile.command(file.string());
  const MeasuredResult result = measured_run(words);
  EXPECT_LT(result.status, 126) << result.err.substr(0, 1000);
  expect_little_memory(result, words, file);
  fs::remove_all(folder);
}

INSTANTIATE_TEST_SUITE_P(File, LoaderMemoryTest, ::testing::ValuesIn(loaders()),
                         [](const auto& test) { return std::string(test.param.name); });

// Companion: a program that took more would be seen.
TEST(LoaderMemoryCompanionTest, MoreIsSeen) {
  const fs::path file = scratch() / "small";
  write(file, "small");
  MeasuredResult result;
  result.peak_megabytes = 201;
  EXPECT_NONFATAL_FAILURE(expect_little_memory(result, {"metrics"}, file), "a file of 0 MB");
}

}  // namespace
}  // namespace medgen::attacks
