// A bundle written, read back, and damaged in every way that open() has to notice.
#include "medgen/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/sha256.h"
#include "bundle/manifest.h"
#include "unit/bundle/support.h"

namespace medgen::bundle {
namespace {

namespace fs = std::filesystem;
using bundle_test::error_of;
using bundle_test::fixture;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

ModelConfig small_config() {
  ModelConfig config;
  config.vocab_size = 300;
  config.n_positions = 24;
  config.n_embd = 16;
  config.n_layer = 2;
  config.n_head = 2;
  config.n_inner = 64;
  return config;
}

void fill(BundleWriter& writer, const fs::path& tokenizer = fixture("tokenizer")) {
  writer.add_config(small_config());
  writer.add_tokenizer(tokenizer);
  writer.add_generation_config(R"({"temperature": 0.5, "max_length": 99, "unknown": [1]})");
  writer.add_model_card("# A card\n");
  base::write_file(writer.model_pt(), "pretend weights");
}

class BundleTest : public ::testing::Test {
 protected:
  BundleTest() {
    BundleWriter writer(bundle());
    fill(writer);
    writer.commit("small", "fp32");
  }
  fs::path bundle() const { return folder_ / "bundle"; }

  std::string refusal() const {
    return error_of([&] { Bundle::open(bundle()); });
  }

  // Changes the manifest; the checksums of the other files stay right.
  void edit_manifest(const std::function<void(json&)>& edit) const {
    json manifest = json::parse(base::read_file(bundle() / "manifest.json", 1 << 20));
    edit(manifest);
    base::write_file(bundle() / "manifest.json", manifest.dump());
  }

  // Writes a file and updates the manifest, as an attacker would.
  void replace_file(const std::string& name, const std::string& content) const {
    base::write_file(bundle() / name, content);
    edit_manifest([&](json& manifest) {
      for (json& file : manifest["files"]) {
        if (file["name"] != name) continue;
        file["sha256"] = base::sha256(content);
        file["size"] = content.size();
      }
    });
  }

  TemporaryFolder folder_;
};

TEST_F(BundleTest, ReadsBackWhatWasWritten) {
  const Bundle opened = Bundle::open(bundle());
  EXPECT_EQ(opened.name(), "small");
  EXPECT_EQ(opened.directory(), bundle());
  EXPECT_EQ(opened.config().n_embd, 16);
  EXPECT_EQ(opened.manifest().dtype, "fp32");
  EXPECT_EQ(opened.manifest().tokenizer_kind, "gpt2-bpe");
  EXPECT_EQ(opened.manifest().parameter_count, small_config().parameter_count());
  EXPECT_EQ(opened.tokenizer().vocab_size(), 277);
  EXPECT_EQ(opened.generation_config(),
            R"({"temperature": 0.5, "max_length": 99, "unknown": [1]})");
  EXPECT_EQ(opened.model_card(), "# A card\n");
  EXPECT_EQ(opened.sha256(), base::sha256("pretend weights"));
  EXPECT_EQ(opened.model_pt(), bundle() / "model.pt");
  EXPECT_EQ(folder_.entries(), 1);
}

TEST_F(BundleTest, TellsWhatGoesBeforeAPrompt) {
  EXPECT_EQ(Bundle::open(bundle()).prompt_prefix(), std::nullopt);
  const auto with = [&](const char* name, const char* settings, std::optional<TokenId> bos) {
    BundleWriter writer(folder_ / name);
    fill(writer);
    ModelConfig config = small_config();
    config.bos_token_id = bos;
    writer.add_config(config);
    base::write_file(writer.staging() / "tokenizer_config.json", settings);
    writer.commit(name, "fp32");
    return folder_ / name;
  };
  EXPECT_EQ(Bundle::open(with("yes", R"({"add_bos_token": true})", 7)).prompt_prefix(), 7);
  EXPECT_EQ(Bundle::open(with("no", R"({"add_bos_token": false})", 7)).prompt_prefix(),
            std::nullopt);
  EXPECT_THAT(error_of([&] { Bundle::open(with("word", R"({"add_bos_token": "yes"})", 7)); }),
              HasSubstr("add_bos_token"));
  // Where neither names one, it is the tokenizer's own.
  EXPECT_EQ(Bundle::open(with("none", R"({"add_bos_token": true})", std::nullopt)).prompt_prefix(),
            276);
  EXPECT_EQ(Bundle::open(with("named", R"({"add_bos_token": true, "bos_token": "!"})", 7))
                .prompt_prefix(),
            Bundle::open(bundle()).tokenizer().encode("!").front());
}

TEST_F(BundleTest, HoldsEveryFileOfTheTokenizerItIsMadeWith) {
  const fs::path given = folder_ / "given";
  fs::copy(fixture("tokenizer"), given);
  base::write_file(given / "added_tokens.json", R"({"<x>": 277, "[PAD]": 300})");
  base::write_file(given / "special_tokens_map.json", R"({"pad_token": "[PAD]"})");
  for (const fs::path& tokenizer : {given, given / "vocab.json"}) {
    BundleWriter writer(folder_ / "made", true);
    fill(writer, tokenizer);
    writer.put_bos_before_prompts();
    writer.commit("made", "fp32");
    const Bundle opened = Bundle::open(folder_ / "made");
    EXPECT_EQ(opened.tokenizer().encode("a<x>").back(), 277);
    EXPECT_EQ(opened.prompt_prefix(), 276);
    // The model has 300 ids, so the last token is none that it could read.
    EXPECT_EQ(opened.tokenizer().vocab_size(), 300);
    EXPECT_EQ(opened.tokenizer().pad_id(), std::nullopt);
  }
}

TEST_F(BundleTest, NoticesAFlippedBitInAnyFile) {
  const Manifest manifest = Bundle::open(bundle()).manifest();
  for (const BundleFile& file : manifest.files) {
    const std::string whole = base::read_file(bundle() / file.name, 1 << 20);
    std::string damaged = whole;
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
    base::write_file(bundle() / file.name, damaged);
    EXPECT_THAT(refusal(), AllOf(HasSubstr(file.name), HasSubstr(file.sha256)));
    base::write_file(bundle() / file.name, whole);
  }
  Bundle::open(bundle());
}

TEST_F(BundleTest, NoticesATruncatedOrMissingFile) {
  base::write_file(bundle() / "model.pt", "pretend");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("model.pt"), HasSubstr("7 bytes"), HasSubstr("15")));
  fs::remove(bundle() / "model.pt");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("model.pt"), HasSubstr("missing")));
  fs::create_directory(bundle() / "model.pt");
  EXPECT_THAT(refusal(), HasSubstr("model.pt"));
}

