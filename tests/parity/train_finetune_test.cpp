// Training further from a bundle, and from token shards.
#include <nlohmann/json.hpp>

#include "corpus/shards.h"
#include "parity/train_support.h"

namespace medgen {
namespace {

using ::testing::HasSubstr;

std::string other_style() {
  std::string text;
  for (int i = 0; i < 12; ++i) {
    text += "{\"text\": \"PATIENT " + std::to_string(i) + ": BP 120/80, PULSE " +
            std::to_string(60 + i) + ", NO COMPLAINTS.\"}\n";
  }
  return text;
}

class TrainFurtherTest : public TrainTest {
 protected:
  // A base model that knows the page; then options for training it further on another style.
  void make_base() {
    set_steps(60);
    run();
    base_ = options_.output;
    options_.from = base_;
    options_.tokenizer.clear();
    options_.data = {folder_.write("other.jsonl", other_style())};
    options_.valid = options_.data.front();
    start_anew("further");
  }
  // A run that leaves the parameters it begins with.
  void one_step_in_place() {
    options_.learning_rate = 1e-12;
    options_.muon_learning_rate = 1e-12;
    set_steps(1);
  }
  // A model of the base's shape whose tokenizer lacks a merge of `tokenizer`.
  std::filesystem::path make_other_tokens(const std::filesystem::path& tokenizer) {
    const train::TrainOptions before = options_;
    options_.from.clear();
    options_.tokenizer = without_last_merge(tokenizer);
    options_.config = base_ / "config.json";
    set_steps(1);
    start_anew("other");
    run();
    const std::filesystem::path other = options_.output;
    options_ = before;
    return other;
  }
  std::filesystem::path base_;
};

TEST_F(TrainFurtherTest, ChangesTheLossOnAStyle) {
  make_base();
  one_step_in_place();
  const double before = run().validation.loss;
  options_.learning_rate = 0.002;
  options_.muon_learning_rate = 0.02;
  set_steps(40);
  start_anew("learnt");
  const double after = run().validation.loss;
  EXPECT_LT(after, before - 1);
}

TEST_F(TrainFurtherTest, BringsTokenizerConfigurationAndTemplatesAlong) {
  make_base();
  // A bundle with templates and settings of its own, of which the manifest knows.
  const std::string forms = R"({"format_version": 1, "tasks": {"symptoms": {"prefix": "Patient: ",
      "suffix": ".", "stop": [], "notice": "Written by a machine."}}})";
  options_.templates = folder_.write("forms.json", forms);
  set_steps(1);
  run();
  options_.from = options_.output;
  options_.templates.clear();
  start_anew("second");
  run();
  const Bundle bundle = Bundle::open(options_.output);
  EXPECT_EQ(bundle.tokenizer().vocab_size(), Bundle::open(base_).tokenizer().vocab_size());
  EXPECT_TRUE(bundle.prompt_prefix().has_value());
  EXPECT_EQ(base::read_file(options_.output / "templates.json", 1000), forms);
  EXPECT_EQ(base::read_file(options_.output / "config.json", 10000),
            base::read_file(base_ / "config.json", 10000));
  EXPECT_THAT(bundle.model_card(), HasSubstr("Trained further from"));
  const auto record =
      nlohmann::json::parse(base::read_file(options_.output / "training.json", 1 << 20));
  EXPECT_EQ(record.at("settings").at("from"), Bundle::open(options_.from).sha256());
}

TEST_F(TrainFurtherTest, FreezingKeepsTensorsToTheBit) {
  make_base();
  options_.freeze = {"embeddings", "0"};
  set_steps(5);
  run();
  const auto before = parameters_of(base_);
  const auto after = parameters_of(options_.output);
  int kept = 0;
  int changed = 0;
  for (const auto& [name, values] : before) {
    const bool frozen = name.starts_with("transformer.wte") ||
                        name.starts_with("transformer.wpe") || name.starts_with("transformer.h.0.");
    EXPECT_EQ(after.at(name) == values, frozen) << name;
    ++(frozen ? kept : changed);
  }
  EXPECT_EQ(kept, 14);
  EXPECT_EQ(changed, 14);
}

TEST_F(TrainFurtherTest, RefusesWhatCannotBeGivenWithABundle) {
  make_base();
  const train::TrainOptions saved = options_;
  options_.tokenizer = saved.from;
  EXPECT_THAT(refusal(), HasSubstr("`from` comes with its tokenizer"));
  options_ = saved;
  options_.config = saved.from / "config.json";
  EXPECT_THAT(refusal(), HasSubstr("`config` cannot be given with it"));
  options_ = saved;
  options_.from = folder_ / "nowhere";
  EXPECT_THAT(refusal(), HasSubstr("nowhere"));
}

