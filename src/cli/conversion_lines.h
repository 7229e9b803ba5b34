// What is told while a Hugging Face folder that was named as the model is converted.
#pragma once

namespace medgen::cli {

// From now on in this process.
void show_conversions(bool quiet);

}  // namespace medgen::cli
