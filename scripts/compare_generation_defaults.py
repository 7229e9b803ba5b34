#!/usr/bin/env python3
"""Compares a model's generation defaults in medgen with transformers 4 and 5.

  compare_generation_defaults.py --medgen PROGRAM --python4 PYTHON --python5 PYTHON
                                 [--folders 120] [--seed 1] [--keep FOLDER]

Makes tiny random GPT-2s with random generation_config.json files (or, as older folders have them,
the same keys in config.json), converts each, and compares what `medgen generate` makes by greedy
decoding or beam search with what `generate` of transformers makes of the same folder: 16 tokens,
no setting but the seed given on either side. PYTHON4 and PYTHON5 are interpreters with torch and
transformers 4.46 and 5. Prints the counts, and exits with 1 if anything differs.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

END = 256  # the vocabulary: 256 bytes and the end of text
TOKENS = 16
PROMPTS = ["My knee hurts when", "ab ab ab ab", "I", "a fever and"]


def byte_alphabet():
    """The characters that GPT-2's vocabulary has in place of bytes, by byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = iter(range(256, 512))
    return [chr(byte if byte in plain else next(other)) for byte in range(256)]


def random_config(rng, old_folder, end=END, letters=range(32, 127), suppressed=range(128, 256)):
    """A generation_config.json, and whether it is about beams. Ids from 128 on are suppressed, so that every token is
    a character of the text. A vocabulary other than that of bytes has its own end, ids and suppressed ones."""
    letter = letters[33 % len(letters)]

    def ids(n, ends=True):
        return [rng.choice([*letters, *([end] if ends else [])]) for _ in range(n)]

    config = {}
    beams = rng.choice([0, 0, 2, 3, 4])

    def maybe(share, name, value):
        if rng.random() < share:
            config[name] = value

    if beams:
        config["num_beams"] = beams
        maybe(0.5, "length_penalty", rng.choice([-1.0, 0.0, 0.5, 2.0]))
        maybe(0.5, "early_stopping", rng.choice([True, False, "never"]))
        maybe(0.5, "num_return_sequences", rng.randint(1, beams))
        maybe(0.3, "do_sample", False)
    else:
        config["do_sample"] = False
        maybe(0.2, "length_penalty", 2.0)
        maybe(0.2, "early_stopping", True)
        maybe(0.2, "guidance_scale", rng.choice([1.0, 1.5, 3.0]))
    maybe(0.4, "repetition_penalty", rng.choice([0.8, 1.2, 1.8]))
    maybe(0.4, "no_repeat_ngram_size", rng.randint(1, 3))
    maybe(0.25, "encoder_repetition_penalty", rng.choice([0.7, 1.3, 2.0]))
    maybe(0.25, "encoder_no_repeat_ngram_size", rng.randint(1, 3))
    maybe(0.4, "bad_words_ids", [ids(rng.randint(1, 2)) for _ in range(20)])
    maybe(0.3, "sequence_bias", [[[i], rng.choice([-4.0, 4.0])] for i in set(ids(10))])
    maybe(0.4, "begin_suppress_tokens", ids(30))
    if rng.random() < 0.3:  # with a least length beside it transformers adds infinity to -infinity
        config["exponential_decay_length_penalty"] = [rng.randint(0, 5), rng.choice([1.1, 1.5])]
    else:
        maybe(0.4, "min_length", rng.randint(0, 25))
        maybe(0.4, "min_new_tokens", rng.randint(0, 10))
    maybe(0.3, "forced_bos_token_id", ids(1, ends=False)[0])
    maybe(0.3, "forced_eos_token_id", rng.choice([end, [letter]]))  # of several, all score the same
    maybe(0.3, "renormalize_logits", True)
    maybe(0.6, "eos_token_id", rng.choice([end, ids(1), ids(8), [*ids(15), 50256]]))
    for name, value in [("temperature", 0.6), ("top_k", 5), ("top_p", 0.7), ("typical_p", 0.5), ("min_p", 0.2)]:
        maybe(0.2, name, value)
    for name, value in [("use_cache", True), ("pad_token_id", end), ("bos_token_id", end), ("output_scores", False)]:
        maybe(0.2, name, value)
    forced = [config.get("forced_bos_token_id"), letter]
    config["suppress_tokens"] = [*suppressed, *(i for i in ids(5, ends=False) if i not in forced)]
    if rng.random() < 0.7:
        config["max_new_tokens"] = TOKENS
        maybe(0.3, "max_length", 40)
    else:
        config["max_length"] = rng.randint(21, 34)  # 20 says nothing in a config.json
    if old_folder:
        config = {name: value for name, value in config.items() if value is not False}
    return config, beams > 0


