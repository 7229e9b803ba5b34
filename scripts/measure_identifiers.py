#!/usr/bin/env python3
"""Recall and precision of `medgen screen` by class, on sentences of make_identifier_sentences.py.

An identifier is found if a finding of its class overlaps it and all of its letters and digits lie
in findings. A finding is right if it overlaps an identifier of its class.
Usage: measure_identifiers.py MEDGEN SENTENCES [--misses HALF]
"""
import collections
import json
import subprocess
import sys


def span(one):
    return one["column"], one["column"] + one["length"]


def overlap(a, b):
    return a["class"] == b["class"] and span(a)[0] < span(b)[1] and span(b)[0] < span(a)[1]


def main():
    program, path = sys.argv[1:3]
    misses = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    rows = [json.loads(line) for line in open(path, encoding="utf-8")]
    found = collections.defaultdict(list)
    out = subprocess.run([program, "screen", "--json", "--prompt-column", "text", path], check=True,
                         capture_output=True, text=True).stdout
    for line in out.splitlines():
        one = json.loads(line)
        found[one["row"] - 1].append(one)
    table = collections.defaultdict(lambda: [0, 0, 0, 0])  # identifiers, found, findings, right
    false = collections.Counter()
    for i, row in enumerate(rows):
        covered = {c for one in found[i] for c in range(*span(one))}
        for true in row["found"]:
            cell = table[row["half"], true["class"]]
            cell[0] += 1
            whole = all(c in covered or not row["text"][c - 1].isalnum() for c in range(*span(true)))
            hit = whole and any(overlap(true, one) for one in found[i])
            cell[1] += hit
            if not hit and row["half"] == misses:
                print("missed", true["class"], row["text"], [(f["class"], f["column"]) for f in found[i]])
        for one in found[i]:
            cell = table[row["half"], one["class"]]
            cell[2] += 1
            right = any(overlap(true, one) for true in row["found"])
            cell[3] += right
            if not right and row["half"] == misses:
                print("false", one["class"], row["text"], one["column"])
        if not row["found"]:
            false[row["half"], bool(found[i])] += 1
    print(f"{'half':4} {'class':14} {'in text':>7} {'recall':>7} {'findings':>8} {'precision':>9}")
    for (half, name), (n, hit, k, right) in sorted(table.items()):
        print(f"{half:4} {name:14} {n:7} {hit / n if n else 0:7.3f} {k:8} {right / k if k else 1:9.3f}")
    for half in (1, 2):
        total = false[half, True] + false[half, False]
        print(f"half {half}: {false[half, True]} of {total} sentences without identifiers have a finding")


main()
