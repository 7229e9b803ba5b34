// A test with a folder of its own, for the files that it gives the program and gets back.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "cli/models.h"

namespace medgen::cli_tests {

class FolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = scratch() / ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(folder_);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string file(const std::string& name, const std::string& content) const {
    write(folder_ / name, content);
    return path(name);
  }

  std::filesystem::path folder_;
};

}  // namespace medgen::cli_tests
