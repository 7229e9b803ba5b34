// Hugging Face folders named as models: converted once, found again, converted anew when a file has
// changed.
#include "jobs/converted.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "jobs/clean.h"
#include "jobs/model_files.h"
#include "medgen/model.h"
#include "unit/bundle/support.h"

namespace medgen::jobs {
namespace {

namespace fs = std::filesystem;
using bundle_test::error_of;
using bundle_test::fixture;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ConvertedTest : public ::testing::Test {
 protected:
  ConvertedTest() {
    if (const char* cache = std::getenv("XDG_CACHE_HOME")) cache_before_ = cache;
    use_cache(folder_ / "cache");
    for (const char* part : {"gelu_new_odd_head", "tokenizer"}) {
      fs::copy(fixture(part), checkpoint_,
               fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    }
    watch_conversions({[&](const std::string& text) { notes_.push_back(text); },
                       [&](const std::string&, int, int) { ++steps_; }});
  }
  ~ConvertedTest() override {
    watch_conversions({});
    if (cache_before_)
      use_cache(*cache_before_);
    else
      ::unsetenv("XDG_CACHE_HOME");
  }

  static void use_cache(const fs::path& path) { ::setenv("XDG_CACHE_HOME", path.c_str(), 1); }

  // Whether opening the model converted it.
  bool converts() {
    steps_ = 0;
    model_ = open_model(checkpoint_.string(), std::nullopt);
    return steps_ > 0;
  }

  // Another value in the last tensor, at the same size.
  void change_weights() const {
    std::string bytes = base::read_file(checkpoint_ / "model.safetensors", 1U << 24U);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    base::write_file(checkpoint_ / "model.safetensors", bytes);
  }

  std::set<std::string> models() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(home_)) {
      if (entry.is_directory()) names.insert(entry.path().filename().string());
    }
    return names;
  }

