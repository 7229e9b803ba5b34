// A Hugging Face folder where a model is expected: converted once into the user's cache, and found
// there from then on for as long as its files have the size, time and number that they had.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace medgen::jobs {

// What a conversion on the way to a model tells. All may be empty.
struct ConversionWatch {
  std::function<void(const std::string& text)> note;
  // "tensor 3 of 16"; may throw to end it.
  std::function<void(const std::string& what, int done, int total)> progress;
};

// For this process, whoever opens a model in it. Not thread-safe: called before models are opened.
void watch_conversions(ConversionWatch watch);

// Whether `folder` is no bundle and looks like a checkpoint, a part of one, or a hub's cache.
bool is_checkpoint(const std::filesystem::path& folder);

// Throws Error(kModel) if `file` is one of a checkpoint's, of which the folder is wanted.
void refuse_part_of_checkpoint(const std::filesystem::path& file);

struct ConvertedModel {
  std::filesystem::path folder;  // a bundle in the user's cache
  // Reads the checkpoint again and compares. Throws Error(kModel) that names what has changed.
  std::function<void()> verify_checkpoint;
};

// Converts the checkpoint `given` if that was not done before; with `anew` in any case. Two
// processes that do so wait for each other. Throws Error(kModel) as convert_checkpoint() does,
// Error(kRuntime) if nothing can be kept.
ConvertedModel converted_model(const std::filesystem::path& given, bool anew = false);

// Whether `folder` is one of the models that were converted for this user.
bool is_converted_model(const std::filesystem::path& folder);

// `place` itself, or the bundle in the cache if it is a checkpoint.
std::filesystem::path bundle_at(const std::filesystem::path& place);

}  // namespace medgen::jobs
