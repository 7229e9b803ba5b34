// The only file that includes spdlog. See the header.
#include "cli/logging.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/file_system.h"
#include "base/new_file.h"
#include "base/write_all.h"
#include "cli/terminal.h"
#include "medgen/version.h"

namespace medgen::cli {
namespace {

using base::LogLevel;
using Json = nlohmann::ordered_json;

constexpr std::string_view kClearLine = "\r\x1b[K";
constexpr const char* kTextPattern = "%v";
constexpr const char* kTimedTextPattern = "%Y-%m-%dT%H:%M:%S.%eZ %v";
// The message and the fields are JSON already.
constexpr const char* kJsonPattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})";

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      break;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// Writes each line with one call to a descriptor.
class DescriptorSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  DescriptorSink(int descriptor, const char* pattern) : descriptor_(descriptor) {
    set_formatter_(
        std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc, "\n"));
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    write({line.data(), line.size()});
  }
  void flush_() override {}

  virtual void write(std::string_view line) = 0;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

// Standard error, perhaps with a line at its end that is written over.
class ErrorSink : public DescriptorSink {
 public:
  explicit ErrorSink(const char* pattern) : DescriptorSink(STDERR_FILENO, pattern) {}

  void write_over(std::string_view text) {
    const std::lock_guard lock(mutex_);
    put(std::string(kClearLine) += text);
    open_ = true;
  }
  void close_line(std::string_view with) {
    const std::lock_guard lock(mutex_);
    if (std::exchange(open_, false)) put(with);
  }

 protected:
  void write(std::string_view line) override {
    if (std::exchange(open_, false)) return put(std::string(kClearLine) += line);
    put(line);
  }

 private:
  void put(std::string_view text) {
    (void)base::write_all(descriptor(), text);  // nobody to tell if this fails
  }

  bool open_ = false;
};

// A log file. The first line that it does not take is the last one that is tried.
class FileSink : public DescriptorSink {
 public:
  FileSink(int descriptor, const char* pattern) : DescriptorSink(descriptor, pattern) {}
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;
  ~FileSink() override { ::close(descriptor()); }

  // Called once, with what went wrong.
  void on_failure(std::function<void(int error)> tell) { tell_ = std::move(tell); }

 protected:
  void write(std::string_view line) override {
    if (error_ != 0) return;
    error_ = base::write_all(descriptor(), line);
    if (error_ != 0) tell_(error_);
  }

 private:
  int error_ = 0;
  std::function<void(int error)> tell_;
};

[[noreturn]] void refuse_log_file(const std::filesystem::path& file, const std::string& reason,
                                  ErrorCode code = ErrorCode::kRuntime) {
  throw Error(code, fmt::format("the log file {} cannot be written: {}; name another file, or "
                                "leave --log-file out",
                                file.string(), reason));
}

// Only regular files: a link could lead to anything, and a pipe without a reader would wait.
int open_log_file(const std::filesystem::path& file) {
  base::require_own_output(file);
  const int descriptor = base::file_system().open(
      file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
  if (descriptor < 0 && errno == ELOOP) {
    refuse_log_file(file, "it is a symbolic link", ErrorCode::kUsage);
  }
  if (descriptor < 0) refuse_log_file(file, std::strerror(errno));
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    refuse_log_file(file, "it is not a regular file", ErrorCode::kUsage);
  }
  return descriptor;
}

std::string_view prefix_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "medgen: debug: ";
    case LogLevel::kInfo:
      break;
    case LogLevel::kWarning:
      return "medgen: warning: ";
    case LogLevel::kError:
      return "medgen: error: ";
  }
  return "medgen: ";
}

struct AsText {
  std::string operator()(base::LogValue::Seconds seconds) const {
    return fmt::format("{:.4f} s", seconds.count());
  }
  std::string operator()(base::LogPath path) const { return path.path().string(); }
  std::string operator()(base::LogError error) const { return std::string(error.text()); }
  std::string operator()(double number) const { return fmt::format("{:.6g}", number); }
  template <class Plain>
  std::string operator()(Plain plain) const {
    return fmt::format("{}", plain);
  }
};

struct AsJson {
  Json operator()(base::LogValue::Seconds seconds) const { return seconds.count(); }
  Json operator()(base::LogPath path) const { return path.path().string(); }
  Json operator()(base::LogError error) const { return std::string(error.text()); }
  template <class Plain>
  Json operator()(Plain plain) const {
    return plain;
  }
};

// ASCII alone, so that it is safe on a terminal too.
std::string json_members(std::string_view message, const Json& fields) {
  const auto dump = [](const Json& json) {
    return json.dump(-1, ' ', true, Json::error_handler_t::replace);
  };
  return fmt::format(R"("message":{},"fields":{})", dump(message), dump(fields));
}

