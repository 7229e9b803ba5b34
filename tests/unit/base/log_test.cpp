// What may be logged is a closed set: text that a person typed or a model made is not in it. Says
// nothing of where lines go.
#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/instruction_set.h"

namespace medgen::base {
namespace {

using ::testing::ElementsAre;

enum class Nameless { kOne };
enum class NamedByString { kOne };
[[maybe_unused]] std::string to_string(NamedByString) { return "one"; }

template <class T>
concept Logs = requires(T value) {
  LogField{"name", value};
};
template <class T>
concept LogsTemporary = requires {
  LogField{"name", std::declval<T>()};
};

static_assert(Logs<bool> && Logs<int> && Logs<std::int64_t> && Logs<std::uint64_t> &&
              Logs<std::size_t> && Logs<unsigned char> && Logs<float> && Logs<double>);
static_assert(Logs<std::chrono::milliseconds> && Logs<std::chrono::duration<double>>);
static_assert(Logs<InstructionSet>);
static_assert(Logs<LogWords> && Logs<LogPath> && Logs<LogError>);

// Text.
static_assert(!Logs<std::string> && !LogsTemporary<std::string>);
static_assert(!Logs<std::string_view> && !LogsTemporary<std::string_view>);
static_assert(!Logs<const char*> && !Logs<char*> && !LogsTemporary<const char*>);
static_assert(!Logs<char> && !Logs<char8_t> && !Logs<char32_t> && !Logs<wchar_t>);
static_assert(!Logs<std::u8string> && !Logs<std::wstring> && !Logs<std::optional<std::string>>);
static_assert(!Logs<std::vector<std::string>> && !Logs<std::filesystem::path>);
// Tokens.
static_assert(!Logs<std::vector<int>> && !Logs<std::span<const int>> && !Logs<std::array<int, 2>>);
// What could turn into something allowed on the way.
static_assert(!Logs<void*> && !Logs<int*> && !Logs<std::exception> && !Logs<Error>);
static_assert(!Logs<Nameless> && !Logs<NamedByString>);
static_assert(!std::is_constructible_v<LogPath, std::string> &&
              !std::is_constructible_v<LogPath, const char*> &&
              !std::is_constructible_v<LogError, std::string> &&
              !std::is_constructible_v<LogError, std::runtime_error>);
template <class T>
concept IsMessage = requires(T value) {
  log_debug(value);
};
static_assert(IsMessage<LogWords> && !IsMessage<std::string> && !IsMessage<std::string_view> &&
              !IsMessage<const char*>);

// Keeps the names of what it gets.
class Keeper : public LogSink {
 public:
  Keeper() { log_sink.store(this); }
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;
  ~Keeper() override { log_sink.store(nullptr); }

  void write(LogLevel level, LogWords message, std::span<const LogField> fields) override {
    EXPECT_EQ(level, LogLevel::kDebug);
    names.emplace_back(message.text());
    for (const LogField& field : fields) names.emplace_back(field.name.text());
    if (!fields.empty()) value = fields.front().value.any();
  }

  std::vector<std::string> names;
  LogValue::Any value;
};

TEST(LogTest, NothingIsToldUntilThereIsASink) {
  EXPECT_FALSE(logs());
  log_debug("nobody hears it", {{"n", 1}});
  const Keeper keeper;
  EXPECT_TRUE(logs());
  EXPECT_THAT(keeper.names, ElementsAre());
}

TEST(LogTest, TheSinkGetsMessageAndFields) {
  const Keeper keeper;
  log_debug("weights", {{"bytes", std::uint64_t{5}}, {"kept", true}});
  EXPECT_THAT(keeper.names, ElementsAre("weights", "bytes", "kept"));
  EXPECT_EQ(std::get<std::uint64_t>(keeper.value), 5U);
}

TEST(LogTest, ValuesKeepTheirKind) {
  const Keeper keeper;
  const std::filesystem::path path = "a/b";
  const Error error(ErrorCode::kRuntime, "the disk is full");
  log_debug("n", {{"n", -3}});
  EXPECT_EQ(std::get<std::int64_t>(keeper.value), -3);
  log_debug("time", {{"time", std::chrono::milliseconds(250)}});
  EXPECT_EQ(std::get<LogValue::Seconds>(keeper.value).count(), 0.25);
  log_debug("set", {{"is", InstructionSet::kAvx2}});
  EXPECT_EQ(std::get<std::string_view>(keeper.value), "avx2");
  log_debug("why", {{"why", "it was asked for"}});
  EXPECT_EQ(std::get<std::string_view>(keeper.value), "it was asked for");
  log_debug("file", {{"file", LogPath(path)}});
  EXPECT_EQ(std::get<LogPath>(keeper.value).path(), path);
  log_debug("error", {{"why", LogError(error)}});
  EXPECT_EQ(std::get<LogError>(keeper.value).text(), "the disk is full");
}

}  // namespace
}  // namespace medgen::base
