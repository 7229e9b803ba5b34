#!/usr/bin/env python3
"""What `never_say` keeps and what it costs, on the default model.

  scripts/measure_never_say.py [MEDGEN [MODEL [TEXTS [PAIRS]]]]

Writes TEXTS (10,000) continuations of the model's tasks at temperature 1.2, with the never_say of
their forms and without, and counts those that hold one of the forbidden texts in any case, within
words too. Then times a list of ten texts that are found within words against none, on texts of
equal length: PAIRS (10) pairs of runs, one after the other, whose middle ratio of processor time
counts. 0 leaves a part out.
Exit status 1: a forbidden text was said with the list.
"""
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORDS = {
    "symptoms": ["I have a fever and a cough", "My knee hurts when I climb stairs", "She has had a rash for two days",
                 "I feel dizzy when I stand up", "He has chest pain after meals", "I was told by the doctor that my",
                 "My mother has been tired for weeks and", "The results of the test showed that"],
    "conditions": ["fever, cough and a sore throat", "pain in the lower back", "itching and redness of the eyes",
                   "shortness of breath at night", "numb fingers in the morning", "headache with nausea"],
    "medication": ["ibuprofen", "amoxicillin", "metformin", "lisinopril", "cetirizine", "omeprazole"],
    "advice": ["a sore throat", "back pain", "heartburn", "hay fever", "a sprained ankle", "trouble sleeping"],
}
TEN = ["*diagnos", "*recommend", "*prescri", "*itis", "*oma ", "*cancer", "*tumor", "emergency", "surgery", "*opath"]


def batch(program, model, rows, folder, *options):
    """The records, and the seconds of processor time that they took."""
    source, out = folder / "rows.jsonl", folder / "out.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([program, "batch", "--model", model, source, "-o", out, "--restart", "--quiet", "--identifiers",
                    "off", "--temperature", "1.2", "--seed", "1", *options], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(out, encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    return records, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def prompts(forms, texts):
    """Rows of all tasks with the forms filled in, and how many texts each is to give."""
    each = sum(len(words) for words in WORDS.values())
    rows = []
    for task, words in WORDS.items():
        form = forms[task]
        rows += [{"prompt": form["prefix"] + one + form["suffix"],
                  "settings": {"stop": form["stop"], "never_say": form["never_say"]}} for one in words]
    return rows, -(-texts // each)


def count(records, forbidden):
    plain = [text.removeprefix("*").casefold() for text in forbidden]
    said = total = 0
    for record in records:
        for completion in record["completions"]:
            total += 1
            said += any(text in completion["text"].casefold() for text in plain)
    return said, total


def count_texts(program, model, forms, texts, folder):
    """Prints what is said with the list and without; how many texts say it in spite of the list."""
    forbidden = sorted({text for form in forms.values() for text in form["never_say"]})
    rows, n = prompts(forms, texts)
    said = {}
    for list_on in (True, False):
        if not list_on:
            for row in rows:
                del row["settings"]["never_say"]
        records, _ = batch(program, model, rows, folder, "-n", str(n), "--max-new-tokens", "80")
        said[list_on], total = count(records, forbidden)
        ends = sum(c["finish_reason"] == "never_say" for r in records for c in r["completions"])
        print(f"{'with' if list_on else 'without'} the list: {said[list_on]} of {total} texts say one of "
              f"{', '.join(forbidden)}; {ends} ended for want of another word", flush=True)
    return said[True]


def time_runs(program, model, forms, pairs, folder):
    rows = [{"prompt": row["prompt"]} for row in prompts(forms, 1)[0]]
    options = ("-n", "4", "--max-new-tokens", "100", "--ignore-eos")
    never = [word for text in TEN for word in ("--never-say", text)]
    ratios = []
    for _ in range(pairs):
        _, without = batch(program, model, rows, folder, *options)
        records, with_list = batch(program, model, rows, folder, *options, *never)
        assert count(records, TEN)[0] == 0
        ratios.append(100 * (with_list / without - 1))
    print(f"ten texts against none: {statistics.median(ratios):+.1f} % processor time "
          f"({min(ratios):+.1f} to {max(ratios):+.1f} %)")


def main():
    defaults = [str(ROOT / "build/release/medgen"), str(ROOT / "models/default"), "10000", "10"]
    program, model, texts, pairs = sys.argv[1:5] + defaults[len(sys.argv) - 1:]
    forms = json.loads((pathlib.Path(model) / "templates.json").read_text(encoding="utf-8"))["tasks"]
    said = 0
    with tempfile.TemporaryDirectory() as name:
        if int(texts) > 0:
            said = count_texts(program, model, forms, int(texts), pathlib.Path(name))
        if int(pairs) > 0:
            time_runs(program, model, forms, int(pairs), pathlib.Path(name))
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
