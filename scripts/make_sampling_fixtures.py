#!/usr/bin/env python3
"""Makes tests/fixtures/sampling: what decoding settings must do, from sources other than medgen.

  make_sampling_fixtures.py [FOLDER]

steps.jsonl: a line of `medgen explain --jsonl` each, with the tokens that must be kept and their
probabilities in double. Rules that transformers (5.x) has are run by its own processors, put
together in its own order, on double scores; those it has not ("made_with": "formula") by the plain
functions below, written from their formulas. beams.json: beam searches of a tiny GPT-2 by
transformers; the model is the checkpoint fixture gelu_new_odd_head. Needs transformers >= 5 and torch.
"""
import json
import math
import pathlib
import random
import sys

import torch
import transformers
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel, LogitsProcessorList

# The order of equals is that of a stable sort; torch promises none by default and changes it with the length.
unstable_sort = torch.sort
torch.sort = lambda x, dim=-1, descending=False: unstable_sort(x, dim=dim, descending=descending, stable=True)

ROOT = pathlib.Path(__file__).resolve().parent.parent / "tests/fixtures"
GONE = -math.inf


# ---- rules that transformers lacks, by their formulas; scores are lists of double -------------

def softmax(scores):
    top = max(scores)
    weights = [math.exp(s - top) for s in scores]
    total = math.fsum(weights)
    return [w / total for w in weights]


def entropy(p):
    return -math.fsum(x * math.log(x) for x in p if x > 0)


def keep(scores, chosen):
    return [s if i in chosen else GONE for i, s in enumerate(scores)]


def top_n_sigma(scores, n):
    left = [s for s in scores if s > GONE]
    mean = math.fsum(left) / len(left)
    sigma = math.sqrt(math.fsum((s - mean) ** 2 for s in left) / len(left))
    return [s if s >= max(left) - n * sigma else GONE for s in scores]


def xtc(scores, threshold):
    """As if its coin had triggered it."""
    p = softmax(scores)
    above = sorted((i for i in range(len(p)) if p[i] >= threshold), key=lambda i: (-p[i], i))
    return [GONE if i in above[:-1] else s for i, s in enumerate(scores)]


def dynamic_temperature(scores, temperature, spread, exponent):
    p = softmax(scores)
    n = sum(1 for s in scores if s > GONE)
    low, high = max(0, temperature - spread), temperature + spread
    t = low + (high - low) * (entropy(p) / math.log(n)) ** exponent
    return [s / t for s in scores]


def mirostat(scores, mu):
    p = softmax(scores)
    best = p.index(max(p))
    return [s if i == best or (p[i] > 0 and -math.log2(p[i]) <= mu) else GONE
            for i, s in enumerate(scores)]


def counts_penalty(scores, generated, frequency, presence):
    return [s - generated.count(i) * frequency - (presence if i in generated else 0)
            for i, s in enumerate(scores)]


def logit_bias(scores, bias):
    return [s + bias.get(str(i), 0) for i, s in enumerate(scores)]


def dry(scores, context, multiplier, base, allowed, last_n):
    if last_n >= 0:
        context = context[len(context) - min(last_n, len(context)):]
    best = {}
    for end in range(len(context) - 1):  # context[end + 1] followed a match that ends at `end`
        match = 0
        while match <= end and context[end - match] == context[len(context) - 1 - match]:
            match += 1
        best[context[end + 1]] = max(best.get(context[end + 1], 0), match)
    return [s - multiplier * base ** (best[i] - allowed) if best.get(i, 0) >= allowed else s
            for i, s in enumerate(scores)]


# ---- transformers ---------------------------------------------------------------------------------

TINY = GPT2LMHeadModel(GPT2Config(vocab_size=8, n_positions=8, n_embd=4, n_layer=1, n_head=1))


