// The commands: each takes its arguments (its own name left out) and returns an exit status.
// They throw Error, HelpRequested and ParsedOnly; run.cpp reports them.
#pragma once

#include <string>
#include <vector>

namespace medgen::cli {

using Arguments = std::vector<std::string>;

int generate_command(const Arguments& arguments);
int batch_command(const Arguments& arguments);
int sweep_command(const Arguments& arguments);
int reproduce_command(const Arguments& arguments);
int merge_command(const Arguments& arguments);
int explain_command(const Arguments& arguments);
int tokenize_command(const Arguments& arguments);
int inspect_command(const Arguments& arguments);
int clean_command(const Arguments& arguments);
int convert_command(const Arguments& arguments);
int prepare_command(const Arguments& arguments);
int train_command(const Arguments& arguments);
int eval_command(const Arguments& arguments);
int train_tokenizer_command(const Arguments& arguments);
int metrics_command(const Arguments& arguments);
int bench_command(const Arguments& arguments);
int verify_command(const Arguments& arguments);
int doctor_command(const Arguments& arguments);

}  // namespace medgen::cli
