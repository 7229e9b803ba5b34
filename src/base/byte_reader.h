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
