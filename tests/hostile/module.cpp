// Stands in for libmedgen_sentencepiece.so: code that an attacker has brought to run inside medgen,
// while it reads a tokenizer, or with HOSTILE_LATE once the first token is made. Says on standard
// error what it could do, a line for each attempt, and ends the program. Knows nothing of the
// sandbox.
#include "text/sentencepiece/module.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

void say(const char* what, bool done) {
  std::fprintf(stderr, "%s: %s\n", what, done ? "done" : "denied");
}

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool can_open(const std::string& path, int flags) {
  return ::open(path.c_str(), flags | O_CLOEXEC, 0600) >= 0;
}

// In a process of its own where it can have one: it is then let go at once.
bool can_start() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  return child > 0;
}

bool can_trace_parent() {
  if (::ptrace(PTRACE_SEIZE, ::getppid(), nullptr, nullptr) != 0) return false;
  ::kill(::getpid(), SIGKILL);  // lets it go; a test that sees this fails
  return true;
}

bool can_execute() {
  ::syscall(SYS_execve, "/bin/sh", 1, 0);  // EFAULT: only the arguments were wrong
  return errno == EFAULT;
}

bool can_make_code() {
  void* const page =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return ::mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
}

bool can_map_code() {
  const int self = ::open("/lib/x86_64-linux-gnu/libutil.so.1", O_RDONLY | O_CLOEXEC);
  return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, self, 0) != MAP_FAILED;
}

// As large as the model's vocabulary, so that a model can be run with it.
class LateTokenizer : public medgen::Tokenizer {
 public:
  std::vector<medgen::TokenId> encode(std::string_view, medgen::Specials) const override {
    return {5};
  }
  std::string decode(std::span<const medgen::TokenId>) const override { return "x"; }
  std::string token_bytes(medgen::TokenId) const override {
    say("make memory executable", can_make_code());
    say("map a program", can_map_code());
    say("load a library", ::dlopen("libutil.so.1", RTLD_NOW) != nullptr);
    say("write a new file",
        can_open(from_environment("HOSTILE_PLACE") + "/late", O_WRONLY | O_CREAT));
    std::_Exit(0);
  }
  std::string piece(medgen::TokenId) const override { return "x"; }
  int vocab_size() const override { return 256; }
  std::optional<medgen::TokenId> bos_id() const override { return 1; }
  std::optional<medgen::TokenId> eos_id() const override { return 2; }
  std::string_view kind() const override { return "sentencepiece"; }
};

std::unique_ptr<medgen::Tokenizer> make_late(std::string_view, const std::string&,
                                             const medgen::text::SentencePieceExtras&) {
  return std::make_unique<LateTokenizer>();
}

}  // namespace

extern "C" __attribute__((visibility("default")))
const medgen::text::sentencepiece_module::Functions*
medgen_sentencepiece_functions() {
  static const medgen::text::sentencepiece_module::Functions late{make_late, nullptr};
  if (!from_environment("HOSTILE_LATE").empty()) return &late;
  const std::string secret = from_environment("HOSTILE_SECRET");  // a file that exists
  const std::string place = from_environment("HOSTILE_PLACE");    // a folder that exists
  const std::string model = from_environment("HOSTILE_MODEL");    // what medgen was told to read
  say("read the model", can_open(model, O_RDONLY));
  say("read a secret", can_open(secret, O_RDONLY));
  say("list a folder", can_open(place, O_RDONLY | O_DIRECTORY));
  say("write over a file", can_open(secret, O_WRONLY));
  say("write a new file", can_open(place + "/planted", O_WRONLY | O_CREAT));
  say("remove a file", ::unlink((place + "/victim").c_str()) == 0);
  say("link a file", ::symlink("/", (place + "/link").c_str()) == 0);
  say("read a process", can_open("/proc/" + std::to_string(::getppid()) + "/environ", O_RDONLY));
  say("open a TCP socket", ::socket(AF_INET, SOCK_STREAM, 0) >= 0);
  say("open a local socket", ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
  say("start a process", can_start());
  say("execute a program", can_execute());
  say("signal a process", ::kill(::getppid(), 0) == 0);
  say("use io_uring", ::syscall(SYS_io_uring_setup, 1, place.data()) >= 0 || errno != EPERM);
  if (from_environment("HOSTILE_GENTLE").empty()) say("trace a process", can_trace_parent());
  std::exit(0);
}
