// Which back end and precision a model gets, what is refused, and what becomes of packed weights;
// on a model of a few thousand parameters. Runs no libtorch.
#include "wiring/open_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/files.h"
#include "bundle/config.h"
#include "medgen/error.h"
#include "native/packed_file.h"
#include "places.h"
#include "temporary_folder.h"
#include "unit/byte_tokenizer.h"

namespace medgen::wiring {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class NoTokens : public ByteTokenizer {
 public:
  std::vector<TokenId> encode(std::string_view, Specials) const override { return {}; }
};

class OpenBackendTest : public ::testing::Test {
 protected:
  OpenBackendTest() {
    ::setenv("XDG_CACHE_HOME", cache_.path().c_str(), 1);
    const fs::path checkpoint = fs::path(MEDGEN_FIXTURES) / "checkpoints" / "traced";
    source_.model_pt = checkpoint / "model.pt";
    source_.sha256 = std::string(64, 'a');
    source_.config = bundle::read_config(checkpoint / "config.json");
    source_.tokenizer = load_tokenizer(fs::path(MEDGEN_FIXTURES) / "checkpoints" / "tokenizer");
    source_.verify = [this] { ++verified_; };
    options_.threads = 1;
    options_.max_slots = 2;
  }

  std::unique_ptr<Backend> open() {
    options_.note = [this](const std::string& note) { notes_ += note; };
    return open_backend(source_, options_);
  }

  std::string refusal(ErrorCode code) {
    try {
      open();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "nothing was refused";
    return "";
  }

  std::vector<fs::path> kept() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(cache_.path())) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    return files;
  }

  TemporaryFolder cache_;
  ModelSource source_;
  BackendOptions options_;
  std::string notes_;
  int verified_ = 0;
};

TEST_F(OpenBackendTest, AutoIsNativeForAGpt2OnTheCpu) {
  const auto backend = open();
  EXPECT_NE(dynamic_cast<native::NativeBackend*>(backend.get()), nullptr);
  EXPECT_EQ(backend->info().vocab_size, source_.config.vocab_size);
  EXPECT_EQ(backend->info().max_slots, 2);
  EXPECT_EQ(notes_, "");
}

TEST_F(OpenBackendTest, ThePrecisionIsTheOneAskedForElseTheModelsElseFp32) {
  EXPECT_EQ(open()->info().precision, "fp32");
  source_.auto_precision = "bf16";
  EXPECT_EQ(open()->info().precision, "bf16");
  options_.precision = WeightPrecision::kInt8;
  EXPECT_EQ(open()->info().precision, "int8");
}

TEST_F(OpenBackendTest, AManifestWithAPrecisionThatNobodyKnowsIsRefused) {
  source_.auto_precision = "int4";
  EXPECT_THAT(refusal(ErrorCode::kModel),
              AllOf(HasSubstr("the model's manifest"), HasSubstr("\"int4\""), HasSubstr("int8")));
}

TEST_F(OpenBackendTest, PackedWeightsAreKeptAndTheModelIsNotReadAgain) {
  open();
  EXPECT_EQ(verified_, 1);
  ASSERT_EQ(kept().size(), 1U);
  source_.model_pt = "/nonexistent/model.pt";
  open();
  EXPECT_EQ(verified_, 1);
}

TEST_F(OpenBackendTest, DamagedPackedWeightsAreNamedAndBuiltAgain) {
  open();
  const fs::path file = kept().at(0);
  fs::resize_file(file, fs::file_size(file) / 2);
  open();
  EXPECT_THAT(notes_, AllOf(HasSubstr(file.string()), HasSubstr("they are being rebuilt")));
  EXPECT_EQ(verified_, 2);
  notes_.clear();
  open();
  EXPECT_EQ(notes_, "");
}

// As where an administrator ran a model in a folder that this user may not write.
TEST_F(OpenBackendTest, UselessPackedWeightsAreNotMentionedWhereGoodOnesAreFoundElsewhere) {
  source_.folder = "/nonexistent";
  open();
  const TemporaryFolder model;
  source_.folder = model.path();
  const fs::path useless = native::packed_path(model.path(), native::Precision::kFloat32);
  base::write_file(useless, "something else");
  open();
  EXPECT_EQ(notes_, "");
  EXPECT_EQ(verified_, 1);
  // Companion: they are, where there are no others.
  fs::remove(kept().at(0));
  open();
  EXPECT_THAT(notes_, HasSubstr(useless.string()));
}

TEST_F(OpenBackendTest, AKeyThatCannotBeUsedIsNamedWithWhatToDo) {
  const TemporaryFolder config;
  const char* before = std::getenv("XDG_CONFIG_HOME");
  const std::string restored = before == nullptr ? "" : before;
  ::setenv("XDG_CONFIG_HOME", config.path().c_str(), 1);
  fs::create_directory(config / "medgen");
  const fs::path key = config / "medgen/key";
  base::write_file(key, std::string(32, 'k'));
  ::chmod(key.c_str(), 0644);
  open();
  EXPECT_THAT(notes_, AllOf(HasSubstr(key.string()), HasSubstr("chmod 600")));
  notes_.clear();
  ::chmod(key.c_str(), 0600);
  open();
  EXPECT_EQ(notes_, "");
  if (before == nullptr) {
    ::unsetenv("XDG_CONFIG_HOME");
  } else {
    ::setenv("XDG_CONFIG_HOME", restored.c_str(), 1);
  }
}

