// A whole batch in a test's own process, on a fake model: survey, lock, journal, run.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "batch/output_file.h"
#include "batch/run.h"
#include "temporary_folder.h"
#include "unit/byte_tokenizer.h"
#include "unit/engine/fake_backend.h"

namespace medgen::batch {

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct TestJob {
  std::filesystem::path input, output;
  Shard shard = {};
  int slots = 4;
  bool in_order = true;
  bool restart = false;
  int n = 2;
  std::uint64_t seed = 7;
  std::uint64_t window = 16;
  std::chrono::milliseconds commit_interval{5};
  std::optional<std::uint64_t> max_errors = {};
  std::optional<InputFormat> format = {};
  const std::atomic<bool>* interrupted = nullptr;
  std::function<void(medgen::testing::FakeBackend&)> prepare = {};
  medgen::testing::LogitsOf logits = medgen::testing::hashed_logits(257);
  std::function<void(const RecordWriter&)> watch = {};
  std::function<std::string(const FinishedRow&)> record = {};
  std::function<void()> on_encode = {};  // on the reading thread
};

inline RequestMaker test_maker(const TestJob& job) {
  static const ByteTokenizer tokenizer;
  RequestMaker maker;
  maker.tokenizer = &tokenizer;
  maker.n_positions = 64;
  maker.vocab_size = tokenizer.vocab_size();
  maker.max_slots = job.slots;
  maker.plain.sampling.seed = job.seed;
  maker.plain.sampling.top_k = 0;
  maker.plain.num_return_sequences = job.n;
  maker.plain.stopping.max_new_tokens = 12;
  maker.openai = maker.plain;
  maker.encode = [seen = job.on_encode](const BatchRow& row, const StoppingParams&, int) {
    if (seen) seen();
    return tokenizer.encode(row.prompt, Specials::kAsText);
  };
  return maker;
}

inline std::string test_record(const FinishedRow& finished) {
  Json json;
  json["id"] = finished.row.id;
  if (finished.row.error) {
    json["error"] = Json{{"code", finished.row.error->code}};
  } else {
    json["prompt"] = finished.row.prompt;
  }
  for (const auto& [name, text] : finished.row.extras) json[name] = Json::parse(text);
  for (const Completion& c : finished.completions) {
    json["completions"].push_back(Json{{"text", c.text}, {"logprob", c.logprob}});
  }
  return json.dump() + "\n";
}

inline RunResult run_job(const TestJob& job) {
  const std::atomic<bool> never{false};
  InputOptions input;
  input.names = {job.input.string()};
  input.shard = job.shard;
  input.format = job.format;
  input.columns.fields.all_act = true;  // rows have settings of their own
  const RequestMaker maker = test_maker(job);
  OutputFile file(job.output, job.restart);
  const Survey expected = survey(input, file.found() ? nullptr : &maker, never);
  const Json identity{
      {"input", Json{{"rows", expected.rows}, {"hash", expected.hash}}},
      {"settings", Json{{"seed", job.seed}, {"n", job.n}}},
      {"format", "jsonl"},
      {"order", job.in_order ? "input" : "as finished"},
      {"shard", std::to_string(job.shard.index) + "/" + std::to_string(job.shard.count)}};
  file.require_same(identity);
  if (file.found() && file.found()->committed.done) return {};
  const JournalContent start = file.found().value_or(JournalContent{});
  RecordWriter writer = file.begin(identity, Json(), job.in_order);
  writer.set_commit_interval(job.commit_interval);
  medgen::testing::FakeBackend backend(257, 64, job.slots, job.logits);
  if (job.prepare) job.prepare(backend);
  RunOptions options;
  options.input = input;
  options.expected = expected;
  options.input.duplicate_rows = expected.duplicate_rows;
  options.window = job.window;
  options.max_errors = job.max_errors;
  options.interrupted = job.interrupted;
  options.format = job.record ? job.record : test_record;
  options.progress = [&](const RecordWriter& now, std::uint64_t) {
    if (job.watch) job.watch(now);
  };
  return run(backend, maker, writer, start, options);
}

// Rows of many kinds: ids, extra fields, settings of their own, some of them bad.
inline std::string mixed_rows(int count) {
  std::ostringstream rows;
  for (int i = 0; i < count; ++i) {
    if (i % 11 == 5) {
      rows << "{\"id\":\"r" << i << "\",\"prompt\":7}\n";
    } else if (i % 17 == 3) {
      rows << "no json\n";
    } else {
      rows << "{\"id\":\"r" << i << "\",\"prompt\":\""
           << std::string(static_cast<std::size_t>(1 + i * 7 % 30), static_cast<char>('a' + i % 26))
           << "\",\"lang\":\"en\",\"n\":" << 1 + i % 3 << ",\"max_new_tokens\":" << 1 + i * 5 % 20
           << "}\n";
    }
  }
  return rows.str();
}

// The first row takes 60 steps, those behind it one each.
inline std::string long_and_short_rows(int count) {
  std::ostringstream rows;
  rows << R"({"id":"long","prompt":"a","n":1,"max_new_tokens":60})"
       << "\n";
  for (int i = 1; i < count; ++i) {
    rows << "{\"id\":" << i << R"(,"prompt":"b","n":1,"max_new_tokens":1})"
         << "\n";
  }
  return rows.str();
}

// Of those rows, of which there are more than the window: the first is held up until as many as may
// be ahead of their turn are made. Every row of a window needs a slot of its own.
inline void hold_up_first_row(TestJob& job, std::uint64_t rows) {
  struct Counts {
    std::atomic<std::uint64_t> encoded{0}, made{0};
  };
  const auto counts = std::make_shared<Counts>();
  const auto wait_for = [](const std::atomic<std::uint64_t>& count, std::uint64_t least) {
    for (std::uint64_t now = count; now < least; now = count) count.wait(now);
  };
  job.on_encode = [counts] {
    ++counts->encoded;
    counts->encoded.notify_all();
  };
  job.record = [counts, record = job.record](const FinishedRow& row) {
    ++counts->made;
    counts->made.notify_all();
    return record ? record(row) : test_record(row);
  };
  job.prepare = [counts, wait_for, rows, window = job.window](auto& backend) {
    backend.before_step = [=, &backend] {
      // The survey encodes each row too. A row is passed on when the one behind it has been read.
      wait_for(counts->encoded, rows + window + 1);
      const bool alone = backend.taken() == 1;
      if (alone && backend.n_acquired >= static_cast<int>(window)) {
        wait_for(counts->made, window - 1);
      }
    };
  };
}

}  // namespace medgen::batch
