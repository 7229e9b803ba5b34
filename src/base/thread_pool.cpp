// See the header. A piece is claimed by one compare-and-swap on a share's word. Since the word
// holds the whole range, a late thread sees an empty range or the next job's, never a
// mix of the two.
#include "base/thread_pool.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <system_error>

#include "medgen/error.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace medgen::base {
namespace {

// About 30 microseconds: longer than the gaps inside a step, shorter than a time slice.
constexpr int kSpins = 1000;
constexpr std::uint64_t kField = (1U << 20) - 1;

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

int usable_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }
  // Siblings of one physical core name the same list of threads.
  std::set<std::string> cores;
  int unnamed = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    const std::string siblings =
        fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu);
    std::ifstream file(siblings);
    std::string list;
    if (std::getline(file, list)) {
      cores.insert(list);
    } else {
      ++unnamed;
    }
  }
  return std::max(1, static_cast<int>(cores.size()) + unnamed);
}

ThreadPool::ThreadPool(int threads) : shares_(static_cast<std::size_t>(std::max(threads, 1))) {
  try {
    for (std::size_t i = 1; i < shares_.size(); ++i) {
      threads_.emplace_back([this, i] { serve(i); });
    }
  } catch (const std::system_error& error) {
    end();
    throw Error(ErrorCode::kRuntime,
                fmt::format("thread {} of {} cannot be started: {}; ask for fewer threads",
                            threads_.size() + 2, shares_.size(), error.code().message()));
  }
}

ThreadPool::~ThreadPool() { end(); }

void ThreadPool::end() {
  ends_.store(true);
  job_.fetch_add(1);
  job_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::start(int count, Function function, const void* context) {
  function_.store(function, std::memory_order_relaxed);
  context_.store(context, std::memory_order_relaxed);
  left_.store(count, std::memory_order_relaxed);
  const std::uint64_t number = job_.load(std::memory_order_relaxed) + 1;
  const auto all = static_cast<std::uint64_t>(count);
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    const std::uint64_t next = all * i / shares_.size();
    const std::uint64_t end = all * (i + 1) / shares_.size();
    shares_[i].word.store(number << 40 | next << 20 | end, std::memory_order_release);
  }
  job_.fetch_add(1, std::memory_order_release);
  job_.notify_all();
  work(0);
  for (int spin = 0; spin < kSpins; ++spin) {
    if (left_.load(std::memory_order_acquire) == 0) return;
    pause();
  }
  for (int left = left_.load(std::memory_order_acquire); left != 0;
       left = left_.load(std::memory_order_acquire)) {
    left_.wait(left, std::memory_order_acquire);
  }
}

// Takes one piece of the share and runs it. False if there is none.
bool ThreadPool::work_on(Share& share) {
  std::uint64_t word = share.word.load(std::memory_order_acquire);
  do {
    if ((word >> 20 & kField) >= (word & kField)) return false;
  } while (!share.word.compare_exchange_weak(word, word + (1U << 20), std::memory_order_acq_rel,
                                             std::memory_order_acquire));
  // Until this piece is done, the job cannot end and these cannot change.
  const Function function = function_.load(std::memory_order_relaxed);
  function(context_.load(std::memory_order_relaxed), static_cast<int>(word >> 20 & kField));
  if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) left_.notify_one();
  return true;
}

void ThreadPool::work(std::size_t own) {
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    Share& share = shares_[(own + i) % shares_.size()];
    while (work_on(share)) {
    }
  }
}

void ThreadPool::serve(std::size_t own) {
  std::uint32_t seen = 0;
  while (!ends_.load(std::memory_order_acquire)) {
    work(own);
    std::uint32_t now = job_.load(std::memory_order_acquire);
    for (int spin = 0; spin < kSpins && now == seen; ++spin) {
      pause();
      now = job_.load(std::memory_order_acquire);
    }
    if (now == seen) {
      job_.wait(seen, std::memory_order_acquire);
      now = job_.load(std::memory_order_acquire);
    }
    seen = now;
  }
}

}  // namespace medgen::base