TEST_F(OpenBackendTest, NothingIsPackedFromAModelThatIsNotWhatItsChecksumSays) {
  source_.verify = [] { throw Error(ErrorCode::kModel, "the checksum differs"); };
  EXPECT_EQ(refusal(ErrorCode::kModel), "the checksum differs");
  EXPECT_THAT(kept(), IsEmpty());
}

TEST_F(OpenBackendTest, NativeOnAnotherDeviceIsRefused) {
  options_.backend = BackendKind::kNative;
  options_.device = Device::kCuda;
  EXPECT_THAT(refusal(ErrorCode::kUsage),
              AllOf(HasSubstr("runs on the cpu only"), HasSubstr("cuda")));
}

TEST_F(OpenBackendTest, APrecisionThatTorchScriptLacksIsRefused) {
  options_.backend = BackendKind::kTorchScript;
  for (const WeightPrecision precision : {WeightPrecision::kBFloat16, WeightPrecision::kInt8}) {
    options_.precision = precision;
    EXPECT_THAT(refusal(ErrorCode::kUsage),
                AllOf(HasSubstr(std::string(to_string(precision))), HasSubstr("fp32 only"),
                      HasSubstr("`backend` native")));
  }
  EXPECT_EQ(verified_, 0) << "before anything is read";
}

// The refusal shows which back end `auto` has chosen, without running it.
TEST_F(OpenBackendTest, AutoIsTorchScriptOnAnotherDeviceAndForAModelThatNativeCannotRun) {
  options_.precision = WeightPrecision::kInt8;
  options_.device = Device::kCuda;
  EXPECT_THAT(refusal(ErrorCode::kUsage), HasSubstr("the TorchScript back end"));
  options_.device = Device::kCpu;
  source_.config.n_embd = 4096;
  source_.config.n_head = 1;
  EXPECT_THAT(refusal(ErrorCode::kUsage), HasSubstr("the TorchScript back end"));
  options_.backend = BackendKind::kNative;
  EXPECT_THAT(
      refusal(ErrorCode::kModel),
      AllOf(HasSubstr("the native back end cannot run this model"), HasSubstr("4096 wide")));
}

TEST_F(OpenBackendTest, AModelOfAnotherKindIsNotRunWithoutTrust) {
  source_.not_gpt2 = "it has no parameter transformer.wte.weight";
  for (const BackendKind backend : {BackendKind::kAuto, BackendKind::kTorchScript}) {
    options_.backend = backend;
    EXPECT_THAT(refusal(ErrorCode::kModel),
                AllOf(HasSubstr(source_.not_gpt2), HasSubstr("`trust_code`")));
  }
  options_.backend = BackendKind::kNative;
  options_.trust_code = true;
  EXPECT_THAT(refusal(ErrorCode::kModel), HasSubstr(source_.not_gpt2));
  EXPECT_EQ(verified_, 0);
}

TEST_F(OpenBackendTest, ATokenizerWithoutATokenForTheProbeTextIsRefused) {
  source_.tokenizer = std::make_shared<NoTokens>();
  EXPECT_THAT(refusal(ErrorCode::kModel), HasSubstr("makes no tokens of its probe text"));
}

TEST_F(OpenBackendTest, PackedWeightsOfALoneFileBelongToItsTokenizerAndThoseOfABundleToItsFile) {
  const auto key = [&] { return packed_key(source_, native::Precision::kInt8).sha256; };
  const std::string alone = key();
  EXPECT_NE(alone, source_.sha256);
  source_.probe_text = "another text";
  EXPECT_NE(key(), alone);
  source_.folder = "/nonexistent/bundle";
  EXPECT_EQ(key(), source_.sha256);
}

TEST_F(OpenBackendTest, PackedWeightsAreLookedForBesideTheBundleAndThenInTheCache) {
  source_.folder = "/nonexistent/bundle";
  const auto places = packed_places(source_, packed_key(source_, native::Precision::kFloat32));
  ASSERT_EQ(places.size(), 2U);
  EXPECT_EQ(places[0].parent_path(), source_.folder);
  EXPECT_EQ(places[1].parent_path(), cache_ / "medgen");
}

TEST_F(OpenBackendTest, AnotherUsersPackedWeightsBesideABundleAreLeftAlone) {
  const TemporaryFolder bundle;
  source_.folder = bundle.path();
  open();
  const fs::path packed = native::packed_path(bundle.path(), native::Precision::kFloat32);
  ASSERT_TRUE(fs::exists(packed)) << notes_;
  EXPECT_TRUE(kept().empty());
  if (::geteuid() != 0 || ::chown(packed.c_str(), 12345, 12345) != 0) {
    GTEST_SKIP() << "only root can give a file away";
  }
  const fs::file_time_type before = fs::last_write_time(packed);
  open();
  EXPECT_THAT(notes_, HasSubstr("belongs to another user"));
  EXPECT_EQ(fs::last_write_time(packed), before);
  EXPECT_EQ(kept().size(), 1U) << "in this user's cache";
}

TEST_F(OpenBackendTest, AFullCheckReadsTheModelThoughItsWeightsArePacked) {
  open();
  verified_ = 0;
  open();
  EXPECT_EQ(verified_, 0);
  options_.verify_all = true;
  open();
  EXPECT_EQ(verified_, 1);
}

}  // namespace
}  // namespace medgen::wiring
