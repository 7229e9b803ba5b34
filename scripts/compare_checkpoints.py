#!/usr/bin/env python3
"""Saves random tiny GPT-2s with transformers in many spellings, and compares 16 greedy tokens of each with those of
medgen, which is given the folder as it is. Needs torch and transformers (run it with 4.x and with 5.x) and a built medgen.

  compare_checkpoints.py [--count N] [--seed S] [--medgen PROGRAM]

What varies: the type of the weights, whether they are tied, safetensors or .bin, the size of a shard, the class that is
saved, names with and without a prefix, buffers of older releases. Prints what differs, and counts; fails if anything does.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import safetensors.torch
import torch
import transformers

VOCABULARY = 300
CLASSES = ["GPT2LMHeadModel", "GPT2Model", "GPT2DoubleHeadsModel", "GPT2ForSequenceClassification",
           "GPT2ForTokenClassification"]
DTYPES = ["float64", "float32", "float16", "bfloat16"]
FILES = ["safetensors", "bin", "aliases", "variant"]


def write_tokenizer(folder):
    """The 256 bytes and as many merges of letters as fill the vocabulary."""
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    others = [byte for byte in range(256) if byte not in printable]
    letter = {byte: chr(byte) for byte in printable}
    letter.update({byte: chr(256 + i) for i, byte in enumerate(others)})
    vocabulary = {letter[byte]: byte for byte in range(256)}
    merges = []
    for first in "abcdefghij":
        for second in "klmno":
            if len(vocabulary) < VOCABULARY - 1:
                merges.append(f"{first} {second}")
                vocabulary[first + second] = len(vocabulary)
    vocabulary["<|endoftext|>"] = len(vocabulary)
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")


def make_model(choice, rng):
    config = transformers.GPT2Config(
        vocab_size=choice.get("vocabulary", VOCABULARY), n_positions=64, n_embd=16, n_layer=rng.choice([1, 2, 3]), n_head=rng.choice([1, 2, 4]),
        activation_function=rng.choice(["gelu_new", "relu", "silu"]), tie_word_embeddings=choice["tied"],
        scale_attn_by_inverse_layer_idx=rng.random() < 0.3, bos_token_id=choice.get("end", VOCABULARY - 1),
        eos_token_id=choice.get("end"), pad_token_id=0, num_labels=2)
    model = getattr(transformers, choice["class"])(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=choice["random"]) * 0.3)
    return model.eval().to(getattr(torch, choice["dtype"]))


def save(model, folder, choice):
    """As the choice has it; a choice that this release of transformers cannot write is written by torch."""
    size = choice["shard"]
    if choice["files"] == "safetensors":
        model.save_pretrained(folder, max_shard_size=size)
    elif choice["files"] == "variant":
        model.save_pretrained(folder, max_shard_size=size, variant="fp16")
    elif choice["files"] == "aliases":
        model.config.save_pretrained(folder)
        safetensors.torch.save_model(model, folder / "model.safetensors", metadata={"format": "pt"})
    elif int(transformers.__version__.split(".")[0]) < 5 and not choice["module"]:
        model.save_pretrained(folder, max_shard_size=size, safe_serialization=False)
    else:
        model.config.save_pretrained(folder)
        state = model.state_dict()
        if choice["module"]:
            state = collections.OrderedDict(("module." + name, tensor) for name, tensor in state.items())
        if choice["buffers"]:
            prefix = next(iter(state))[: -len("wte.weight")]
            for layer in range(model.config.n_layer):
                mask = torch.ones(64, 64, dtype=torch.uint8).tril().view(1, 1, 64, 64)
                state[f"{prefix}h.{layer}.attn.bias"] = mask
                state[f"{prefix}h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
        torch.save(state, folder / "pytorch_model.bin")


def random_choice(rng, number):
    choice = {"class": CLASSES[0] if rng.random() < 0.4 else rng.choice(CLASSES), "dtype": rng.choice(DTYPES),
              "files": rng.choice(FILES), "tied": rng.random() < 0.7, "shard": rng.choice(["8KB", "20KB", "1GB"]),
              "module": rng.random() < 0.2, "buffers": rng.random() < 0.5,
              "random": torch.Generator().manual_seed(number)}
    if choice["class"] != "GPT2LMHeadModel":
        choice["tied"] = True  # their files have no head
    return choice


def load(folder):
    """The GPT2LMHeadModel that transformers makes of the folder, in float32."""
    variant = {"variant": "fp16"} if any(".fp16." in file.name for file in folder.iterdir()) else {}
    return transformers.GPT2LMHeadModel.from_pretrained(folder, **variant).float().eval()


def expected_tokens(folder, prompt):
    """By a GPT2LMHeadModel that transformers loads from the folder, in float32; up to where two are equally likely."""
    model = load(folder)
    ids = torch.tensor([prompt])
    made = []
    with torch.no_grad():
        for _ in range(16):
            logits = model(ids).logits[0, -1]
            best = torch.topk(logits, 2).values
            if best[0] - best[1] < 1e-4 * max(1, abs(best[0])):  # either may win
                return made
            made.append(int(logits.argmax()))
            ids = torch.cat([ids, torch.tensor([[made[-1]]])], dim=1)
    return made


def medgen_tokens(program, folder, text, count, environment):
    """The tokens that `sweep` records; what it said if it failed."""
    (folder / "row.jsonl").write_text(json.dumps({"id": "a", "prompt": text}) + "\n", encoding="utf-8")
    words = [program, "sweep", str(folder / "row.jsonl"), "--model", str(folder / "model"), "-o", str(folder / "out"),
             "--grid", "temperature=0", "-n", "1", "--max-new-tokens", str(count), "--precision", "fp32", "--seed", "1",
             "--quiet"]
    run = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    if run.returncode != 0:
        return run.stderr.strip()
    record = json.loads((folder / "out/samples.jsonl").read_text(encoding="utf-8").splitlines()[0])
    return record["completions"][0]["tokens"]


def check(options, folder, choice, text, environment, counts):
    prompt = transformers.AutoTokenizer.from_pretrained(folder / "model")(text)["input_ids"]
    expected = expected_tokens(folder / ("plain" if (folder / "plain").exists() else "model"), prompt)
    if not expected:
        counts["undecided"] += 1  # two tokens are equally likely from the start
        return
    made = medgen_tokens(options.medgen, folder, text, len(expected), environment)
    same = made == expected
    counts["same" if same else "differs"] += 1
    counts["tokens"] += len(expected)
    if not same:
        shown = {key: value for key, value in choice.items() if key != "random"}
        print(f"{shown}: expected {expected}, medgen {made}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--medgen", default=os.environ.get("MEDGEN", "build/release/medgen"))
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    rng = random.Random(options.seed)
    counts = collections.Counter()
    with tempfile.TemporaryDirectory() as scratch:
        environment = dict(os.environ, XDG_CACHE_HOME=scratch)
        for number in range(options.count):
            choice = random_choice(rng, number)
            folder = pathlib.Path(scratch) / f"model{number}"
            (folder / "model").mkdir(parents=True)
            model = make_model(choice, rng)
            save(model, folder / "model", choice)
            if choice["files"] == "bin" and choice["module"]:  # which transformers does not look behind
                save(model, folder / "plain", dict(choice, module=False))
            write_tokenizer(folder / "model")
            text = "".join(rng.choice("abcdefghijklmno ") for _ in range(12)).strip() or "a"
            check(options, folder, choice, text, environment, counts)
    print(f"transformers {transformers.__version__}: {options.count} folders, {counts['same']} the same with "
          f"{counts['tokens']} tokens, {counts['differs']} differ, {counts['undecided']} undecided")
    sys.exit(1 if counts["differs"] else 0)


if __name__ == "__main__":
    main()