  TemporaryFolder folder_;
  fs::path checkpoint_ = folder_ / "mine";
  fs::path home_ = folder_ / "cache/medgen/models";
  std::optional<std::string> cache_before_;
  std::vector<std::string> notes_;
  int steps_ = 0;
  ModelFiles model_;
};

TEST_F(ConvertedTest, AFolderIsConvertedOnceAndFoundAgain) {
  EXPECT_TRUE(converts());
  ASSERT_FALSE(notes_.empty());
  EXPECT_THAT(notes_.front(), AllOf(HasSubstr("converting"), HasSubstr(home_.string())));
  EXPECT_EQ(model_.name, "mine");
  EXPECT_NE(model_.auto_precision, "");
  const std::string first = model_.sha256;
  notes_.clear();
  EXPECT_FALSE(converts());
  EXPECT_TRUE(notes_.empty());
  EXPECT_EQ(model_.sha256, first);
  fs::remove_all(home_);
  EXPECT_TRUE(converts());
  EXPECT_EQ(model_.sha256, first);  // the same files make the same model
}

TEST_F(ConvertedTest, AChangedFileConvertsAnewAndReplacesWhatWasMadeBefore) {
  EXPECT_TRUE(converts());
  const std::string first = model_.sha256;
  const std::string config = base::read_file(checkpoint_ / "config.json", 1U << 20U);
  base::write_file(checkpoint_ / "config.json", config + "\n");
  EXPECT_TRUE(converts());
  EXPECT_EQ(model_.sha256, first);
  change_weights();
  EXPECT_TRUE(converts());
  EXPECT_NE(model_.sha256, first);
  base::write_file(checkpoint_ / "generation_config.json", R"({"top_k": 7})");
  EXPECT_TRUE(converts());
  EXPECT_EQ(Model::open(checkpoint_).defaults().sampling.top_k, 7);
  fs::remove(checkpoint_ / "generation_config.json");
  EXPECT_TRUE(converts());
  EXPECT_NE(Model::open(checkpoint_).defaults().sampling.top_k, 7);
  EXPECT_EQ(models().size(), 1U);
  EXPECT_FALSE(converts());
}

TEST_F(ConvertedTest, WhatAnotherFolderNeedsIsNotRemoved) {
  const fs::path twin = folder_ / "elsewhere/mine";
  fs::create_directories(twin.parent_path());
  fs::copy(checkpoint_, twin, fs::copy_options::recursive);
  EXPECT_TRUE(converts());
  const std::set<std::string> both = models();
  open_model(twin.string(), std::nullopt);
  EXPECT_EQ(models(), both);
  change_weights();
  EXPECT_TRUE(converts());
  EXPECT_EQ(models().size(), 2U);
  steps_ = 0;
  open_model(twin.string(), std::nullopt);
  EXPECT_EQ(steps_, 0);
}

TEST_F(ConvertedTest, WhatTheModelAsksForInVainIsNamedByTheUsersOwnFile) {
  base::write_file(checkpoint_ / "generation_config.json", R"({"penalty_alpha": 0.6})");
  EXPECT_TRUE(converts());
  EXPECT_THAT(model_.defaults.notes,
              ::testing::ElementsAre(::testing::StartsWith(
                  (checkpoint_ / "generation_config.json").string() + " sets penalty_alpha")));
}

TEST_F(ConvertedTest, ASmallModelRunsInFp32) {
  EXPECT_TRUE(converts());
  EXPECT_LT(model_.config.parameter_count(), 1'000'000);
  EXPECT_EQ(model_.auto_precision, "fp32");
  EXPECT_FALSE(fs::exists(model_.folder / "packed-int8.bin"));
}

TEST_F(ConvertedTest, AChangeThatKeepsSizeAndTimeIsNoticedByAFullCheck) {
  EXPECT_TRUE(converts());
  model_.verify();
  const auto time = fs::last_write_time(checkpoint_ / "model.safetensors");
  change_weights();
  fs::last_write_time(checkpoint_ / "model.safetensors", time);
  EXPECT_FALSE(converts());
  EXPECT_THAT(error_of([&] { model_.verify(); }), HasSubstr("has changed since it was converted"));
}

TEST_F(ConvertedTest, WhatAKilledConversionLeftIsRemovedByTheNext) {
  fs::create_directories(home_);
  fs::permissions(home_, fs::perms::owner_all);
  const fs::path left = home_ / ("." + std::string(64, 'a') + ".new-abcdefghijklmnop");
  fs::create_directories(left / "half");
  EXPECT_TRUE(converts());
  EXPECT_FALSE(fs::exists(left));
}

TEST_F(ConvertedTest, AConversionThatFailsLeavesNothing) {
  base::write_file(checkpoint_ / "tokenizer_config.json", R"({"add_bos_token": 3})");
  EXPECT_THAT(error_of([&] { converts(); }),
              HasSubstr((checkpoint_ / "tokenizer_config.json: add_bos_token").string()));
  EXPECT_TRUE(models().empty());
  fs::remove(checkpoint_ / "tokenizer_config.json");
  watch_conversions({{}, [](const std::string&, int done, int) {
                       if (done == 3) throw Error(ErrorCode::kModel, "enough");
                     }});
  EXPECT_EQ(error_of([&] { converts(); }), "enough");
  EXPECT_TRUE(models().empty());
}

TEST_F(ConvertedTest, ADamagedOneIsMadeAnew) {
  EXPECT_TRUE(converts());
  base::write_file(home_ / *models().begin() / "config.json", "{}");
  EXPECT_TRUE(converts());
  EXPECT_FALSE(converts());
}

TEST_F(ConvertedTest, OneThatOthersMayWriteIsNotUsed) {
  EXPECT_TRUE(converts());
  fs::permissions(home_ / *models().begin(), fs::perms::group_write, fs::perm_options::add);
  EXPECT_TRUE(converts());
  EXPECT_FALSE(converts());
}

TEST_F(ConvertedTest, WithoutACacheTheRemedyIsNamed) {
  base::write_file(folder_ / "file", "");
  use_cache(folder_ / "file");
  EXPECT_THAT(error_of([&] { converts(); }, ErrorCode::kRuntime), HasSubstr("medgen convert"));
}

TEST_F(ConvertedTest, CleanFindsThem) {
  EXPECT_TRUE(converts());
  const auto remains = find_remains(home_);
  ASSERT_EQ(remains.size(), 1U);
  EXPECT_EQ(remains.front().kind, RemainKind::kConvertedModel);
  remove_remain(remains.front());
  EXPECT_TRUE(models().empty());
  EXPECT_TRUE(converts());
}

TEST_F(ConvertedTest, TheLibraryTakesAFolderToo) {
  const Model model = Model::open(checkpoint_);
  Generator generator(model);
  DecodingSettings settings = model.defaults();
  settings.stopping.max_new_tokens = 3;
  settings.num_return_sequences = 1;
  EXPECT_EQ(generator.generate("a", settings).size(), 1U);
}

}  // namespace
}  // namespace medgen::jobs
