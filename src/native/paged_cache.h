// Keys and values of all sequences, in pages of 16 positions that sequences may share. A page holds
// all layers and heads; it is copied when a sequence writes into one that another also uses. Must
// not know of tokens or weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/kernels.h"
#include "medgen/model_config.h"

namespace medgen::native {

class PagedCache {
 public:
  // `max_bytes` bounds the pages' memory, which is taken as pages are needed.
  PagedCache(const ModelConfig& config, kernels::CacheType type, int slots,
             std::uint64_t max_bytes);

  static std::uint64_t page_bytes(const ModelConfig& config, kernels::CacheType type);

  int acquire();  // a slot, or -1
  void release(int slot);
  void share(int from, int to, int n_tokens);
  void truncate(int slot, int n_tokens);
  int length(int slot) const { return slots_[static_cast<std::size_t>(slot)].length; }
  bool is_taken(int slot) const;

  // Makes positions length(slot) .. length(slot) + count - 1 writable and includes them. Throws
  // Error(kRuntime) if the memory is used up; then no visible state has changed.
  void extend(int slot, int count);

  kernels::CacheType type() const { return type_; }
  // The pages of a slot in order, for kernels::Attention.
  const std::byte* const* pages(int slot) const;
  std::byte* page_at(int slot, int position);
  // Within a page.
  std::size_t key_offset(int layer, int head) const;
  std::size_t value_offset(int layer, int head) const;

  std::size_t most_pages() const { return pages_.size(); }  // in use at once, so far
  std::uint64_t used_bytes() const { return (pages_.size() - free_.size()) * page_bytes_; }

 private:
  struct Page {
    std::unique_ptr<std::byte[], void (*)(std::byte*)> memory;
    int users = 0;
  };
  struct Slot {
    bool taken = false;
    int length = 0;
    std::vector<int> page_ids;
    std::vector<const std::byte*> pages;
  };

  int take_page();
  void drop_page(int id);
  void cut(Slot& slot, int pages);

  int heads_;
  kernels::CacheType type_;
  std::size_t tile_bytes_;  // of keys, or values, of one head in a page
  std::uint64_t page_bytes_;
  std::uint64_t max_bytes_;
  std::vector<Page> pages_;
  std::vector<int> free_;
  std::vector<Slot> slots_;
};

}  // namespace medgen::native
