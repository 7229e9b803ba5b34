#!/usr/bin/env bash
# Spreads `medgen batch` over a Slurm cluster: an array job with a shard a task, which may be requeued at any moment
# and then resumes where it was, and a merge that waits for all of them. Input, output and medgen must lie on a file
# system that all nodes see.
#
#   scripts/cluster/slurm_batch.sh SHARDS INPUT OUTPUT.jsonl --seed 7 [other options of medgen batch]
#
# Prints the id of the merging job. Where tasks run and how long is said as Slurm wants it: SBATCH_PARTITION,
# SBATCH_TIMELIMIT, SBATCH_ACCOUNT, ... MEDGEN names the program (default: medgen), MEDGEN_CPUS the cores a task
# (default: 2).
set -euo pipefail

medgen=${MEDGEN:-medgen}
case ${MEDGEN_ROLE:-submit} in
  submit)
    if [ $# -lt 3 ]; then
      printf 'usage: %s SHARDS INPUT OUTPUT.jsonl --seed N [options of medgen batch]\n' "$0" >&2
      exit 2
    fi
    shards=$1
    if ! [[ $shards =~ ^[1-9][0-9]*$ ]]; then
      printf 'SHARDS is "%s": give a whole number of at least 1\n' "$shards" >&2
      exit 2
    fi
    self=$(realpath "$0")
    output=$(realpath -m "$3")
    input=$(realpath "$2")
    MEDGEN=$(command -v "$medgen") || { printf 'no program %s: set MEDGEN\n' "$medgen" >&2; exit 2; }
    MEDGEN=$(realpath "$MEDGEN")
    export MEDGEN
    "$MEDGEN" batch "$input" --check --quiet "${@:4}" >/dev/null || [ $? -eq 4 ] # wrong options are told here, once
    tasks=$(MEDGEN_ROLE=task sbatch --parsable --export=ALL --requeue --open-mode=append --job-name=medgen-batch \
      --cpus-per-task="${MEDGEN_CPUS:-2}" --array="1-$shards" --output="$output.%a.log" \
      "$self" "$shards" "$input" "$output" "${@:4}")
    MEDGEN_ROLE=merge exec sbatch --parsable --export=ALL --requeue --job-name=medgen-merge --cpus-per-task=1 \
      --dependency="afterok:$tasks" --kill-on-invalid-dep=yes --output="$output.merge.log" \
      "$self" "$shards" "$input" "$output"
    ;;
  task)
    status=0
    "$medgen" batch "$2" -o "$3.$SLURM_ARRAY_TASK_ID" --shard "$SLURM_ARRAY_TASK_ID/$1" "${@:4}" || status=$?
    [ $status -eq 4 ] && status=0 # complete; rows that failed have error records
    exit $status
    ;;
  merge)
    outputs=()
    for ((shard = 1; shard <= $1; ++shard)); do outputs+=("$3.$shard"); done
    "$medgen" merge "${outputs[@]}" -o "$3" --restart || [ $? -eq 4 ]
    ;;
esac
