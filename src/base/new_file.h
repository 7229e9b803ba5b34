// How files and folders come into being beside those they replace: under names that nobody can
// guess, made anew (O_EXCL), and locked while they are filled, so that the next run can tell what a
// killed one left.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace medgen::base {

// Throws Error(kUsage) if another user could have chosen what is written to: a link on the way
// belongs to somebody else (root excepted), or the file or pipe itself does and lies in a folder
// that everybody may write to, or in one that another user made there.
void require_own_output(const std::filesystem::path& path);

// The same for a folder that is worked in, or will be: it, or one on the way to it, was made by
// another user in a folder that everybody may write to.
void require_own_folder(const std::filesystem::path& path);

// The file that a link named `path` leads to, though it may not be there yet; else `path` itself.
// Renaming something to this replaces the file and not the link.
std::filesystem::path behind_links(const std::filesystem::path& path);

// A file opened to be written, and whether it was not there before.
struct Opened {
  int descriptor = -1;  // or -1 with errno
  bool created = false;
};

// Opens `path`, with `access` and more flags of open(), or makes it. What is made is always new
// (O_EXCL), so that nobody can put a link or a file there in between.
Opened open_to_write(const std::filesystem::path& path, int flags, int flags_if_new);

// Whether `path` is another name of an open descriptor, such as /dev/stdout or /proc/self/fd/3.
bool names_descriptor(const std::filesystem::path& path);

// Whether `path` is a file of this user's, or root's, that nobody else may write: what was kept
// there may be used.
bool is_own_file(const std::filesystem::path& path);
// The same for a folder, which must be this user's.
bool is_own_folder(const std::filesystem::path& path);

// "DIR/.NAME.new-" and sixteen random letters and digits, for `target` "DIR/NAME".
std::filesystem::path random_sibling(const std::filesystem::path& target);

// Siblings of that form which belong to this user and that no running process fills.
std::vector<std::filesystem::path> leftovers_of(const std::filesystem::path& target);

// All such in `folder`, whatever their target.
std::vector<std::filesystem::path> leftovers_in(const std::filesystem::path& folder);

// Makes the sibling with `make`, which returns an open descriptor or -1 with errno, and locks it.
// Removes leftovers first. Returns the descriptor, or -1 with errno.
int make_sibling(const std::filesystem::path& target, std::filesystem::path& sibling,
                 const std::function<int(const char* path)>& make);

// A new empty file beside `target`, opened with O_WRONLY or O_RDWR.
int make_sibling_file(const std::filesystem::path& target, std::filesystem::path& sibling,
                      int access);

}  // namespace medgen::base
