// The commands: each takes its arguments (its own name left out) and returns an exit status.
// They throw Error, HelpRequested and ParsedOnly; run.cpp reports them.
#pragma once

#include <string>
#include <vector>

namespace medgen::cli {

using Arguments = std::vector<std::string>;

int generate_command(const Arguments& words);
int unnamed_command(const Arguments& words);  // no command is named: a session, or `generate`
int session_command(const Arguments& words);
int batch_command(const Arguments& words);
int sweep_command(const Arguments& words);
int reproduce_command(const Arguments& words);
int merge_command(const Arguments& words);
int export_command(const Arguments& words);
int screen_command(const Arguments& words);
int why_command(const Arguments& words);
int explain_command(const Arguments& words);
int agree_command(const Arguments& words);
int lens_command(const Arguments& words);
int tokenize_command(const Arguments& words);
int inspect_command(const Arguments& words);
int clean_command(const Arguments& words);
int convert_command(const Arguments& words);
int prepare_command(const Arguments& words);
int train_command(const Arguments& words);
int index_command(const Arguments& words);
int trace_command(const Arguments& words);
int audit_command(const Arguments& words);
int eval_command(const Arguments& words);
int train_tokenizer_command(const Arguments& words);
int metrics_command(const Arguments& words);
int ratings_command(const Arguments& words);
int bench_command(const Arguments& words);
int verify_command(const Arguments& words);
int doctor_command(const Arguments& words);
int completions_command(const Arguments& words);
int manual_command(const Arguments& words);

}  // namespace medgen::cli
