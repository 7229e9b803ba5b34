#!/usr/bin/env python3
"""Runs medgen over a JSON-lines input with Spark: every partition is piped through one `medgen batch` process.

    spark-submit scripts/cluster/spark_pipe.py INPUT.jsonl OUTPUT --seed 7 [other options of medgen batch]

Rows need an "id": it keys their random numbers, so the records are the same bytes as those of a single run, however
Spark cuts the input. OUTPUT becomes a folder with part files in the order of the input. Any line filter works the same
way, Hadoop streaming for instance: `medgen batch - -o - --input-format jsonl --quiet --seed 7`.
MEDGEN names the program (default: medgen), MEDGEN_PARTITIONS the least number of partitions.
"""
import json
import os
import shlex
import sys

from pyspark import SparkContext


def lacks_id(line):
    try:
        row = json.loads(line)
    except ValueError:
        return True
    return not isinstance(row, dict) or (row.get("id") is None and row.get("custom_id") is None)


def main():
    if len(sys.argv) < 3 or "--seed" not in sys.argv:
        sys.exit("usage: spark_pipe.py INPUT.jsonl OUTPUT --seed N [options of medgen batch]")
    source, target, options = sys.argv[1], sys.argv[2], sys.argv[3:]
    program = os.environ.get("MEDGEN", "medgen")
    partitions = int(os.environ.get("MEDGEN_PARTITIONS", "0")) or None

    # Status 4 says that some rows failed; they have error records, so Spark need not fail.
    filter_ = shlex.join([program, "batch", "-", "-o", "-", "--input-format", "jsonl", "--quiet", *options])
    command = shlex.join(["sh", "-c", filter_ + " || [ $? -eq 4 ]"])

    context = SparkContext(appName="medgen")
    rows = context.textFile(source, minPartitions=partitions)
    without = rows.filter(lacks_id).count()
    if without:
        sys.exit(f"{without} rows have no id, and their number in a partition would not be their number in the input: "
                 "give every row an id")
    rows.pipe(command, checkCode=True).saveAsTextFile(target)
    context.stop()


if __name__ == "__main__":
    main()
