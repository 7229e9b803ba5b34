// Continues a list of prompts together, which is faster than one after the other: prompts MODEL
// TEXT...
#include <medgen/model.h>

#include <iostream>

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::cerr << "Usage: prompts MODEL TEXT...\n";
    return 2;
  }
  medgen::BackendOptions options;
  options.max_slots = 16;  // sequences computed together
  medgen::Generator generator(medgen::Model::open(argv[1]), options);
  medgen::DecodingSettings settings = generator.model().defaults();
  settings.num_return_sequences = 2;
  settings.stopping.max_new_tokens = 20;
  settings.sampling.bad_words_texts = {"cancer"};
  const std::vector<std::string> prompts(argv + 2, argv + argc);
  const auto completions = generator.generate(prompts, settings);
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    for (const medgen::Completion& text : completions[i]) {
      std::cout << prompts[i] << text.text << " [" << to_string(text.finish_reason) << "]\n";
    }
  }
} catch (const medgen::Error& error) {
  std::cerr << error.what() << "\n";
  return error.exit_status();
}
