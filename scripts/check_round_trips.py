#!/usr/bin/env python3
"""Takes rows and records through pandas and jq, and has `medgen reproduce` look at what comes back.

    scripts/check_round_trips.py PROGRAM [MODEL]

For development: needs pandas and jq. A frame goes to a file, through `batch`, into pandas again and out again, as
JSON lines, as one array and as a table; jq reads and writes the records. Each line says what came back; the exit
status is 1 if anything was not made again. At the end a record is changed on purpose, which must be noticed.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import pandas as pd

FRAME = pd.DataFrame(
    {
        "id": [1.0, 2.0, 3.0, None],
        "prompt": ["My knee hurts", "=I have a cough, and", "She said \"it aches\"\nand", "Ma tête"],
        "n": [3.0, None, 1.0, None],
        "fever": [38.5, None, 39.0, 1e-7],
        "visit": ["0012", "-7", None, "=1+2"],
    }
)
SEEDS = ("7", "9007199254740993", "18446744073709551615")
faults = 0


def run(*words: str, allowed=(0,)) -> subprocess.CompletedProcess:
    result = subprocess.run(words, capture_output=True, text=True)
    if result.returncode not in allowed:
        sys.exit(f"{' '.join(words[:3])} ...: status {result.returncode}: {result.stderr}")
    return result


def reproduced(medgen, file: pathlib.Path) -> dict:
    result = run(medgen[0], "reproduce", *medgen[1:], str(file), "--json", "--quiet", allowed=(0, 1))
    return json.loads(result.stdout)


def expect_equal(medgen, what: str, file: pathlib.Path, records: int) -> None:
    global faults
    found = reproduced(medgen, file)
    fine = found["equal"] == records == found["records"] - found["skipped"]
    faults += not fine
    print(f"{'fine ' if fine else 'FAULT'}  {what}: {found['equal']} of {records} equal, {found['skipped']} skipped")


def same_fields(what: str, before: pd.DataFrame, after: pd.DataFrame, columns) -> None:
    global faults
    for column in columns:
        fine = list(before[column].dropna()) == list(after[column].dropna())
        faults += not fine
        print(f"{'fine ' if fine else 'FAULT'}  {what}: the column {column} is what it was")


def batch(medgen, source: pathlib.Path, seed: str, *more: str) -> pathlib.Path:
    form = "csv" if "csv" in more else "jsonl"
    to = source.with_name(f"{source.stem}-{source.suffix[1:]}-{seed}.{form}")
    run(medgen[0], "batch", *medgen[1:], str(source), "-o", str(to), "--seed", seed, "-n", "2",
        "--max-new-tokens", "8", "--row-settings", "n", "--quiet", *more, allowed=(0, 4))
    return to


def main() -> None:
    medgen = [sys.argv[1]] + (["--model", sys.argv[2]] if len(sys.argv) > 2 else [])
    folder = pathlib.Path(tempfile.mkdtemp(prefix="medgen-round-trips-"))
    rows = folder / "rows.jsonl"
    FRAME.to_json(rows, orient="records", lines=True)
    table = folder / "rows.csv"
    FRAME.to_csv(table, index=False)

    for source in (rows, table):
        for seed in SEEDS:
            out = batch(medgen, source, seed)
            name = f"pandas -> batch of {source.suffix} (seed {seed})"
            expect_equal(medgen, name, out, len(FRAME))
            frame = pd.read_json(out, lines=True)
            same_fields(name, FRAME, frame, ["prompt"])
            for lines in (True, False):
                back = folder / f"back-{lines}.jsonl"
                frame.to_json(back, orient="records", lines=lines)
                expect_equal(medgen, f"{name} -> pandas -> {'lines' if lines else 'an array'}", back, len(FRAME))
            through = folder / "jq.jsonl"
            for options in ("-c", "-s"):
                through.write_text(run("jq", options, ".", str(out)).stdout, encoding="utf-8")
                expect_equal(medgen, f"{name} -> jq {options}", through, len(FRAME))

            csv = batch(medgen, source, seed, "--format", "csv")
            expect_equal(medgen, f"{name} as a table", csv, len(FRAME))
            frame = pd.read_csv(csv, dtype={"visit": str})
            first = frame.drop_duplicates("prompt")
            same_fields(f"{name} as a table", FRAME, first.reset_index(drop=True), ["fever"])
            frame.to_csv(folder / "back.csv", index=False)
            expect_equal(medgen, f"{name} as a table -> pandas", folder / "back.csv", len(FRAME))

    with open(rows, "a", encoding="utf-8") as more:
        more.write('{"id":9,"prompt":""}\n')
    out = batch(medgen, rows, "1")
    back = folder / "failed.jsonl"
    pd.read_json(out, lines=True).to_json(back, orient="records", lines=True)
    expect_equal(medgen, "a row that failed -> pandas", back, len(FRAME))

    changed = folder / "changed.jsonl"
    changed.write_text(run("jq", "-c", ".completions[0].logprob += 0.001", str(batch(medgen, table, "7"))).stdout,
                       encoding="utf-8")
    noticed = reproduced(medgen, changed)["differ"]
    print(f"{'fine ' if noticed == len(FRAME) else 'FAULT'}  records that were changed: {noticed} of {len(FRAME)} differ")
    sys.exit(1 if faults or noticed != len(FRAME) else 0)


if __name__ == "__main__":
    main()
