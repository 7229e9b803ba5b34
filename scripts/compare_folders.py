#!/usr/bin/env python3
"""Makes whole folders of GPT-2 at random, and compares what medgen does with them, as they are and in the precision that
it takes by itself, with what transformers does: the ids of texts, and 16 tokens of generate().

    compare_folders.py VOCABULARY OUT [--program build/test/medgen] [--folders 200] [--seed 1]

Each folder has a tokenizer of compare_tokenizers.py (but for SentencePiece), weights of compare_checkpoints.py and a
generation_config.json of compare_generation_defaults.py. VOCABULARY holds GPT-2's vocab.json and merges.txt. Run it with
transformers 4 and 5. Each must give the same, or be refused by name. Folders that differ stay in OUT. For development only.
"""

import argparse
import collections
import contextlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import compare_checkpoints as checkpoints
import compare_generation_defaults as defaults
import compare_tokenizers as tokens
import torch
import transformers

TEXTS = 20
MAKERS = [maker for maker in tokens.MAKERS if maker not in tokens.SENTENCEPIECE]


def make_folder(rng, number, folder, source):
    """The tokenizer first, which says how many ids the model has."""
    maker = MAKERS[number % len(MAKERS)]
    maker(rng, folder, source)
    vocabulary = {}
    if (folder / "tokenizer.json").exists():
        whole = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        vocabulary = {**whole["model"]["vocab"], **{one["content"]: one["id"] for one in whole["added_tokens"]}}
    else:
        vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    own = max(vocabulary.values()) + 1
    choice = checkpoints.random_choice(rng, number)
    choice["module"] = False  # transformers does not look behind such names
    choice["vocabulary"] = own + rng.choice([0, 0, 0, 8, 16])  # without a row for tokens of other files
    choice["end"] = vocabulary.get("<|endoftext|>", 0)
    checkpoints.save(checkpoints.make_model(choice, rng), folder, choice)
    old = rng.random() < 0.2
    letters = rng.sample(range(own), min(own, 95))
    config, beams = defaults.random_config(rng, old, choice["end"], letters, range(own, choice["vocabulary"]))
    config.setdefault("eos_token_id", choice["end"])
    (folder / "generation_config.json").unlink(missing_ok=True)
    if old:
        whole = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**whole, **config}))
    else:
        (folder / "generation_config.json").write_text(json.dumps(config))
    return {"maker": maker.__name__, "config": config, "beams": beams, "old": old,
            "choice": {key: value for key, value in choice.items() if key != "random"}}


def perturbed(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1 + 3e-5 * torch.randn_like(parameter))
    return model


def expected_texts(folder, ids):
    """The new ids of each text of generate(), up to one that ends it; nothing where they hang on the last digits of the
    weights: generate() adds scores in float32, whatever the model computes in."""
    model = checkpoints.load(folder)
    ends = model.generation_config.eos_token_id
    ends = set(ends if isinstance(ends, list) else [] if ends is None else [ends])
    answers = []
    for change in [lambda it: it, lambda it: it.double(), perturbed, perturbed, perturbed]:
        prompt = torch.tensor([ids])
        model = change(model)
        with torch.no_grad():
            out = model.generate(prompt, attention_mask=torch.ones_like(prompt))
        texts = []
        for row in out[:, len(ids):].tolist():
            end = next((i for i, token in enumerate(row) if token in ends), None)
            texts.append(row if end is None else row[:end])
        answers.append(texts)
    return answers[0] if all(answer == answers[0] for answer in answers) else None


def own_texts(program, folder, text, case, environment):
    greedy = ["--greedy"] if case["old"] and not case["beams"] else []  # config.json cannot say do_sample false
    words = [program, "generate", "--model", str(folder), "--json", "--logprobs", "0", "--seed", "1", "--specials", "--quiet",
             *greedy, "--", text]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        return None, done.stderr.strip()
    texts = []
    for completion in json.loads(done.stdout)["completions"]:
        ids = [token["id"] for token in completion["logprobs"]]
        texts.append(ids[:-1] if completion["finish_reason"] == "eos" else ids)
    return texts, ""


def check(arguments, rng, folder, case, environment):
    """What came of it, and what to say of it."""
    texts = tokens.random_texts(rng, tokens.ADDED, TEXTS)
    expected = tokens.reference_ids(folder, texts)
    found, refusal = tokens.own_ids(arguments.program, folder, texts)
    if found is None:
        return "refused", refusal
    if found != expected:
        at = next(i for i, pair in enumerate(zip(expected, found)) if pair[0] != pair[1])
        return "different", f"ids of {texts[at]!r}: expected {expected[at]}, found {found[at]}"
    size = case["choice"]["vocabulary"]
    prompts = [i for i, ids in enumerate(expected) if 0 < len(ids) <= 18 and max(ids) < size and "\0" not in texts[i]]
    if not prompts:
        return "no prompt", ""
    at = rng.choice(prompts)
    try:
        wanted = expected_texts(folder, expected[at])
    except (IndexError, ValueError, RuntimeError) as error:
        return "refused by transformers", f"{type(error).__name__}: {error}"
    if wanted is None:
        return "undecided", ""
    made, refusal = own_texts(arguments.program, folder, texts[at], case, environment)
    if made is None:
        return "refused", refusal
    if made == wanted:
        return "same", ""
    if transformers.__version__ < "5" and defaults.differs_in_4(case["config"], case["beams"]):
        return "otherwise in transformers 5", ""
    return "different", f"after {texts[at]!r}: expected {wanted}, found {made}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("vocabulary", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--program", default="build/test/medgen")
    parser.add_argument("--folders", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    counts, reasons = collections.Counter(), collections.Counter()
    for number in range(arguments.folders):
        rng = random.Random(arguments.seed * 1_000_003 + number)
        torch.manual_seed(number)
        folder = arguments.out / f"{transformers.__version__}-{arguments.seed}-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        environment = dict(os.environ, XDG_CACHE_HOME=str(arguments.out.resolve() / "cache"))
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                case = make_folder(rng, number, folder, arguments.vocabulary)
                result, why = check(arguments, rng, folder, case, environment)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # what the libraries do not take is no folder; a panic is no Exception
            result, why = "not made", f"{type(error).__name__}: {error}"
        counts[result] += 1
        if result == "different":
            print(f"{folder}: {why}\n  {json.dumps(case)}", flush=True)
            (folder / "case.json").write_text(json.dumps(case))
        else:
            shutil.rmtree(folder)
            reasons[f"{result}: {why.split(str(folder))[-1][:110]}"] += bool(why)
        shutil.rmtree(arguments.out / "cache", ignore_errors=True)
    print(f"transformers {transformers.__version__}: {dict(counts)}")
    for reason, count in reasons.most_common():
        if count:
            print(f"  {count:4} {reason}")
    return 1 if counts["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