def processors(settings, prompt):
    settings = dict(settings)
    eos = settings.pop("eos_token_id", None)
    for old, new in (("bad_words", "bad_words_ids"),):
        if old in settings:
            settings[new] = settings.pop(old)
    settings.setdefault("top_k", 0)
    config = GenerationConfig(do_sample=True, eos_token_id=eos, **settings)
    TINY._prepare_special_tokens(config, True, device="cpu")
    return TINY._get_logits_processor(
        generation_config=config, input_ids_seq_length=len(prompt), encoder_input_ids=torch.tensor([prompt]),
        prefix_allowed_tokens_fn=None, logits_processor=LogitsProcessorList(), device="cpu",
        model_kwargs={})


def by_transformers(line):
    settings = dict(line["settings"])
    if "max_new_tokens" in settings:
        settings["max_length"] = len(line["prompt_ids"]) + settings.pop("max_new_tokens")
    ids = torch.tensor([line["prompt_ids"] + line["generated_ids"]])
    scores = torch.tensor([line["logits"]], dtype=torch.float32).double()
    scores = processors(settings, line["prompt_ids"])(ids, scores)
    return scores[0].tolist()


# ---- cases -----------------------------------------------------------------------------------------

class Cases:
    def __init__(self):
        self.random = random.Random(20)
        self.lines = []

    def logits(self, n, kind):
        """Multiples of 1/64, which float32 holds: spread out, with many ties, all equal, or peaked."""
        if kind == "ties":
            return [self.random.randrange(-4, 5) / 2 for _ in range(n)]
        if kind == "equal":
            return [0.5] * n
        width = 1200 if kind == "peaked" else 300
        return [self.random.randrange(-width, width) / 64 for _ in range(n)]

    def line(self, settings, kind="spread", n=None, prompt=None, generated=None):
        n = n or self.random.choice([5, 12, 24, 40])
        ids = lambda k: [self.random.randrange(n) for _ in range(k)]
        return {"prompt_ids": ids(3) if prompt is None else prompt,
                "generated_ids": ids(4) if generated is None else generated,
                "logits": self.logits(n, kind), "settings": settings}

    def add(self, made_with, line, scores):
        kept = [i for i, s in enumerate(scores) if s > GONE]
        p = softmax(scores)
        self.lines.append({"made_with": made_with, "line": line, "kept": kept,
                           "probs": [float(f"{p[i]:.12g}") for i in kept]})

    def hf(self, settings, kind="spread", **more):
        line = self.line(settings, kind, **more)
        self.add("transformers", line, by_transformers(line))

    def formula(self, settings, function, kind="spread", **more):
        line = self.line(settings, kind, **more)
        scores = list(line["logits"])
        self.add("formula", line, function(scores, line))


def filters_of_transformers(c):
    kinds = ["spread", "ties", "equal", "peaked"]
    for kind in kinds:
        for t in (0.2, 0.7, 1.5):
            c.hf({"temperature": t}, kind)
        for k in (1, 3, 7, 100):
            c.hf({"top_k": k}, kind)
        for p in (1e-9, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.999):
            c.hf({"top_p": p}, kind)
        for p in (0.01, 0.1, 0.5, 1.0):
            c.hf({"min_p": p}, kind)
        for p in (0.05, 0.2, 0.5, 0.8, 0.95):
            c.hf({"typical_p": p}, kind)
        for e in (1e-4, 0.01, 0.05, 0.2, 0.9):
            c.hf({"epsilon_cutoff": e}, kind)
            c.hf({"eta_cutoff": e}, kind)
        for h in (0.1, 0.4, 0.8, 1.0):
            # Among equals at the end of what stays, torch.topk chooses as it likes.
            if kind in ("spread", "peaked"):
                c.hf({"top_h": h}, kind)
    c.hf({"top_h": 0.7}, "spread", n=150)
    for kind in ("spread", "ties"):
        for p in (0.3, 0.6, 0.9):
            c.hf({"top_p": p}, kind, n=300)
            c.hf({"typical_p": p}, kind, n=300)