TEST_F(TrainFurtherTest, BeginsWithTheMeanOfSeveralModels) {
  make_base();
  set_steps(5);
  run();
  const std::filesystem::path second = options_.output;
  options_.average_with = {second, second};
  one_step_in_place();
  start_anew("mean");
  run();
  const auto a = parameters_of(base_);
  const auto b = parameters_of(second);
  double apart = 0;
  for (const auto& [name, values] : parameters_of(options_.output)) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double mean = (a.at(name)[i] + 2.0 * b.at(name)[i]) / 3;
      ASSERT_NEAR(values[i], mean, 1e-6) << name;
      apart = std::max(apart, std::abs(mean - a.at(name)[i]));
    }
  }
  EXPECT_GT(apart, 1e-3);  // the models differ, so a copy of one would be detected
  const auto record =
      nlohmann::json::parse(base::read_file(options_.output / "training.json", 1 << 20));
  const std::string sum = Bundle::open(second).sha256();
  EXPECT_EQ(record.at("settings").at("average_with"), (nlohmann::json{sum, sum}));
  EXPECT_THAT(Bundle::open(options_.output).model_card(),
              HasSubstr(" averaged with \"medgen-model\" (model.pt " + sum));
}

TEST_F(TrainFurtherTest, RefusesAMeanOfWhatDoesNotBelongTogether) {
  const std::filesystem::path tokenizer = options_.tokenizer;
  make_base();
  const train::TrainOptions further = options_;
  options_.from.clear();
  options_.average_with = {base_};
  EXPECT_THAT(refusal(), HasSubstr("`average_with` needs `from`"));

  options_.average_with.clear();
  options_.tokenizer = tokenizer;
  options_.n_layer = 1;
  set_steps(1);
  start_anew("flat");
  run();
  const std::filesystem::path flat = options_.output;

  options_ = further;
  const std::filesystem::path other = make_other_tokens(tokenizer);
  options_.average_with = {flat};
  EXPECT_THAT(refusal(), HasSubstr("flat-out, whose config.json is not that of"));
  options_.average_with = {other};
  EXPECT_THAT(refusal(), HasSubstr("other-out, whose tokenizer is not that of"));
}

TEST_F(TrainFurtherTest, StretchesPositionEmbeddingsOverALongerContext) {
  make_base();
  const int context = Bundle::open(base_).config().n_positions;
  options_.n_positions = 2 * context - 1;  // each old position and the middle of each two
  one_step_in_place();
  start_anew("longer");
  run();
  EXPECT_EQ(Bundle::open(options_.output).config().n_positions, options_.n_positions);
  const auto before = parameters_of(base_);
  for (const auto& [name, values] : parameters_of(options_.output)) {
    const std::vector<float>& old = before.at(name);
    if (name.find("wpe") == std::string::npos) {
      ASSERT_EQ(values.size(), old.size()) << name;
      for (std::size_t i = 0; i < values.size(); ++i) ASSERT_NEAR(values[i], old[i], 1e-6) << name;
      continue;
    }
    const std::size_t width = old.size() / context;
    double apart = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t position = i / width;
      const std::size_t left = position / 2 * width + i % width;
      const std::size_t right = (position + 1) / 2 * width + i % width;
      ASSERT_NEAR(values[i], (old[left] + old[right]) / 2, 1e-6) << position;
      apart = std::max(apart, std::abs(static_cast<double>(old[left]) - old[right]));
    }
    EXPECT_GT(apart, 1e-3);  // neighbours differ, so a copy of either would be detected
  }
}

TEST_F(TrainFurtherTest, RefusesAShorterContext) {
  make_base();
  const int context = Bundle::open(base_).config().n_positions;
  options_.n_positions = context - 1;
  EXPECT_THAT(refusal(), HasSubstr("n-positions is " + std::to_string(context - 1) +
                                   "; the context of `from` is " + std::to_string(context)));
}

TEST_F(TrainFurtherTest, LearnsFromATeacherAndRecordsIt) {
  make_base();
  options_.distil_from = {base_};
  options_.distil_weight = 0.9;
  set_steps(3);
  start_anew("taught");
  run();
  const auto record =
      nlohmann::json::parse(base::read_file(options_.output / "training.json", 1 << 20));
  EXPECT_EQ(record.at("settings").at("distil_from"), nlohmann::json{Bundle::open(base_).sha256()});
  EXPECT_EQ(record.at("settings").at("distil_weight"), 0.9);
  const auto taught = parameters_of(options_.output);

  options_.distil_weight = 0.1;  // companion: what is learnt depends on it
  start_anew("less");
  run();
  EXPECT_NE(parameters_of(options_.output), taught);
}

