// Files in blocks: plain, zstd and gzip; descriptors.
#include "base/byte_reader.h"

#include <poll.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <utility>
#include <vector>

namespace medgen::base {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{128} << 10U;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

[[noreturn]] void fail(ErrorCode code, const std::string& name, const std::string& why) {
  throw Error(code, "cannot read " + name + ": " + why);
}

// The plain file; compressed files derive from it.
// Of a small file no more than it holds now, and a byte to see its end.
std::size_t block_bytes_of(const std::filesystem::path& path) {
  constexpr std::uintmax_t kLeast = 4096;
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  return error ? kBlockBytes : std::clamp<std::uintmax_t>(bytes + 1, kLeast, kBlockBytes);
}

class Decoder {
 public:
  Decoder(const std::filesystem::path& path, ErrorCode code)
      : name_(path.string()), code_(code), raw_(block_bytes_of(path)) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) fail("it is a folder; name a file");
    file_.open(path, std::ios::binary);
    if (!file_) fail(std::strerror(errno));
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  virtual ~Decoder() = default;
  virtual std::string_view next() { return read_raw(); }

 protected:
  std::string_view read_raw() {
    file_.read(raw_.data(), static_cast<std::streamsize>(raw_.size()));
    if (file_.bad()) fail(std::strerror(errno));
    return {raw_.data(), static_cast<std::size_t>(file_.gcount())};
  }
  [[noreturn]] void fail(const std::string& why) const { base::fail(code_, name_, why); }

 private:
  std::string name_;
  ErrorCode code_;
  std::ifstream file_;
  std::vector<char> raw_;
};

class ZstdDecoder : public Decoder {
 public:
  ZstdDecoder(const std::filesystem::path& path, ErrorCode code)
      : Decoder(path, code), stream_(ZSTD_createDStream()), output_(ZSTD_DStreamOutSize()) {}

  std::string_view next() override {
    while (true) {
      // A full output buffer may mean that more output follows without more input.
      if (pending_.pos == pending_.size && !more_inside_) {
        const std::string_view raw = read_raw();
        if (raw.empty()) {
          if (frame_left_ != 0) fail("the zstd data ends early; is the file whole?");
          return {};
        }
        pending_ = {raw.data(), raw.size(), 0};
      }
      ZSTD_outBuffer out{output_.data(), output_.size(), 0};
      frame_left_ = ZSTD_decompressStream(stream_.get(), &out, &pending_);
      if (ZSTD_isError(frame_left_) != 0U) {
        fail(std::string("zstd: ") + ZSTD_getErrorName(frame_left_));
      }
      more_inside_ = out.pos == out.size && frame_left_ != 0;
      if (out.pos > 0) return {output_.data(), out.pos};
    }
  }

 private:
  struct FreeStream {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<ZSTD_DStream, FreeStream> stream_;
  std::vector<char> output_;
  ZSTD_inBuffer pending_{nullptr, 0, 0};
  std::size_t frame_left_ = 0;
  bool more_inside_ = false;
};

class GzipDecoder : public Decoder {
 public:
  GzipDecoder(const std::filesystem::path& path, ErrorCode code)
      : Decoder(path, code), output_(kBlockBytes) {
    constexpr int kGzipOnly = 15 + 16;
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) fail("zlib could not be started");
  }
  ~GzipDecoder() override { inflateEnd(&stream_); }

  std::string_view next() override {
    while (true) {
      if (stream_.avail_in == 0 && !more_inside_) {
        const std::string_view raw = read_raw();
        if (raw.empty()) {
          if (inside_member_) fail("the gzip data ends early; is the file whole?");
          return {};
        }
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(raw.data()));
        stream_.avail_in = static_cast<uInt>(raw.size());
      }
      if (skip_padding()) continue;
      stream_.next_out = reinterpret_cast<Bytef*>(output_.data());
      stream_.avail_out = static_cast<uInt>(output_.size());
      const int result = inflate(&stream_, Z_NO_FLUSH);
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        fail(std::string("gzip: ") + (stream_.msg != nullptr ? stream_.msg : "bad data"));
      }
      inside_member_ = result != Z_STREAM_END;
      any_member_ = any_member_ || !inside_member_;
      more_inside_ = inside_member_ && stream_.avail_out == 0;
      if (result == Z_STREAM_END) inflateReset(&stream_);  // another member may follow
      const std::size_t got = output_.size() - stream_.avail_out;
      if (got > 0) return {output_.data(), got};
    }
  }

 private:
  // Zeros behind a member, with which tapes and some programs fill up, as gzip itself takes them.
  // True if there is nothing else left of the input that was read.
  bool skip_padding() {
    if (inside_member_ || !any_member_) return false;
    while (stream_.avail_in > 0 && *stream_.next_in == 0) {
      ++stream_.next_in;
      --stream_.avail_in;
    }
    return stream_.avail_in == 0;
  }

  z_stream stream_{};
  std::vector<char> output_;
  bool inside_member_ = false;
  bool any_member_ = false;  // whole
  bool more_inside_ = false;
};

Blocks blocks_of(std::shared_ptr<Decoder> decoder) {
  return [decoder = std::move(decoder)] { return decoder->next(); };
}

}  // namespace

bool is_compressed_name(const std::filesystem::path& path) {
  return path.extension() == ".zst" || path.extension() == ".gz";
}

std::filesystem::path uncompressed_name(const std::filesystem::path& path) {
  return is_compressed_name(path) ? path.stem() : path.filename();
}

Blocks file_blocks(const std::filesystem::path& path, ErrorCode code) {
  if (path.extension() == ".zst") return blocks_of(std::make_shared<ZstdDecoder>(path, code));
  if (path.extension() == ".gz") return blocks_of(std::make_shared<GzipDecoder>(path, code));
  return plain_file_blocks(path, code);
}

Blocks plain_file_blocks(const std::filesystem::path& path, ErrorCode code) {
  return blocks_of(std::make_shared<Decoder>(path, code));
}

Blocks descriptor_blocks(int descriptor, std::string name, ErrorCode code,
                         const std::atomic<bool>* stop) {
  auto buffer = std::make_shared<std::vector<char>>(kBlockBytes);
  return [=, name = std::move(name)]() -> std::string_view {
    while (stop == nullptr || !stop->load(std::memory_order_relaxed)) {
      pollfd file{descriptor, POLLIN, 0};
      const int ready = ::poll(&file, 1, stop == nullptr ? -1 : 100);
      if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
      const ssize_t got = ::read(descriptor, buffer->data(), buffer->size());
      if (got >= 0) return {buffer->data(), static_cast<std::size_t>(got)};
      if (errno != EINTR && errno != EAGAIN) fail(code, name, std::strerror(errno));
    }
    return {};
  };
}

Blocks without_byte_order_mark(Blocks blocks) {
  return [blocks = std::move(blocks), begun = false,
          beginning = std::string()]() mutable -> std::string_view {
    std::string_view block = blocks();
    if (std::exchange(begun, true)) return block;
    if (block.size() < kByteOrderMark.size()) {
      beginning = block;
      while (!block.empty() && beginning.size() < kByteOrderMark.size()) {
        block = blocks();
        beginning += block;
      }
      block = beginning;
    }
    if (!block.starts_with(kByteOrderMark)) return block;
    block.remove_prefix(kByteOrderMark.size());
    return block.empty() ? blocks() : block;
  };
}

}  // namespace medgen::base
