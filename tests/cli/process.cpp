// Running the program under test.
// Knows nothing of what the program prints.
#include "cli/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <fstream>
#include <iterator>
#include <sstream>

#include "places.h"

extern char** environ;

namespace medgen::cli_tests {
namespace {

using Clock = std::chrono::steady_clock;

void make_pipe(int ends[2]) { ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0); }

}  // namespace

const std::filesystem::path& home() {
  struct Home {
    std::filesystem::path path =
        ::testing::TempDir() + "medgen-test-home-" + std::to_string(::getpid());
    Home() { std::filesystem::create_directories(path); }
    Home(const Home&) = delete;
    Home& operator=(const Home&) = delete;
    ~Home() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
  };
  static const Home made;
  return made.path;
}

std::vector<std::string> child_environment(std::map<std::string, std::string> variables) {
  variables.emplace("TERM", "xterm-256color");
  variables.emplace("XDG_CACHE_HOME", home() / "cache");
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string variable(*entry);
    const std::string name = variable.substr(0, variable.find('='));
    const bool ours = name.starts_with("MEDGEN_") && name != "MEDGEN_SANDBOX";
    if (ours || name == "NO_COLOR" || name == "SOURCE_DATE_EPOCH") continue;
    variables.emplace(name, variable.substr(std::min(variable.size(), name.size() + 1)));
  }
  std::vector<std::string> entries;
  for (const auto& [name, value] : variables) entries.push_back(name + "=" + value);
  return entries;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& string : strings) result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

Process::Process(const std::vector<std::string>& arguments, const RunOptions& options)
    : input_(options.input), input_stays_open_(options.input_stays_open) {
  int in[2] = {-1, -1};
  int out[2] = {-1, -1};
  int err[2] = {-1, -1};
  make_pipe(err);
  if (options.terminal) {
    int controller = -1;
    int terminal = -1;
    winsize size{24, 80, 0, 0};
    EXPECT_EQ(::openpty(&controller, &terminal, nullptr, nullptr, &size), 0);
    ::fcntl(controller, F_SETFD, FD_CLOEXEC);
    in[0] = out[1] = terminal;
    out[0] = controller;
  } else {
    make_pipe(in);
    make_pipe(out);
  }
  if (!options.input_path.empty()) in[0] = ::open(options.input_path.c_str(), O_RDONLY | O_CLOEXEC);
  const int out_file = options.output_path.empty() ? out[1]
                                                   : ::open(options.output_path.c_str(),
                                                            O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

  std::vector<std::string> words = {options.program.empty() ? MEDGEN_PROGRAM : options.program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = child_environment(options.environment);
  const std::vector<char*> argv = pointers(words);
  const std::vector<char*> envp = pointers(variables);

  pid_ = ::fork();
  if (pid_ == 0) {  // only what is safe after fork
    ::setsid();
    if (options.terminal) ::ioctl(in[0], TIOCSCTTY, 0);
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGPIPE, SIG_DFL);
    ::dup2(in[0], 0);
    ::dup2(out_file, 1);
    ::dup2(err[1], 2);
    if (options.terminal) ::close(in[0]);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  ::close(in[0]);
  if (!options.terminal) ::close(out[1]);
  if (out_file != out[1]) ::close(out_file);
  ::close(err[1]);
  in_ = in[1];
  out_ = out[0];
  err_ = err[0];
  if (in_ >= 0 && input_.empty() && !input_stays_open_) {
    ::close(in_);
    in_ = -1;
  }
}

Process::~Process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (const int descriptor : {in_, out_, err_}) {
    if (descriptor >= 0) ::close(descriptor);
  }
}

bool Process::gather(int timeout_ms) {
  const bool feeding = in_ >= 0 && !input_.empty();
  pollfd files[3] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}, {feeding ? in_ : -1, POLLOUT, 0}};
  if (out_ < 0 && err_ < 0) return false;
  if (::poll(files, 3, timeout_ms) <= 0) return true;
  const auto read_some = [](const pollfd& file, int& descriptor, std::string& text) {
    if (file.revents == 0) return;
    char buffer[65536];
    const ssize_t n = ::read(descriptor, buffer, sizeof buffer);
    if (n > 0) {
      text.append(buffer, static_cast<std::size_t>(n));
    } else {  // a terminal that no process holds open reads as EIO
      ::close(descriptor);
      descriptor = -1;
    }
  };
  read_some(files[0], out_, result_.out);
  read_some(files[1], err_, result_.err);
  if (files[2].revents != 0) {
    const ssize_t n = ::write(in_, input_.data(), std::min<std::size_t>(input_.size(), 4096));
    if (n > 0) input_.erase(0, static_cast<std::size_t>(n));
    if (n < 0 || (input_.empty() && !input_stays_open_)) {
      ::close(in_);
      in_ = -1;
    }
  }
  return true;
}

