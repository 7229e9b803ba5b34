// Prints one continuation as it is made: streaming MODEL TEXT SEED
#include <medgen/model.h>

#include <iostream>
#include <stdexcept>

int main(int argc, char** argv) try {
  if (argc != 4) {
    std::cerr << "Usage: streaming MODEL TEXT SEED\n";
    return 2;
  }
  medgen::Generator generator(medgen::Model::open(argv[1]));
  medgen::DecodingSettings settings = generator.model().defaults();
  settings.num_return_sequences = 1;
  settings.sampling.seed = std::stoull(argv[3]);
  settings.stopping.end_at_sentence = true;
  std::cout << argv[2];
  generator.generate(argv[2], settings,
                     [](int, std::string_view piece) { std::cout << piece << std::flush; });
  std::cout << "\n(made by a machine; it may be wrong)\n";
} catch (const medgen::Error& error) {
  std::cerr << error.what() << "\n";
  return error.exit_status();
} catch (const std::logic_error&) {  // of std::stoull()
  std::cerr << "SEED must be a whole number\n";
  return 2;
}
