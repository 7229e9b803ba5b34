#!/usr/bin/env python3
"""MAUVE of texts against others of the same setting, which would be 1 if there were enough of them.

    scripts/null_mauve.py FOLDER [TRIALS]

FOLDER is one that scripts/calibrate_tests has filled. Draws twice as many of its texts as each line says, TRIALS times (3),
and prints MAUVE of one half against the other, read by models/default. MEDGEN names the program, build/release/medgen by
default. Development only.
"""
import json
import os
import pathlib
import random
import subprocess
import sys

SIZES = (50, 100, 250, 500)


def main():
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    root = pathlib.Path(__file__).resolve().parent.parent
    medgen = os.environ.get("MEDGEN", root / "build/release/medgen")
    folder = pathlib.Path(sys.argv[1])
    records = [json.loads(line) for line in (folder / "pool/samples.jsonl").open(encoding="utf-8")]
    texts = [{"prompt": record["prompt"], "text": made["text"]} for record in records for made in record["completions"]
             if made["text"].strip()]
    rng = random.Random(1)
    for size in SIZES:
        for trial in range(int(sys.argv[2]) if len(sys.argv) == 3 else 3):
            drawn = rng.sample(texts, 2 * size)
            halves = [folder / "first.jsonl", folder / "second.jsonl"]
            for half, part in zip(halves, (drawn[:size], drawn[size:])):
                half.write_text("".join(json.dumps(text) + "\n" for text in part), encoding="utf-8")
            run = subprocess.run([medgen, "metrics", halves[0], "--reference", halves[1], "--mauve", root / "models/default",
                                  "--json", "--quiet", "--resamples", "1000", "--seed", str(trial)],
                                 check=True, capture_output=True)
            mauve = json.loads(run.stdout)["settings"][0]["metrics"]["mauve"]
            low, high = mauve["interval"]
            print(f"{size} texts: {mauve['value']:.3f} ({low:.3f} to {high:.3f})", flush=True)


if __name__ == "__main__":
    main()
