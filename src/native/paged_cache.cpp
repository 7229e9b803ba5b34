// See the header.
#include "native/paged_cache.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "medgen/error.h"

namespace medgen::native {
namespace {

constexpr int kPage = kernels::kPagePositions;

std::size_t element_bytes(kernels::CacheType type) {
  return type == kernels::CacheType::kFloat16 ? 2 : 4;
}

std::size_t tile_bytes(const ModelConfig& config, kernels::CacheType type) {
  const auto padded = static_cast<std::size_t>((config.head_size() + 15) / 16 * 16);
  return padded * kPage * element_bytes(type);
}

int pages_for(int positions) { return (positions + kPage - 1) / kPage; }

}  // namespace

std::uint64_t PagedCache::page_bytes(const ModelConfig& config, kernels::CacheType type) {
  return std::uint64_t{2} * static_cast<std::uint64_t>(config.n_layer) *
         static_cast<std::uint64_t>(config.n_head) * tile_bytes(config, type);
}

PagedCache::PagedCache(const ModelConfig& config, kernels::CacheType type, int slots,
                       std::uint64_t max_bytes)
    : heads_(config.n_head),
      type_(type),
      tile_bytes_(tile_bytes(config, type)),
      page_bytes_(page_bytes(config, type)),
      max_bytes_(max_bytes),
      slots_(static_cast<std::size_t>(slots)) {}

bool PagedCache::is_taken(int slot) const {
  return slot >= 0 && slot < static_cast<int>(slots_.size()) &&
         slots_[static_cast<std::size_t>(slot)].taken;
}

int PagedCache::acquire() {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].taken) continue;
    slots_[i].taken = true;
    return static_cast<int>(i);
  }
  return -1;
}

void PagedCache::release(int slot) {
  Slot& s = slots_[static_cast<std::size_t>(slot)];
  cut(s, 0);
  s.length = 0;
  s.taken = false;
}

void PagedCache::share(int from, int to, int n_tokens) {
  if (from == to) return truncate(to, n_tokens);
  const Slot& source = slots_[static_cast<std::size_t>(from)];
  Slot& target = slots_[static_cast<std::size_t>(to)];
  cut(target, 0);
  for (int i = 0; i < pages_for(n_tokens); ++i) {
    const int id = source.page_ids[static_cast<std::size_t>(i)];
    ++pages_[static_cast<std::size_t>(id)].users;
    target.page_ids.push_back(id);
    target.pages.push_back(pages_[static_cast<std::size_t>(id)].memory.get());
  }
  target.length = n_tokens;
}

void PagedCache::truncate(int slot, int n_tokens) {
  Slot& s = slots_[static_cast<std::size_t>(slot)];
  cut(s, pages_for(n_tokens));
  s.length = n_tokens;
}

void PagedCache::extend(int slot, int count) {
  Slot& s = slots_[static_cast<std::size_t>(slot)];
  const int first = s.length / kPage;
  const int last = pages_for(s.length + count);
  for (int i = first; i < last; ++i) {
    const auto place = static_cast<std::size_t>(i);
    if (place == s.page_ids.size()) {
      const int id = take_page();
      s.page_ids.push_back(id);
      s.pages.push_back(pages_[static_cast<std::size_t>(id)].memory.get());
    } else if (pages_[static_cast<std::size_t>(s.page_ids[place])].users > 1) {
      const int id = take_page();
      std::byte* copy = pages_[static_cast<std::size_t>(id)].memory.get();
      std::memcpy(copy, s.pages[place], page_bytes_);
      drop_page(s.page_ids[place]);
      s.page_ids[place] = id;
      s.pages[place] = copy;
    }
  }
  s.length += count;
}

const std::byte* const* PagedCache::pages(int slot) const {
  return slots_[static_cast<std::size_t>(slot)].pages.data();
}

std::byte* PagedCache::page_at(int slot, int position) {
  const Slot& s = slots_[static_cast<std::size_t>(slot)];
  const int id = s.page_ids[static_cast<std::size_t>(position / kPage)];
  return pages_[static_cast<std::size_t>(id)].memory.get();
}

std::size_t PagedCache::key_offset(int layer, int head) const {
  return (static_cast<std::size_t>(layer) * 2 * static_cast<std::size_t>(heads_) +
          static_cast<std::size_t>(head)) *
         tile_bytes_;
}

std::size_t PagedCache::value_offset(int layer, int head) const {
  return key_offset(layer, head) + static_cast<std::size_t>(heads_) * tile_bytes_;
}

int PagedCache::take_page() {
  if (!free_.empty()) {
    const int id = free_.back();
    free_.pop_back();
    pages_[static_cast<std::size_t>(id)].users = 1;
    return id;
  }
  if ((pages_.size() + 1) * page_bytes_ > max_bytes_) {
    throw Error(ErrorCode::kRuntime,
                fmt::format("the key/value cache is full at {} MB; give it more with "
                            "`cache_memory`, or run fewer sequences at once",
                            max_bytes_ >> 20));
  }
  constexpr std::size_t kAlignment = 64;
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(kAlignment, page_bytes_));
  if (memory == nullptr) throw std::bad_alloc();
  // Positions that no sequence has written are multiplied by zero, so they must not be NaN.
  std::memset(memory, 0, page_bytes_);
  pages_.push_back({{memory, [](std::byte* p) { std::free(p); }}, 1});
  return static_cast<int>(pages_.size()) - 1;
}

void PagedCache::drop_page(int id) {
  Page& page = pages_[static_cast<std::size_t>(id)];
  if (--page.users == 0) free_.push_back(id);
}

void PagedCache::cut(Slot& slot, int pages) {
  while (static_cast<int>(slot.page_ids.size()) > pages) {
    drop_page(slot.page_ids.back());
    slot.page_ids.pop_back();
    slot.pages.pop_back();
  }
}

}  // namespace medgen::native
