#!/usr/bin/env bash
# Spreads `medgen batch` over machines with GNU parallel: one shard at a time on each, restarted after a failure, which
# continues it; then the merge. Input, output and medgen must lie on a file system that all machines see.
#
#   HOSTS=node1,node2 scripts/cluster/parallel_batch.sh SHARDS INPUT OUTPUT.jsonl --seed 7 [options of medgen batch]
#
# HOSTS is what parallel calls --sshlogin; default: this machine. MEDGEN names the program (default: medgen).
set -euo pipefail

if [ $# -lt 3 ]; then
  printf 'usage: %s SHARDS INPUT OUTPUT.jsonl --seed N [options of medgen batch]\n' "$0" >&2
  exit 2
fi
shards=$1
if ! [[ $shards =~ ^[1-9][0-9]*$ ]]; then
  printf 'SHARDS is "%s": give a whole number of at least 1\n' "$shards" >&2
  exit 2
fi
input=$(realpath "$2")
output=$(realpath -m "$3")
medgen=${MEDGEN:-medgen}
medgen=$(realpath "$(command -v "$medgen")") || { printf 'no program %s: set MEDGEN\n' "$medgen" >&2; exit 2; }

"$medgen" batch "$input" --check --quiet "${@:4}" >/dev/null || [ $? -eq 4 ] # wrong options are told here, once
# Status 4: complete, with error records for some rows.
# shellcheck disable=SC2016,SC2046  # the inner shell expands the one, words are wanted of the other
parallel -q -I '{shard}' --sshlogin "${HOSTS:-:}" --jobs 1 --retries 3 --halt soon,fail=1 \
  sh -c '"$@" || [ $? -eq 4 ]' sh "$medgen" batch "$input" -o "$output.{shard}" --shard "{shard}/$shards" "${@:4}" \
  ::: $(seq "$shards") </dev/null

outputs=()
for ((shard = 1; shard <= shards; ++shard)); do outputs+=("$output.$shard"); done
"$medgen" merge "${outputs[@]}" -o "$output" --restart || [ $? -eq 4 ]