TEST_F(BundleTest, RefusesNamesThatLeaveTheFolder) {
  for (const char* name : {"../secret", "/etc/passwd", "..", "", "a/b"}) {
    edit_manifest([&](json& manifest) {
      manifest["files"].push_back({{"name", name}, {"sha256", std::string(64, '0')}, {"size", 1}});
    });
    EXPECT_THAT(refusal(), HasSubstr("plain file name")) << name;
    edit_manifest([](json& manifest) { manifest["files"].erase(manifest["files"].size() - 1); });
  }
}

TEST_F(BundleTest, RefusesManifestsItCannotTrust) {
  const auto refusal_after = [&](const std::function<void(json&)>& edit) {
    const std::string whole = base::read_file(bundle() / "manifest.json", 1 << 20);
    edit_manifest(edit);
    const std::string message = refusal();
    base::write_file(bundle() / "manifest.json", whole);
    return message;
  };
  EXPECT_THAT(refusal_after([](json& m) { m["format_version"] = 2; }),
              AllOf(HasSubstr("format_version is 2"), HasSubstr("update medgen")));
  EXPECT_THAT(refusal_after([](json& m) { m.erase("format_version"); }), HasSubstr("missing"));
  EXPECT_THAT(refusal_after([](json& m) { m["dtype"] = "int8"; }), HasSubstr("dtype"));
  EXPECT_THAT(refusal_after([](json& m) { m["parameter_count"] = 7; }),
              HasSubstr("parameter_count is 7"));
  EXPECT_THAT(refusal_after([](json& m) { m["tokenizer_kind"] = "sentencepiece"; }),
              HasSubstr("tokenizer_kind"));
  EXPECT_THAT(refusal_after([](json& m) { m["files"] = 3; }), HasSubstr("files"));
  EXPECT_THAT(refusal_after([](json& m) { m["files"].push_back(m["files"][0]); }),
              HasSubstr("listed twice"));
  EXPECT_THAT(refusal_after([](json& m) { m["files"][0]["size"] = -1; }), HasSubstr("size"));
  EXPECT_THAT(refusal_after([](json& m) { m["files"][0]["sha256"] = "XY"; }),
              HasSubstr("64 lower-case"));
  for (const char* name : {"model.pt", "config.json", "generation_config.json", "MODEL_CARD.md"}) {
    EXPECT_THAT(refusal_after([&](json& m) {
                  json kept = json::array();
                  for (const json& file : m["files"]) {
                    if (file["name"] != name) kept.push_back(file);
                  }
                  m["files"] = kept;
                }),
                HasSubstr(name));
  }
  Bundle::open(bundle());  // each edit was taken back: what was refused was the edit
  base::write_file(bundle() / "manifest.json", "{\"format_version\": 1");
  EXPECT_THAT(refusal(), HasSubstr("manifest.json is not valid JSON"));
}

