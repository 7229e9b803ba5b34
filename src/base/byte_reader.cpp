// Files in blocks: plain, zstd and gzip.
#include "base/byte_reader.h"

#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "medgen/error.h"

namespace medgen::base {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{128} << 10U;

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& why) {
  throw Error(ErrorCode::kRuntime, "cannot read " + path.string() + ": " + why);
}

}  // namespace

// The plain file; compressed files derive from it.
class ByteReader::Decoder {
 public:
  explicit Decoder(const std::filesystem::path& path) : path_(path), raw_(kBlockBytes) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) fail(path, "it is a folder; name a file");
    file_.open(path, std::ios::binary);
    if (!file_) fail(path, std::strerror(errno));
  }
  virtual ~Decoder() = default;
  virtual std::string_view next() { return read_raw(); }

 protected:
  std::string_view read_raw() {
    file_.read(raw_.data(), static_cast<std::streamsize>(raw_.size()));
    if (file_.bad()) fail(path_, std::strerror(errno));
    return {raw_.data(), static_cast<std::size_t>(file_.gcount())};
  }
  std::filesystem::path path_;

 private:
  std::ifstream file_;
  std::vector<char> raw_;
};

class ByteReader::ZstdDecoder : public Decoder {
 public:
  explicit ZstdDecoder(const std::filesystem::path& path)
      : Decoder(path), stream_(ZSTD_createDStream()), output_(ZSTD_DStreamOutSize()) {}

  std::string_view next() override {
    while (true) {
      // A full output buffer may mean that more output follows without more input.
      if (pending_.pos == pending_.size && !more_inside_) {
        const std::string_view raw = read_raw();
        if (raw.empty()) {
          if (frame_left_ != 0) fail(path_, "the zstd data ends early; is the file whole?");
          return {};
        }
        pending_ = {raw.data(), raw.size(), 0};
      }
      ZSTD_outBuffer out{output_.data(), output_.size(), 0};
      frame_left_ = ZSTD_decompressStream(stream_.get(), &out, &pending_);
      if (ZSTD_isError(frame_left_) != 0U) {
        fail(path_, std::string("zstd: ") + ZSTD_getErrorName(frame_left_));
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

class ByteReader::GzipDecoder : public Decoder {
 public:
  explicit GzipDecoder(const std::filesystem::path& path) : Decoder(path), output_(kBlockBytes) {
    constexpr int kGzipOnly = 15 + 16;
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) fail(path, "zlib could not be started");
  }
  ~GzipDecoder() override { inflateEnd(&stream_); }

  std::string_view next() override {
    while (true) {
      if (stream_.avail_in == 0 && !more_inside_) {
        const std::string_view raw = read_raw();
        if (raw.empty()) {
          if (inside_member_) fail(path_, "the gzip data ends early; is the file whole?");
          return {};
        }
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(raw.data()));
        stream_.avail_in = static_cast<uInt>(raw.size());
      }
      stream_.next_out = reinterpret_cast<Bytef*>(output_.data());
      stream_.avail_out = static_cast<uInt>(output_.size());
      const int result = inflate(&stream_, Z_NO_FLUSH);
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        fail(path_, std::string("gzip: ") + (stream_.msg != nullptr ? stream_.msg : "bad data"));
      }
      inside_member_ = result != Z_STREAM_END;
      more_inside_ = inside_member_ && stream_.avail_out == 0;
      if (result == Z_STREAM_END) inflateReset(&stream_);  // another member may follow
      const std::size_t got = output_.size() - stream_.avail_out;
      if (got > 0) return {output_.data(), got};
    }
  }

 private:
  z_stream stream_{};
  std::vector<char> output_;
  bool inside_member_ = false;
  bool more_inside_ = false;
};

ByteReader::ByteReader(const std::filesystem::path& path) {
  if (path.extension() == ".zst") {
    decoder_ = std::make_unique<ZstdDecoder>(path);
  } else if (path.extension() == ".gz") {
    decoder_ = std::make_unique<GzipDecoder>(path);
  } else {
    decoder_ = std::make_unique<Decoder>(path);
  }
}
ByteReader::~ByteReader() = default;

std::string_view ByteReader::next() { return decoder_->next(); }

}  // namespace medgen::base