TEST_F(TrainFurtherTest, RefusesATeacherOfOtherTokensOrAShorterContext) {
  const std::filesystem::path tokenizer = options_.tokenizer;
  make_base();
  const train::TrainOptions further = options_;
  options_.distil_from = {make_other_tokens(tokenizer)};
  EXPECT_THAT(refusal(), HasSubstr("other-out, whose tokenizer is not that of the model"));
  options_.distil_from = {base_};
  options_.distil_weight = 1.5;
  EXPECT_THAT(refusal(), HasSubstr("distil-weight is 1.5; it must lie in (0, 1]"));

  options_ = further;
  options_.from.clear();
  options_.tokenizer = tokenizer;
  options_.distil_from = {base_};
  options_.n_positions = 2 * Bundle::open(base_).config().n_positions;
  EXPECT_THAT(refusal(), HasSubstr("whose context is "));
}

// A shard folder as `medgen prepare` leaves it, of one source.
std::filesystem::path make_shards(const std::filesystem::path& folder,
                                  const std::filesystem::path& tokenizer_files) {
  std::filesystem::create_directories(folder);
  std::filesystem::copy(tokenizer_files, folder / "tokenizer");
  const auto tokenizer = load_tokenizer(folder / "tokenizer");
  const corpus::ShardTokenizer about{corpus::tokenizer_fingerprint(folder / "tokenizer"),
                                     std::string(tokenizer->kind()), tokenizer->vocab_size(),
                                     *tokenizer->eos_id()};
  const auto write = [&](const char* name, int first, int last) {
    corpus::ShardWriter writer(folder / name, about);
    for (int i = first; i < last; ++i) {
      const std::string text = "A page about fever, number " + std::to_string(i) + ".";
      writer.add(tokenizer->encode(text), text.size());
    }
    const corpus::ShardFile file = writer.finish();
    return nlohmann::json{{"file", file.name},
                          {"documents", file.documents},
                          {"tokens", file.tokens},
                          {"bytes", file.bytes},
                          {"sha256", file.sha256}};
  };
  const nlohmann::json source = {{"source", "pages"},
                                 {"group", "pages"},
                                 {"weight", 2.0},
                                 {"train", write("000-train.tokens", 0, 20)},
                                 {"valid", write("000-valid.tokens", 20, 25)}};
  base::write_file(folder / "prepare.json", nlohmann::json{{"format_version", 1},
                                                           {"tokenizer",
                                                            {{"sha256", about.sha256},
                                                             {"kind", about.kind},
                                                             {"vocab_size", about.vocab_size},
                                                             {"eos_id", about.eos_id}}},
                                                           {"sources", {source}}}
                                                .dump());
  return folder;
}

class TrainShardsTest : public TrainTest {};

TEST_F(TrainShardsTest, NeedNothingBesidesTheFolder) {
  options_.data = {make_shards(folder_ / "shards", options_.tokenizer)};
  options_.tokenizer.clear();
  options_.valid.clear();
  const Recorder recorder = run();
  EXPECT_LT(recorder.losses.back(), recorder.losses.front() - 1);
  EXPECT_TRUE(recorder.validation.whole);  // of the folder's own held-out part
  EXPECT_GT(Bundle::open(options_.output).tokenizer().vocab_size(), 0);
}

TEST_F(TrainShardsTest, GiveTheRunOfTheirText) {
  options_.data = {make_shards(folder_ / "shards", options_.tokenizer)};
  const Recorder shards = run();
  std::string lines;
  for (int i = 0; i < 20; ++i) {
    lines += "{\"text\": \"A page about fever, number " + std::to_string(i) + ".\"}\n";
  }
  options_.data = {folder_.write("pages.jsonl", lines)};
  start_anew("text");
  EXPECT_NE(run().losses, shards.losses);  // the folder says that its pages count twice
  options_.weights = {{"pages", 2}};
  start_anew("weighted");
  EXPECT_EQ(run().losses, shards.losses);
}

TEST_F(TrainShardsTest, OfAnotherTokenizerAreRefused) {
  options_.data = {make_shards(folder_ / "shards", options_.tokenizer)};
  options_.tokenizer = without_last_merge(options_.tokenizer);
  EXPECT_THAT(refusal(), HasSubstr("is not the one that"));
}

}  // namespace
}  // namespace medgen
