// Where bytes come from, in blocks: files, decompressed when their name ends in .zst or .gz, and
// descriptors.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "medgen/error.h"

namespace medgen::base {

// The next block, valid until the next call; empty at the end. A source throws Error with the code
// it was given, naming what it reads, if that cannot be read, is damaged or ends early.
using Blocks = std::function<std::string_view()>;

// Whether file_blocks() decompresses a file of that name.
bool is_compressed_name(const std::filesystem::path& path);
// The name of what it then gives: "rows.csv" of "folder/rows.csv.gz".
std::filesystem::path uncompressed_name(const std::filesystem::path& path);

// Opens the file at once.
Blocks file_blocks(const std::filesystem::path& path, ErrorCode code = ErrorCode::kRuntime);
// As it is, whatever its name.
Blocks plain_file_blocks(const std::filesystem::path& path, ErrorCode code = ErrorCode::kRuntime);

// As they arrive; ends early when `stop` is set. `name` is for messages.
Blocks descriptor_blocks(int descriptor, std::string name, ErrorCode code = ErrorCode::kRuntime,
                         const std::atomic<bool>* stop = nullptr);

// The same without UTF-8's byte order mark at the beginning.
Blocks without_byte_order_mark(Blocks blocks);

}  // namespace medgen::base