bool Process::wait_until(const std::function<bool()>& seen) {
  const auto end = Clock::now() + std::chrono::seconds(60);
  while (!seen()) {
    if (Clock::now() > end || !gather(10)) return false;
  }
  return true;
}

bool Process::wait_for_output(const std::string& text) {
  return wait_until([&] { return result_.out.find(text) != std::string::npos; });
}

bool Process::wait_for_error(const std::string& text) {
  return wait_until([&] { return result_.err.find(text) != std::string::npos; });
}

bool Process::wait_for_file(const std::filesystem::path& file, std::uintmax_t bytes) {
  return wait_until([&] {
    std::error_code missing;
    const std::uintmax_t size = std::filesystem::file_size(file, missing);
    return !missing && size >= bytes;
  });
}

bool Process::wait_for_work(int ms) {
  clockid_t clock{};
  if (::clock_getcpuclockid(pid_, &clock) != 0) return false;
  const auto computed_ms = [&]() -> std::int64_t {
    timespec time{};
    return ::clock_gettime(clock, &time) == 0 ? time.tv_sec * 1000 + time.tv_nsec / 1000000 : -1;
  };
  const std::int64_t before = computed_ms();
  return wait_until([&] { return computed_ms() >= before + ms; });
}

void Process::type(const std::string& keys) {
  EXPECT_EQ(::write(out_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
}

void Process::signal(int number) { ::kill(pid_, number); }

void Process::close_output() {
  ::close(out_);
  out_ = -1;
}

std::string Process::maps() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/maps");
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Process::memory() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/mem", std::ios::binary);
  std::istringstream lines(maps());
  std::string memory;
  for (std::string line; file && std::getline(lines, line);) {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    char dash = 0;
    std::string rights, offset, device, inode;
    std::istringstream(line) >> std::hex >> begin >> dash >> end >> rights >> offset >> device >>
        inode;
    constexpr std::uint64_t kLargest = std::uint64_t{1} << 28U;  // of weights and their like
    if (!rights.starts_with("rw-p") || inode != "0" || end - begin > kLargest) continue;
    const std::size_t before = memory.size();
    memory.resize(before + (end - begin));
    file.seekg(static_cast<std::streamoff>(begin));
    file.read(memory.data() + before, static_cast<std::streamsize>(end - begin));
    memory.resize(before + static_cast<std::size_t>(file.gcount()));
    file.clear();
  }
  return memory;
}

std::string Process::command_line() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/cmdline");
  return {std::istreambuf_iterator<char>(file), {}};
}

RunResult Process::wait() {
  const auto end = Clock::now() + std::chrono::seconds(120);
  while (gather(100)) {
    if (Clock::now() > end) {
      ADD_FAILURE() << "the program still runs after 120 s";
      ::kill(pid_, SIGKILL);
      break;
    }
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  result_.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result_;
}

RunResult run(const std::vector<std::string>& arguments, const RunOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);  // the program may not read its input
  return Process(arguments, options).wait();
}

}  // namespace medgen::cli_tests
