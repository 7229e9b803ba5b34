// Continues a text: first_words MODEL TEXT SEED
#include <medgen/model.h>

#include <iostream>
#include <stdexcept>

int main(int argc, char** argv) try {
  if (argc != 4) {
    std::cerr << "Usage: first_words MODEL TEXT SEED\n";
    return 2;
  }
  medgen::Generator generator(medgen::Model::open(argv[1]));
  medgen::DecodingSettings settings = generator.model().defaults();
  settings.sampling.seed = std::stoull(argv[3]);
  for (const medgen::Completion& text : generator.generate(argv[2], settings)) {
    std::cout << (text.index > 0 ? "\n" : "") << "Generated #" << text.index + 1 << ": " << argv[2]
              << text.text << "\n";
  }
} catch (const medgen::Error& error) {
  std::cerr << error.what() << "\n";
  return error.exit_status();
} catch (const std::logic_error&) {  // of std::stoull()
  std::cerr << "SEED must be a whole number\n";
  return 2;
}
