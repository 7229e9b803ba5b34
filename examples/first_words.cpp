// Continues a text: first_words MODEL TEXT SEED
#include <medgen/model.h>

#include <iostream>

int main(int, char** argv) try {
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
}
