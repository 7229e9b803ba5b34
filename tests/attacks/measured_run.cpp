// Running the program under limits, and wait4() for what it used.
// Knows nothing of what the program prints.
#include "attacks/measured_run.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "cli/models.h"
#include "cli/process.h"
#include "needs_torch.h"
#include "places.h"

namespace medgen::attacks {
namespace fs = std::filesystem;
namespace {

constexpr unsigned kSeconds = 20;
constexpr rlim_t kMostMemory = rlim_t{3} << 30U;
constexpr long kMegabytes = 200;

int open_for_writing(const fs::path& file) {
  return ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

}  // namespace

MeasuredResult measured_run(const std::vector<std::string>& arguments,
                            const MeasuredOptions& options) {
  const fs::path out_file = cli_tests::scratch() / "measured-out";
  const fs::path err_file = cli_tests::scratch() / "measured-err";
  const int out = open_for_writing(out_file);
  const int err = open_for_writing(err_file);
  const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);

  std::vector<std::string> words = {MEDGEN_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = cli_tests::child_environment(options.environment);
  const std::vector<char*> argv = cli_tests::pointers(words);
  const std::vector<char*> envp = cli_tests::pointers(variables);
  const std::string folder = options.working_folder.string();

  const pid_t pid = ::fork();
  if (pid == 0) {  // only what is safe after fork
    const rlimit memory{kMostMemory, kMostMemory};
    const rlimit core{0, 0};
    ::setrlimit(RLIMIT_DATA, &memory);
    ::setrlimit(RLIMIT_CORE, &core);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(err, 2);
    if (!folder.empty() && ::chdir(folder.c_str()) != 0) ::_exit(126);
    ::alarm(kSeconds);
    ::execve(MEDGEN_PROGRAM, argv.data(), envp.data());
    ::_exit(127);
  }
  for (const int file : {in, out, err}) ::close(file);
  int status = 0;
  rusage usage{};
  ::wait4(pid, &status, 0, &usage);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          cli_tests::read(out_file), cli_tests::read(err_file), usage.ru_maxrss / 1024};
}

namespace {

// Of the smallest model that there is.
long megabytes_of_libtorch() {
  static const long peak =
      measured_run({"generate", "--model", cli_tests::tiny_model(), "--backend", "torchscript",
                    "--max-new-tokens", "1", "-n", "1", "I feel"})
          .peak_megabytes;
  return peak;
}

bool needs_libtorch(const std::vector<std::string>& arguments) {
  return arguments.front() == "train" ||
         std::any_of(arguments.begin(), arguments.end(), [](const std::string& word) {
           return word == "torchscript" || word == "--trust-code";
         });
}

}  // namespace

bool loads_libtorch(const std::vector<std::string>& arguments) {
  return has_torch_module() && (arguments.front() == "verify" || needs_libtorch(arguments));
}

bool lacks_libtorch(const std::vector<std::string>& arguments) {
  return !has_torch_module() && needs_libtorch(arguments);
}

void expect_little_memory(const MeasuredResult& result, const std::vector<std::string>& arguments,
                          const fs::path& file) {
  const long already = loads_libtorch(arguments) ? megabytes_of_libtorch() : 0;
  const auto megabytes = static_cast<long>(fs::file_size(file) >> 20U);
  EXPECT_LE(result.peak_megabytes, already + 3 * megabytes + kMegabytes)
      << "for a file of " << megabytes << " MB";
}

void expect_bounded(const MeasuredResult& result, const std::vector<std::string>& arguments,
                    const fs::path& file) {
  EXPECT_NE(result.status, 128 + SIGALRM) << "it took more than " << kSeconds << " s";
  EXPECT_TRUE(result.status == 0 || result.status == 3) << "status " << result.status << "\n"
                                                        << result.err.substr(0, 1000);
  expect_little_memory(result, arguments, file);
  const bool explained = result.err.find("medgen: error: ") != std::string::npos;
  EXPECT_EQ(explained, result.status != 0) << result.err.substr(0, 1000);
}

}  // namespace medgen::attacks
