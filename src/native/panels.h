// A parameter's matrix as the panels of 16 columns that kernels take, on all threads.
#pragma once

#include <algorithm>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/kernels.h"

namespace medgen::native {

// W [k, n], as its parameter lies in memory.
struct Weights {
  std::vector<float> values;
  bool transposed = false;  // values are [n, k], as an embedding is
  int k = 0;
  int n = 0;
};

// The block belongs to the caller and is ours to write; PackedModel shows it as const.
template <typename T>
T* writable(const T* pointer) {
  return const_cast<T*>(pointer);
}

// Pieces of a job of `count` like parts: enough for the threads to share evenly.
inline int pieces_of(int count, const base::ThreadPool& pool) {
  return std::min(count, pool.size() * 8);
}

// Calls function(piece, begin, end) for each of the pieces_of(count) ranges of 0 .. count - 1, on
// the threads. It must not throw.
template <typename Function>
void for_each_piece(int count, base::ThreadPool& pool, const Function& function) {
  const int pieces = pieces_of(count, pool);
  pool.run(pieces, [&](int piece) {
    function(piece, count * piece / pieces, count * (piece + 1) / pieces);
  });
}

// Columns 16 panel and on as [k][16], with zeros beyond the last.
void load_panel(const Weights& w, int panel, float* out);

// Calls function(panel, values [k][16]) for each panel, on the threads. It must not throw.
template <typename Function>
void for_each_panel(const Weights& w, base::ThreadPool& pool, const Function& function) {
  const int panels = (w.n + kernels::kPanel - 1) / kernels::kPanel;
  const auto size = static_cast<std::size_t>(w.k) * kernels::kPanel;
  std::vector<float> scratch(size * static_cast<std::size_t>(pieces_of(panels, pool)));
  for_each_piece(panels, pool, [&](int piece, int begin, int end) {
    float* values = scratch.data() + size * static_cast<std::size_t>(piece);
    for (int panel = begin; panel < end; ++panel) {
      load_panel(w, panel, values);
      function(panel, values);
    }
  });
}

}  // namespace medgen::native