std::shared_ptr<spdlog::logger> make_logger(spdlog::sink_ptr sink) {
  auto logger = std::make_shared<spdlog::logger>("medgen", std::move(sink));
  logger->set_level(spdlog::level::debug);
  // spdlog would print what goes wrong within a sink.
  logger->set_error_handler([](const std::string&) {});
  return logger;
}

class Log : public base::LogSink {
 public:
  Log() { use(LogOptions()); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log() override { base::log_sink.store(nullptr); }

  void use(const LogOptions& options) {
    const bool same_file =
        file_ != nullptr && options.file == options_.file && options.json == options_.json;
    if (!same_file) file_ = nullptr;
    options_ = options;
    error_sink_ = std::make_shared<ErrorSink>(options.json ? kJsonPattern : kTextPattern);
    error_ = make_logger(error_sink_);
    if (!options.debug) error_->set_level(spdlog::level::info);
    if (options.file && !same_file) open_file(*options.file);
    base::log_sink.store(options.debug || file_ != nullptr ? this : nullptr);
  }

  // What the rooms say.
  void write(LogLevel level, base::LogWords message,
             std::span<const base::LogField> fields) override {
    if (options_.json) {
      Json json = Json::object();
      for (const base::LogField& field : fields) {
        const bool seconds = std::holds_alternative<base::LogValue::Seconds>(field.value.any());
        json[std::string(field.name.text()) + (seconds ? "_s" : "")] =
            std::visit(AsJson(), field.value.any());
      }
      return pass_on(level, json_members(message.text(), json), Shown::kEverywhere);
    }
    std::string text(prefix_of(level));
    text += message.text();
    const char* between = ": ";
    for (const base::LogField& field : fields) {
      text += fmt::format("{}{} {}", std::exchange(between, ", "), field.name.text(),
                          std::visit(AsText(), field.value.any()));
    }
    pass_on(level, visible(text), Shown::kEverywhere);
  }

  void line(LogLevel level, std::string_view text, LinePrefix prefix, Shown shown) {
    pass_on(level, written(level, text, prefix), shown);
  }

  const LogOptions& options() const { return options_; }
  bool has_file() const { return file_ != nullptr; }
  ErrorSink& error_sink() { return *error_sink_; }

 private:
  void open_file(const std::filesystem::path& file) {
    auto sink = std::make_shared<FileSink>(open_log_file(file),
                                           options_.json ? kJsonPattern : kTimedTextPattern);
    int failed = 0;
    sink->on_failure([&](int error) { failed = error; });
    file_ = make_logger(sink);
    line(LogLevel::kDebug, fmt::format("version {}, process {}", version(), ::getpid()),
         LinePrefix::kProgram, Shown::kInFileOnly);
    if (failed != 0) {
      file_ = nullptr;
      refuse_log_file(file, std::strerror(failed));
    }
    sink->on_failure([this, file](int error) {
      error_->warn(spdlog::string_view_t(
          written(LogLevel::kWarning,
                  fmt::format("the log file {} ends here: {}", file.string(), std::strerror(error)),
                  LinePrefix::kProgram)));
    });
  }

  std::string written(LogLevel level, std::string_view text, LinePrefix prefix) const {
    if (options_.json) return json_members(text, Json::object());
    return std::string(prefix == LinePrefix::kNone ? "" : prefix_of(level)) += visible(text);
  }

  void pass_on(LogLevel level, const std::string& line, Shown shown) {
    const spdlog::string_view_t text(line);
    if (shown == Shown::kEverywhere) error_->log(to_spdlog(level), text);
    if (file_ != nullptr) file_->log(to_spdlog(level), text);
  }

  LogOptions options_;
  std::shared_ptr<ErrorSink> error_sink_;
  std::shared_ptr<spdlog::logger> error_, file_;
};

Log& the_log() {
  static Log log;
  return log;
}

}  // namespace

void start_log(const LogOptions& options) { the_log().use(options); }

void log_line(LogLevel level, std::string_view text, LinePrefix prefix, Shown shown) {
  the_log().line(level, text, prefix, shown);
}

bool has_log_file() { return the_log().has_file(); }

bool can_write_over() { return is_terminal(STDERR_FILENO) && !the_log().options().json; }

// A line that is wrapped could not be written over.
void write_over(std::string_view text) {
  const int columns = terminal_columns(STDERR_FILENO) - 1;
  the_log().error_sink().write_over(fitted(visible(text), columns));
}

void clear_written_over() { the_log().error_sink().close_line(kClearLine); }

void keep_written_over() { the_log().error_sink().close_line("\n"); }

}  // namespace medgen::cli