def combinations_of_transformers(c):
    for _ in range(50):
        settings = {"temperature": c.random.choice([0.5, 0.8, 1.3])}
        for name, values in (("top_k", [2, 5, 15]), ("top_p", [0.4, 0.8, 0.95]), ("min_p", [0.02, 0.1]),
                             ("typical_p", [0.3, 0.9]), ("epsilon_cutoff", [0.01, 0.05]),
                             ("eta_cutoff", [0.01, 0.1])):
            if c.random.random() < 0.5:
                settings[name] = c.random.choice(values)
        if c.random.random() < 0.4:
            settings["repetition_penalty"] = c.random.choice([0.8, 1.3])
        c.hf(settings, c.random.choice(["spread", "peaked"]))


def processors_of_transformers(c):
    for r in (0.5, 1.1, 1.3, 2.0):
        for kind in ("spread", "ties", "peaked"):
            c.hf({"repetition_penalty": r}, kind)
    for n in (1, 2, 3):
        c.hf({"no_repeat_ngram_size": n}, n=12, prompt=[1, 2, 3, 1, 2], generated=[4, 1, 2])
        c.hf({"no_repeat_ngram_size": n}, n=12, prompt=[1], generated=[])
        c.hf({"no_repeat_ngram_size": n}, n=12, prompt=[5, 5], generated=[5])
    bias = [[[3], -1.5], [[1, 2], 2.25], [[4, 1, 2], -3.0], [[9, 9, 9, 9, 2], 5.0]]
    c.hf({"sequence_bias": bias}, n=12, prompt=[7, 4], generated=[1])
    c.hf({"sequence_bias": bias}, n=12, prompt=[4], generated=[1])  # as long as all but the last
    c.hf({"sequence_bias": bias}, n=12, prompt=[1], generated=[])
    for words in ([[5]], [[1, 2], [3]], [[4, 1, 2]], [[0], [5], [1, 6]]):
        c.hf({"bad_words": words, "eos_token_id": 0}, n=12, prompt=[7, 4], generated=[1])
    for made in (0, 1, 2, 5):
        generated = [3] * made
        c.hf({"min_new_tokens": 2, "eos_token_id": 0}, n=12, prompt=[1, 2], generated=generated)
        c.hf({"min_length": 4, "eos_token_id": [0, 5]}, n=12, prompt=[1, 2], generated=generated)
        c.hf({"suppress_tokens": [1, 7]}, n=12, prompt=[1, 2], generated=generated)
        c.hf({"begin_suppress_tokens": [1, 7]}, n=12, prompt=[1, 2], generated=generated)
        c.hf({"begin_suppress_tokens": [1, 7], "forced_bos_token_id": 4}, n=12, prompt=[1],
             generated=generated)
        c.hf({"forced_bos_token_id": 4}, n=12, prompt=[1], generated=generated)
        c.hf({"forced_eos_token_id": 6, "max_new_tokens": 3}, n=12, prompt=[1, 2], generated=generated)
        c.hf({"forced_eos_token_id": [6, 2], "max_length": 4}, n=12, prompt=[1, 2], generated=generated)
        c.hf({"exponential_decay_length_penalty": [1, 1.25], "eos_token_id": 0}, n=12, prompt=[1, 2],
             generated=generated)
        c.hf({"exponential_decay_length_penalty": [1, 1.5], "eos_token_id": [0, 3]}, "peaked", n=12,
             prompt=[1, 2], generated=generated)
    for _ in range(6):
        c.hf({"renormalize_logits": True, "top_k": 5, "temperature": 0.8})
    # Several at once: the order matters.
    for _ in range(30):
        everything = {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2, "sequence_bias": [[[2], 1.5]],
                      "bad_words": [[3], [1, 4]], "min_new_tokens": 3, "eos_token_id": 0,
                      "exponential_decay_length_penalty": [2, 1.2], "suppress_tokens": [6],
                      "begin_suppress_tokens": [7], "forced_eos_token_id": 5, "max_length": 8,
                      "temperature": 0.7, "top_k": 6, "top_p": 0.9}
        settings = {k: v for k, v in everything.items() if c.random.random() < 0.6 or k == "eos_token_id"}
        if "forced_eos_token_id" in settings:
            settings["max_length"] = 8
        made = c.random.randrange(6)
        c.hf(settings, n=12, prompt=[1, 2], generated=[c.random.randrange(12) for _ in range(made)])


