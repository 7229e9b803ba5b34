// What the rooms say about their work, for whoever asked to hear it. Without a sink nothing is
// formatted. What a line may hold is a closed set of types, none of which can carry the text of a
// prompt or of an output.
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <string_view>
#include <type_traits>
#include <variant>

#include "medgen/error.h"

namespace medgen::base {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

// Words that stand in the source.
class LogWords {
 public:
  template <std::size_t N>
  consteval LogWords(const char (&words)[N])  // NOLINT(google-explicit-constructor): as a literal
      : words_(words, N - 1) {}
  constexpr std::string_view text() const { return words_; }

 private:
  std::string_view words_;
};

// A path, for as long as the line is written. Not from a string, which would turn into a path.
class LogPath {
 public:
  template <std::same_as<std::filesystem::path> Path>
  explicit LogPath(const Path& path) : path_(&path) {}
  const std::filesystem::path& path() const { return *path_; }

 private:
  const std::filesystem::path* path_;
};

// The message of an error, for as long as the line is written: by its own rule it quotes no text.
class LogError {
 public:
  template <std::derived_from<Error> Thrown>
  explicit LogError(const Thrown& error) : error_(&error) {}
  std::string_view text() const { return error_->what(); }

 private:
  const Error* error_;
};

// Enumerations whose to_string() gives their names.
template <class T>
concept NamedEnumeration = std::is_enum_v<T> && requires(T value) {
  { to_string(value) } -> std::same_as<std::string_view>;
};

template <class T>
concept LogInteger = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> &&
                     !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> &&
                     !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

template <class T>
inline constexpr bool is_duration = false;
template <class Number, class Period>
inline constexpr bool is_duration<std::chrono::duration<Number, Period>> = true;

// The value of a field. Templates, so that nothing turns into one of these on the way, as a pointer
// turns into a bool.
class LogValue {
 public:
  using Seconds = std::chrono::duration<double>;
  using Any = std::variant<bool, std::int64_t, std::uint64_t, double, Seconds, std::string_view,
                           LogPath, LogError>;

  // NOLINTBEGIN(google-explicit-constructor): a field is written {"name", value}
  template <std::same_as<bool> Bool>
  LogValue(Bool value) : value_(value) {}
  template <LogInteger Integer>
  LogValue(Integer value)
      : value_(
            static_cast<std::conditional_t<std::is_signed_v<Integer>, std::int64_t, std::uint64_t>>(
                value)) {}
  template <std::floating_point Real>
  LogValue(Real value) : value_(static_cast<double>(value)) {}
  template <class Number, class Period>
  LogValue(std::chrono::duration<Number, Period> value) : value_(Seconds(value)) {}
  template <NamedEnumeration Enumeration>
  LogValue(Enumeration value) : value_(to_string(value)) {}
  template <std::size_t N>
  consteval LogValue(const char (&words)[N]) : value_(LogWords(words).text()) {}
  template <std::same_as<LogWords> Words>
  LogValue(Words words) : value_(words.text()) {}
  template <std::same_as<LogPath> Path>
  LogValue(Path path) : value_(path) {}
  template <std::same_as<LogError> Thrown>
  LogValue(Thrown error) : value_(error) {}
  // NOLINTEND(google-explicit-constructor)

  const Any& any() const { return value_; }

 private:
  Any value_;
};

struct LogField {
  LogWords name;
  LogValue value;
};

// Where the lines go. Thread-safe.
class LogSink {
 public:
  LogSink() = default;
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;
  virtual ~LogSink() = default;

  virtual void write(LogLevel level, LogWords message, std::span<const LogField> fields) = 0;
};

// Null at first. A module has a copy of its own, which stays null.
inline constinit std::atomic<LogSink*> log_sink{nullptr};

// For what costs something to find out, such as the time.
inline bool logs() { return log_sink.load(std::memory_order_relaxed) != nullptr; }

// What the user is told without asking goes through callbacks; see BackendOptions::note.
inline void log_debug(LogWords message, std::initializer_list<LogField> fields = {}) {
  LogSink* const sink = log_sink.load(std::memory_order_relaxed);
  if (sink != nullptr) sink->write(LogLevel::kDebug, message, {fields.begin(), fields.size()});
}

// The time since it was made.
class Stopwatch {
 public:
  using Clock = std::chrono::steady_clock;
  Clock::duration elapsed() const { return Clock::now() - begin_; }

 private:
  Clock::time_point begin_ = Clock::now();
};

}  // namespace medgen::base
