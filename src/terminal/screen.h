// The terminal of a session: what is written to it, and how large its window is.
#pragma once

#include <string_view>

namespace medgen::terminal {

struct Size {
  int columns = 80;
  int rows = 24;

  bool operator==(const Size&) const = default;
};

class Output {
 public:
  Output() = default;
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  virtual ~Output() = default;

  virtual void write(std::string_view bytes) = 0;
};

class Screen : public Output {
 public:
  // The descriptors stay the caller's. Looks up TERM, so make it before a sandbox is entered.
  Screen(int input, int output);

  // All of it, waiting where the terminal takes no more for now. Once the terminal is gone, nothing
  // happens here: the hang-up is told by Signals and the end of input.
  void write(std::string_view bytes) override;

  int input() const { return input_; }
  int output() const { return output_; }
  Size size() const;  // 80 by 24 if unknown
  // Both descriptors are one terminal that knows the usual (ANSI) sequences. Where it is false,
  // only plain lines may be written.
  bool draws() const { return draws_; }
  // Clears the window and its scrollback, and puts the cursor into the upper left corner. False,
  // and nothing is done, where the terminal cannot.
  bool clear();

 private:
  int input_;
  int output_;
  bool draws_;
};

}  // namespace medgen::terminal
