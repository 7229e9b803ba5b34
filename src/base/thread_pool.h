// Threads that share the pieces of each job in turn, made for jobs of a few microseconds.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace medgen::base {

// How many threads are worth running: the physical cores among those this process may use.
int usable_cores();

// Not thread-safe: one thread submits the jobs, and works on them too.
//
// Each thread starts with its own share, so that it reads the same memory every time; one that
// finishes takes from the others' shares. So a thread suspended by the system delays at most
// its current piece. Waiting threads spin for some tens of microseconds, then sleep.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // >= 1, the caller's own included
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  int size() const { return static_cast<int>(shares_.size()); }

  static constexpr int kMaxPieces = (1 << 20) - 1;

  // Calls piece(i) once for each i in 0 .. count - 1 <= kMaxPieces, on any of the threads, and
  // returns when all are done. `piece` must not throw.
  template <typename Piece>
  void run(int count, const Piece& piece) {
    if (count <= 1 || size() == 1) {
      for (int i = 0; i < count; ++i) piece(i);
      return;
    }
    start(
        count, [](const void* context, int i) { (*static_cast<const Piece*>(context))(i); },
        &piece);
  }

 private:
  void end();
  using Function = void (*)(const void* context, int i);

  // A thread's share: what is left of it, next and end in 20 bits each, under a number that makes
  // shares of different jobs differ.
  struct alignas(64) Share {
    std::atomic<std::uint64_t> word{0};
  };

  void start(int count, Function function, const void* context);
  bool work_on(Share& share);
  void work(std::size_t own);
  void serve(std::size_t own);

  std::vector<Share> shares_;
  std::vector<std::thread> threads_;
  alignas(64) std::atomic<int> left_{0};           // unfinished pieces
  alignas(64) std::atomic<std::uint32_t> job_{0};  // counts jobs; sleepers wait on it
  std::atomic<Function> function_{nullptr};
  std::atomic<const void*> context_{nullptr};
  std::atomic<bool> ends_{false};
};

}  // namespace medgen::base