def prompts_of_transformers(c):
    """What an encoder's text does in models that have one is done by the prompt in those that have none."""
    for r in (0.5, 1.3, 2.0):
        for kind in ("spread", "ties"):
            c.hf({"encoder_repetition_penalty": r}, kind, prompt=[1, 2, 2, 4], generated=[3, 1])
    for n in (1, 2, 3):
        for prompt, generated in (([1, 2, 3, 1, 4], [4, 1]), ([1, 2, 3], []), ([5], [5]), ([1, 2], [3, 4, 1, 2])):
            c.hf({"encoder_no_repeat_ngram_size": n}, n=12, prompt=prompt, generated=generated)
    for _ in range(6):  # the order matters
        c.hf({"encoder_repetition_penalty": 1.5, "repetition_penalty": 1.2, "encoder_no_repeat_ngram_size": 2,
              "sequence_bias": [[[2], -1.5]], "top_k": 4, "temperature": 0.7}, n=12, prompt=[1, 2, 3, 2])


def formulas(c):
    for kind in ("spread", "ties", "peaked", "equal"):
        for n in (0.3, 1, 2.5):
            c.formula({"top_n_sigma": n}, lambda s, l: top_n_sigma(s, n), kind)
        for threshold in (0.02, 0.1, 0.3, 0.5):
            c.formula({"xtc_probability": 1, "xtc_threshold": threshold}, lambda s, l: xtc(s, threshold), kind)
        c.formula({"xtc_probability": 1, "xtc_threshold": 0.6}, lambda s, l: s, kind)
        c.formula({"xtc_probability": 0, "xtc_threshold": 0.1}, lambda s, l: s, kind)
        for t, spread, exponent in ((1, 0.5, 1), (0.8, 0.8, 2), (1, 2, 0.5)):
            c.formula({"temperature": t, "dynatemp_range": spread, "dynatemp_exponent": exponent},
                      lambda s, l: dynamic_temperature(s, t, spread, exponent), kind)
        for tau in (0.5, 1, 2, 5):  # mu begins at 2 tau
            c.formula({"mirostat": 2, "mirostat_tau": tau}, lambda s, l: mirostat(s, 2 * tau), kind)
    for f, p in ((0.5, 0), (0, 0.7), (-0.5, 1), (2, -2)):
        for _ in range(2):
            c.formula({"frequency_penalty": f, "presence_penalty": p},
                      lambda s, l: counts_penalty(s, l["generated_ids"], f, p), n=5,
                      generated=[1, 1, 2, 4, 1])
    c.formula({"logit_bias": {"1": 2.5, "4": -100}}, lambda s, l: logit_bias(s, {"1": 2.5, "4": -100}))
    for prompt, generated in (([1, 2, 3, 4, 1, 2], [3]), ([1, 1, 1, 1], [1, 1]), ([5, 6], [7]),
                              ([1, 2, 9, 1, 2, 8, 1], [2]), ([1, 2, 3, 1, 2, 3, 1], [2, 3])):
        for multiplier, base, allowed, last_n in ((0.8, 1.75, 2, -1), (1.5, 1.25, 1, -1), (0.8, 1.75, 2, 4)):
            c.formula({"dry_multiplier": multiplier, "dry_base": base, "dry_allowed_length": allowed,
                       "dry_penalty_last_n": last_n},
                      lambda s, l: dry(s, l["prompt_ids"] + l["generated_ids"], multiplier, base, allowed,
                                       last_n), n=12, prompt=prompt, generated=generated)
    # Other orders: the same two filters, the other way round.
    def masked(scores, settings):
        line = {"settings": settings, "prompt_ids": [0], "generated_ids": [], "logits": scores}
        ids = torch.tensor([[0]])
        return processors(settings, [0])(ids, torch.tensor([scores], dtype=torch.float64))[0].tolist()

    for order in ("vllm", "llama", ["temperature", "min_p", "top_k"], ["top_k", "min_p", "temperature"]):
        for kind in ("spread", "ties"):
            names = {"vllm": ["temperature", "min_p", "top_k", "top_p"],
                     "llama": ["top_k", "top_p", "min_p", "temperature"]}.get(str(order), order)
            values = {"temperature": 0.6, "min_p": 0.08, "top_k": 6, "top_p": 0.85}
            values = {k: v for k, v in values.items() if k in names}

            def run(s, l):
                for name in names:
                    s = masked(s, {name: values[name]})
                return s
            c.formula({**values, "sampler_order": order}, run, kind)


