#!/usr/bin/env python3
"""Writes tests/fixtures/gradients.json: gradient x input and integrated gradients of a small GPT-2 of
tests/fixtures/checkpoints as captum computes them, with respect to the embeddings of the input tokens and summed over
these. Needs torch, transformers and captum; the tests themselves need no Python.

  make_gradient_fixtures.py [FILE]
"""
import importlib.metadata
import json
import pathlib
import sys

import torch
from captum.attr import InputXGradient, IntegratedGradients
from transformers import GPT2LMHeadModel

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "tests/fixtures"
CHECKPOINTS = ["gelu_new_odd_head", "quick_gelu_untied"]
LENGTH = 14
TARGETS = [1, 5, 6, 13]
STEPS = 50
BASELINE = 7  # a token, where the baseline is not zero


def attributions(name):
    model = GPT2LMHeadModel.from_pretrained(FIXTURES / "checkpoints" / name, attn_implementation="eager").eval()
    ids = [(i * 29 + 3) % model.config.vocab_size for i in range(LENGTH)]
    table = model.transformer.wte.weight.detach()
    inputs = table[torch.tensor(ids)].unsqueeze(0)

    def logprob(embedded, target):
        logits = model(inputs_embeds=embedded).logits
        return torch.log_softmax(logits[:, target - 1], -1)[:, ids[target]]

    def rows(attribute):
        return [[float(f"{v:.9g}") for v in attribute(target).sum(-1)[0].tolist()] for target in TARGETS]

    integrated = IntegratedGradients(logprob)

    def integrate(baseline):
        return lambda target: integrated.attribute(inputs, baselines=baseline, additional_forward_args=target,
                                                   n_steps=STEPS, method="gausslegendre").detach()

    same = table[torch.tensor([BASELINE] * LENGTH)].unsqueeze(0)
    return {
        "checkpoint": name, "ids": ids, "targets": TARGETS, "steps": STEPS, "baseline": BASELINE,
        "logprobs": [float(logprob(inputs, target).item()) for target in TARGETS],
        "gradient_times_input": rows(
            lambda target: InputXGradient(logprob).attribute(inputs, additional_forward_args=target).detach()),
        "integrated_gradients": rows(integrate(torch.zeros_like(inputs))),
        "integrated_gradients_from_token": rows(integrate(same)),
    }


def main():
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FIXTURES / "gradients.json"
    torch.manual_seed(0)
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("captum", "torch", "transformers")]
    fixture = {"made_with": ", ".join(versions), "models": [attributions(name) for name in CHECKPOINTS]}
    path.write_text(json.dumps(fixture) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
