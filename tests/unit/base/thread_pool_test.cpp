#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <numeric>
#include <vector>

namespace medgen::base {
namespace {

TEST(ThreadPoolTest, CallsEveryPieceOnceWhateverTheNumberOfThreads) {
  for (const int threads : {1, 2, 4, 7}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), threads);
    for (int job = 0; job < 300; ++job) {
      const int count = job % 37;
      std::vector<std::atomic<int>> calls(static_cast<std::size_t>(count));
      pool.run(count, [&](int i) { calls[static_cast<std::size_t>(i)].fetch_add(1); });
      for (const auto& call : calls)
        ASSERT_EQ(call.load(), 1) << threads << " threads, job " << job;
    }
  }
}

TEST(ThreadPoolTest, AJobSeesWhatTheOneBeforeItWrote) {
  ThreadPool pool(3);
  std::vector<long> values(1000, 1);
  std::vector<long> next(1000);
  for (int round = 0; round < 200; ++round) {
    pool.run(1000, [&](int i) {
      next[static_cast<std::size_t>(i)] = values[static_cast<std::size_t>(999 - i)] + 1;
    });
    values.swap(next);
  }
  EXPECT_EQ(std::accumulate(values.begin(), values.end(), 0L), 1000L * 201);
}

TEST(ThreadPoolTest, WhileAThreadIsBusyTheOtherTakesAllTheRest) {
  ThreadPool pool(2);
  std::mutex mutex;
  std::condition_variable changed;
  int others = 0;
  bool all_others = false;
  pool.run(64, [&](int i) {
    std::unique_lock lock(mutex);
    if (i == 0) {
      all_others = changed.wait_for(lock, std::chrono::seconds(60), [&] { return others == 63; });
    } else {
      ++others;
      changed.notify_all();
    }
  });
  EXPECT_TRUE(all_others);
}

TEST(ThreadPoolTest, AtLeastOneCoreIsUsable) { EXPECT_GE(usable_cores(), 1); }

}  // namespace
}  // namespace medgen::base