def make(folder, count, seed):
    """Runs under transformers 4."""
    import torch
    import transformers

    rng = random.Random(seed)
    alphabet = byte_alphabet()
    for i in range(count):
        place = folder / f"{i:03}"
        torch.manual_seed(seed * 1000 + i)
        old = i % 4 == 3
        config, beams = random_config(rng, old)
        architecture = transformers.GPT2Config(vocab_size=257, n_positions=64, n_embd=16, n_layer=2, n_head=2,
                                               bos_token_id=END, eos_token_id=END, initializer_range=0.4)
        transformers.GPT2LMHeadModel(architecture).save_pretrained(place)
        (place / "vocab.json").write_text(json.dumps({**{c: b for b, c in enumerate(alphabet)}, "<|endoftext|>": END}))
        (place / "merges.txt").write_text("#version: 0.2\n")
        if old:
            (place / "generation_config.json").unlink(missing_ok=True)
            whole = json.loads((place / "config.json").read_text())
            (place / "config.json").write_text(json.dumps({**whole, **config}))
        else:
            config.setdefault("eos_token_id", END)
            (place / "generation_config.json").write_text(json.dumps(config))
        case = {"folder": str(place), "prompt": rng.choice(PROMPTS), "config": config, "beams": beams, "old": old}
        (place / "case.json").write_text(json.dumps(case))


def generate(folder):
    """Runs under either; a line of JSON for each folder: the new ids of each text, up to one that ends it."""
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    for place in sorted(folder.iterdir()):
        case = json.loads((place / "case.json").read_text())
        try:
            model = transformers.GPT2LMHeadModel.from_pretrained(place).eval()
            ids = torch.tensor([list(case["prompt"].encode())])
            with torch.no_grad():
                out = model.generate(ids, attention_mask=torch.ones_like(ids))
            ends = model.generation_config.eos_token_id
            ends = set(ends if isinstance(ends, list) else [] if ends is None else [ends])
            texts = []
            for row in out[:, ids.shape[1]:].tolist():
                end = next((i for i, token in enumerate(row) if token in ends), None)
                texts.append([row if end is None else row[:end], end is not None])
            print(json.dumps({"texts": texts}), flush=True)
        except (IndexError, ValueError, RuntimeError) as error:
            print(json.dumps({"error": str(error)[:200]}), flush=True)


def differs_in_4(config, beams):
    """Whether transformers 4 and 5 go different ways, of which medgen goes the second. With the length penalty version 4
    makes NaN of an end that is ruled out, and its beam search judges whether to go on by the scores of the ends too, which
    the penalty raises above those of all beams. Its encoder_repetition_penalty changes the first beam alone."""
    return "exponential_decay_length_penalty" in config or (beams and "encoder_repetition_penalty" in config)


def ids_of(text):
    parts = [list(part.encode()) for part in text.split("<|endoftext|>")]  # where that ends no text
    return parts[0] + [token for part in parts[1:] for token in [END, *part]]


def medgen_texts(program, place, case):
    bundle = place / "bundle"
    if not bundle.exists():
        done = subprocess.run([program, "convert", "--quiet", place, bundle], capture_output=True, text=True)
        if done.returncode:
            return {"error": done.stderr.strip()}
    greedy = [] if case["beams"] or not case["old"] else ["--greedy"]  # config.json cannot say do_sample false
    done = subprocess.run([program, "generate", "--model", bundle, "--precision", "fp32", "--json", "--seed", "1",
                           *greedy, case["prompt"]], capture_output=True, text=True)
    if done.returncode:
        return {"error": done.stderr.strip()}
    texts = [[ids_of(c["text"]), c["finish_reason"] == "eos"] for c in json.loads(done.stdout)["completions"]]
    return {"texts": texts}


def compare(arguments, folder):
    def run(python, *words):
        return subprocess.run([python, __file__, *words], check=True, capture_output=True, text=True).stdout

    run(arguments.python4, "make", str(folder), str(arguments.folders), str(arguments.seed))
    theirs = {name: [json.loads(line) for line in run(python, "generate", str(folder)).splitlines()]
              for name, python in [("transformers 4", arguments.python4), ("transformers 5", arguments.python5)]}
    same = {name: 0 for name in theirs}
    refused = {name: 0 for name in theirs}
    otherwise = {name: 0 for name in theirs}
    bad = 0
    for i, place in enumerate(sorted(folder.iterdir())):
        case = json.loads((place / "case.json").read_text())
        ours = medgen_texts(arguments.medgen, place, case)
        for name, answers in theirs.items():
            if "error" in answers[i]:
                refused[name] += 1
                print(f"{place.name}: {name} refuses: {answers[i]['error']}")
            elif ours == answers[i]:
                same[name] += 1
            elif name == "transformers 4" and differs_in_4(case["config"], case["beams"]):
                otherwise[name] += 1
            else:
                bad += 1
                print(f"{place.name}: {name} {answers[i]}, medgen {ours}, {json.dumps(case['config'])[:600]}")
    for name in theirs:
        print(f"{name}: {same[name]} of {arguments.folders} folders the same, {refused[name]} refused by it, "
              f"{otherwise[name]} with a key that it has otherwise")
    return bad


def main():
    if len(sys.argv) > 2 and sys.argv[1] == "make":
        return make(pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    if len(sys.argv) > 2 and sys.argv[1] == "generate":
        return generate(pathlib.Path(sys.argv[2]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ["--medgen", "--python4", "--python5"]:
        parser.add_argument(name, required=True)
    parser.add_argument("--folders", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=pathlib.Path, help="an empty folder for the models, which stay there")
    arguments = parser.parse_args()
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        sys.exit(1 if compare(arguments, arguments.keep) else 0)
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(1 if compare(arguments, pathlib.Path(folder)) else 0)


if __name__ == "__main__":
    main()