def write_steps(folder):
    c = Cases()
    filters_of_transformers(c)
    combinations_of_transformers(c)
    processors_of_transformers(c)
    formulas(c)
    prompts_of_transformers(c)
    with open(folder / "steps.jsonl", "w") as out:
        for line in c.lines:
            out.write(json.dumps(line, separators=(",", ":")) + "\n")
    print(len(c.lines), "cases,", sum(x["made_with"] == "transformers" for x in c.lines), "by transformers")


# ---- beams -----------------------------------------------------------------------------------------

def write_beams(folder):
    model = GPT2LMHeadModel.from_pretrained(ROOT / "checkpoints/gelu_new_odd_head").double().eval()
    chance = random.Random(5)
    cases = []
    while len(cases) < 50:
        prompt = [chance.randrange(270) for _ in range(chance.choice([1, 3, 7]))]
        beams = chance.choice([2, 3, 4, 6])
        settings = {"num_beams": beams, "num_return_sequences": chance.randint(1, beams),
                    "length_penalty": chance.choice([1.0, 0.0, 0.6, 2.0, -0.5]),
                    "early_stopping": chance.choice([False, True, "never"]),
                    "max_new_tokens": chance.choice([3, 8, 14])}
        # Several likely tokens end a text, so that beams finish at different lengths.
        if chance.random() < 0.8:
            with torch.no_grad():
                row = model(torch.tensor([prompt])).logits[0, -1]
            best = row.topk(12).indices.tolist()
            settings["eos_token_id"] = chance.sample(best, chance.choice([1, 1, 2, 3]))
        else:
            settings["eos_token_id"] = [276]
        for name, value in (("repetition_penalty", 1.4), ("no_repeat_ngram_size", 2), ("min_new_tokens", 2)):
            if chance.random() < 0.2:
                settings[name] = value
        if chance.random() < 0.1:
            settings["renormalize_logits"] = True
        out = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
                             do_sample=False, pad_token_id=299, return_dict_in_generate=True, output_scores=True,
                             top_k=None, temperature=None, top_p=None, **settings)
        sequences = []
        for ids in out.sequences.tolist():
            ids = ids[len(prompt):]
            while ids and ids[-1] == 299:
                ids.pop()
            sequences.append(ids)
        scores = [float(f"{s:.9g}") for s in out.sequences_scores.tolist()]
        cases.append({"prompt_ids": prompt, "settings": settings, "sequences": sequences, "scores": scores})
    (folder / "beams.json").write_text(json.dumps(
        {"made_with": f"transformers {transformers.__version__}", "model": "gelu_new_odd_head",
         "cases": cases}, separators=(",", ":")) + "\n")


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "sampling"
    folder.mkdir(parents=True, exist_ok=True)
    write_steps(folder)
    write_beams(folder)


if __name__ == "__main__":
    main()
