#!/usr/bin/env python3
"""Makes tests/fixtures/sampling/beam_sample.json: what beam search that draws must do.

  make_beam_sample_fixture.py [FILE]

"rows": what transformers' own warpers leave of a row of log-probabilities when they must leave several
tokens. "runs": how often transformers' beam search with do_sample gives which texts, on a model that
is a table: the last token picks the row of logits. Needs transformers 4.46 and torch.
"""
import collections
import json
import math
import pathlib
import random
import sys

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LogitsProcessorList
from transformers.generation import logits_process as steps
from transformers.modeling_outputs import CausalLMOutputWithCrossAttentions

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests/fixtures/sampling/beam_sample.json"
RUNS = 10000  # of each case
AT_ONCE = 5000


def warpers(settings, least):
    found = LogitsProcessorList()
    known = {
        "temperature": lambda v: steps.TemperatureLogitsWarper(v),
        "top_k": lambda v: steps.TopKLogitsWarper(v, min_tokens_to_keep=least),
        "top_p": lambda v: steps.TopPLogitsWarper(v, min_tokens_to_keep=least),
        "min_p": lambda v: steps.MinPLogitsWarper(v, min_tokens_to_keep=least),
        "typical_p": lambda v: steps.TypicalLogitsWarper(v, min_tokens_to_keep=least),
        "epsilon_cutoff": lambda v: steps.EpsilonLogitsWarper(v, min_tokens_to_keep=least),
        "eta_cutoff": lambda v: steps.EtaLogitsWarper(v, min_tokens_to_keep=least),
    }
    for name, make in known.items():  # in transformers' order
        if name in settings:
            found.append(make(settings[name]))
    return found


def make_row(rng):
    """Logits are multiples of 1/64, so that float32 holds them; no two alike, since sorts differ on ties."""
    logits = [x / 64 for x in rng.sample(range(-300, 300), rng.choice([6, 12, 40]))]
    settings = {"temperature": rng.choice([0.3, 0.7, 1.0, 1.5])}
    choices = {
        "top_k": rng.choice([1, 2, 5]), "top_p": rng.choice([0.05, 0.5, 0.9]), "min_p": rng.choice([0.3, 0.9, 1.0]),
        "typical_p": rng.choice([0.05, 0.4, 0.9]), "epsilon_cutoff": rng.choice([0.05, 0.5]),
        "eta_cutoff": rng.choice([0.05, 0.5]),
    }
    for name in rng.sample(sorted(choices), rng.choice([1, 1, 2])):
        settings[name] = choices[name]
    eos = rng.choice([1, 1, 2, 3])
    least = eos + 1
    scores = torch.log_softmax(torch.tensor([logits], dtype=torch.float64), dim=-1)
    ids = torch.zeros((1, 1), dtype=torch.long)
    left = warpers(settings, least)(ids, scores)[0].tolist()
    kept = [i for i, s in enumerate(left) if s > -math.inf]
    return {"logits": logits, "settings": settings, "least": least, "kept": kept,
            "scores": [float(f"{left[i]:.12g}") for i in kept]}


class Table(GPT2LMHeadModel):
    """The logits of a token's successor stand in its row."""

    def set_rows(self, rows):
        self.rows = torch.tensor(rows, dtype=torch.float32)

    def forward(self, input_ids=None, **ignored):
        return CausalLMOutputWithCrossAttentions(logits=self.rows[input_ids])


def make_run(rng, vocab, settings):
    # No two alike in a row: of equals torch takes any first.
    rows = [[x / 64 for x in rng.sample(range(-64, 64), vocab)] for _ in range(vocab)]
    model = Table(GPT2Config(n_layer=1, n_head=1, n_embd=2, n_positions=32, vocab_size=vocab))
    model.set_rows(rows)
    eos = settings["eos_token_id"]
    counts = collections.Counter()
    for _ in range(RUNS // AT_ONCE):
        prompt = torch.zeros((AT_ONCE, 2), dtype=torch.long)
        with torch.no_grad():
            out = model.generate(
                prompt, attention_mask=torch.ones_like(prompt), do_sample=True, use_cache=False,
                pad_token_id=eos[0], **{"top_k": 0, **settings})
        n = settings["num_return_sequences"]
        for first in range(0, AT_ONCE * n, n):
            texts = []
            for tokens in out[first:first + n, 2:].tolist():
                if eos[0] in tokens:  # it fills up with the first
                    tokens = tokens[:tokens.index(eos[0]) + 1]
                texts.append(tokens)
            counts[json.dumps(texts, separators=(",", ":"))] += 1
    return {"rows": rows, "settings": settings, "counts": dict(sorted(counts.items()))}


def main():
    rng = random.Random(4)
    torch.manual_seed(4)
    torch.set_num_threads(1)
    plain = {"num_beams": 2, "num_return_sequences": 1, "max_new_tokens": 2, "eos_token_id": [4], "temperature": 1.0}
    runs = [
        make_run(rng, 12, plain),
        make_run(rng, 8, {**plain, "num_return_sequences": 2, "temperature": 0.5}),
        make_run(rng, 12, {**plain, "num_beams": 3, "temperature": 1.7, "length_penalty": 2.0}),
        make_run(rng, 12, {**plain, "max_new_tokens": 3, "top_k": 3, "length_penalty": -1.0}),
        make_run(rng, 16, {**plain, "top_p": 0.6, "early_stopping": True}),
        make_run(rng, 12, {**plain, "eos_token_id": [5, 2], "early_stopping": "never"}),
        make_run(rng, 16, {**plain, "typical_p": 0.3, "renormalize_logits": True}),
        make_run(rng, 12, {**plain, "max_new_tokens": 3, "repetition_penalty": 1.5, "top_k": 4}),
    ]
    # Longer ones, on tables under which many texts end at every length.
    longer = {**plain, "max_new_tokens": 4}
    for seed, more in ((106, {"top_k": 5, "length_penalty": -1.0}), (103, {"top_k": 6, "repetition_penalty": 1.5})):
        torch.manual_seed(seed)
        runs.append(make_run(random.Random(seed), 8, {**longer, **more}))
    runs = [run for run in runs if len(run["counts"]) > 5]  # where one text always wins there is nothing to compare
    import transformers
    made = {"made_with": "transformers " + transformers.__version__,
            "rows": [make_row(rng) for _ in range(300)], "runs": runs}
    with open(sys.argv[1] if len(sys.argv) > 1 else OUT, "w") as out:
        out.write(json.dumps(made, separators=(",", ":")) + "\n")


main()
