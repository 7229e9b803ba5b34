// See the header.
#include "bundle/file_kind.h"

#include <algorithm>
#include <array>
#include <fstream>

namespace medgen::bundle {
namespace {

using namespace std::string_view_literals;

struct KnownBeginning {
  std::string_view bytes;
  std::string_view words;
};

constexpr std::array kKnownBeginnings = {
    KnownBeginning{"version https://git-lfs.github.com/spec/"sv,
                   "a Git LFS pointer, not the file itself; get the file with: git lfs pull"sv},
    KnownBeginning{"<!DOCTYPE"sv, "a web page, perhaps an error page; download the file again"sv},
    KnownBeginning{"<!doctype"sv, "a web page, perhaps an error page; download the file again"sv},
    KnownBeginning{"<html"sv, "a web page, perhaps an error page; download the file again"sv},
    KnownBeginning{
        "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv,
        "in the format that torch.save wrote before PyTorch 1.6; load it with torch.load "
        "and save it again with torch.save, or use scripts/export_gpt2.py"sv},
    KnownBeginning{"PK\x03\x04"sv,
                   "a zip file, as torch.save and torch.jit.save write; name it pytorch_model.bin "
                   "if it holds a state_dict"sv},
    KnownBeginning{"GGUF"sv, "a GGUF file; give the Hugging Face folder that it was made from"sv},
    KnownBeginning{"\x89HDF\r\n\x1a\n"sv,
                   "an HDF5 file, as TensorFlow writes; save the model with PyTorch"sv},
    KnownBeginning{"\xef\xbb\xbf"sv,
                   "text that begins with a byte-order mark; save it as UTF-8 without one"sv},
    KnownBeginning{"\xff\xfe"sv, "text in UTF-16; save it as UTF-8"sv},
    KnownBeginning{"\xfe\xff"sv, "text in UTF-16; save it as UTF-8"sv},
};

}  // namespace

std::string_view other_kind(std::string_view bytes) {
  for (const KnownBeginning& known : kKnownBeginnings) {
    if (bytes.starts_with(known.bytes)) return known.words;
  }
  return {};
}

std::string beginning_of(const std::filesystem::path& file) {
  std::string bytes(64, '\0');
  std::ifstream stream(file, std::ios::binary);
  stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(stream.gcount(), 0)));
  return bytes;
}

}  // namespace medgen::bundle