TEST_F(BundleTest, RefusesATokenizerFileThatTheManifestDoesNotList) {
  edit_manifest([](json& manifest) {
    json kept = json::array();
    for (const json& file : manifest["files"]) {
      if (file["name"] != "vocab.json") kept.push_back(file);
    }
    manifest["files"] = kept;
  });
  EXPECT_THAT(refusal(), AllOf(HasSubstr("vocab.json"), HasSubstr("not listed")));
}

TEST_F(BundleTest, RefusesATokenizerWithManyMoreIdsThanTheModel) {
  ModelConfig config = small_config();
  config.vocab_size = 176;
  BundleWriter writer(folder_ / "narrow");
  writer.add_config(config);
  EXPECT_THAT(error_of([&] { writer.add_tokenizer(fixture("tokenizer")); }),
              AllOf(HasSubstr("277"), HasSubstr("176")));
  // The same in a bundle put together by hand.
  json narrow = json::parse(base::read_file(bundle() / "config.json", 1 << 20));
  narrow["vocab_size"] = 176;
  replace_file("config.json", narrow.dump());
  edit_manifest([&](json& manifest) { manifest["parameter_count"] = config.parameter_count(); });
  EXPECT_THAT(refusal(), AllOf(HasSubstr("277"), HasSubstr("176")));
}

TEST_F(BundleTest, GenerationSettingsAreAJsonObject) {
  for (const char* text : {"nonsense", "[]", "{\"top_k\": 1} {}"}) {
    replace_file("generation_config.json", text);
    EXPECT_THAT(refusal(), HasSubstr("generation_config.json")) << text;
  }
}

TEST(BundleOpenTest, SaysWhatAFolderIsThatIsNoBundle) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of([&] { Bundle::open(folder / "none"); }), HasSubstr("no model at"));
  EXPECT_THAT(error_of([&] { Bundle::open(folder.path()); }), HasSubstr("manifest.json"));
  EXPECT_THAT(error_of([&] { Bundle::open(fixture("relu_no_prefix")); }),
              HasSubstr("medgen convert"));
  base::write_file(folder / "file", "x");
  EXPECT_THAT(error_of([&] { Bundle::open(folder / "file"); }), HasSubstr("not a folder"));
}

TEST(BundleWriterTest, LeavesNothingWithoutCommit) {
  const TemporaryFolder folder;
  {
    BundleWriter writer(folder / "out");
    fill(writer);
    EXPECT_EQ(folder.entries(), 1);
  }
  EXPECT_EQ(folder.entries(), 0);
}

TEST(BundleWriterTest, RefusesToCommitAnIncompleteBundle) {
  const TemporaryFolder folder;
  {
    BundleWriter writer(folder / "out");
    writer.add_config(small_config());
    writer.add_tokenizer(fixture("tokenizer"));
    EXPECT_THAT(error_of([&] { writer.commit("x", "fp32"); }), HasSubstr("model.pt"));
  }
  EXPECT_EQ(folder.entries(), 0);
}

TEST(BundleWriterTest, ReplacesBundlesOnly) {
  const TemporaryFolder folder;
  for (const char* name : {"first", "second"}) {
    BundleWriter writer(folder / "out", true);
    fill(writer);
    writer.commit(name, "fp16");
  }
  EXPECT_EQ(Bundle::open(folder / "out").name(), "second");
  EXPECT_THAT(error_of([&] { BundleWriter(folder / "out"); }, ErrorCode::kUsage),
              HasSubstr("exists already"));
  fs::create_directory(folder / "photos");
  base::write_file(folder / "photos/1.jpg", "x");
  EXPECT_THAT(error_of([&] { BundleWriter(folder / "photos", true); }, ErrorCode::kUsage),
              HasSubstr("not a bundle"));
  EXPECT_TRUE(fs::exists(folder / "photos/1.jpg"));
}

TEST(BundleWriterTest, GivesATokenizerFileTheNameThatIsLookedFor) {
  const TemporaryFolder folder;
  const TemporaryFolder elsewhere;
  BundleWriter writer(folder / "out");
  writer.add_config(small_config());
  fs::copy(fixture("tokenizer"), elsewhere.path());
  writer.add_tokenizer(elsewhere / "vocab.json");
  EXPECT_TRUE(fs::exists(writer.staging() / "vocab.json"));
  EXPECT_TRUE(fs::exists(writer.staging() / "merges.txt"));
}

}  // namespace
}  // namespace medgen::bundle
