#!/usr/bin/env python3
"""Writes tests/fixtures/lens.json: what transformers holds inside each of the small checkpoints of
tests/fixtures/checkpoints, in double precision, for `medgen lens`. Needs torch, transformers and safetensors;
run it again only when a checkpoint is added. The tests themselves need no Python.

  make_lens_fixture.py [FILE]     (default: tests/fixtures/lens.json)

For the last token of a sequence: the residual stream after every block, every head's attention, what the logit
lens reads after every block, and what each part adds to the logit of the likeliest token.
"""
import json
import math
import pathlib
import sys

import torch
from transformers import GPT2Config, GPT2LMHeadModel
from safetensors.torch import load_file

IDS = [72, 9, 250, 33, 3, 118, 0, 275, 61, 199, 14]
FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "tests/fixtures"
# The models have more ids than their tokenizer; what the lens reads is over the tokenizer's.
VOCABULARY = len(json.loads((FIXTURES / "checkpoints/tokenizer/vocab.json").read_text(encoding="utf-8")))


def rounded(values):
    return [float(f"{x:.9g}") for x in values]


def load(folder):
    model = GPT2LMHeadModel(GPT2Config(**json.loads((folder / "config.json").read_text(encoding="utf-8"))))
    tensors = {}
    for file in sorted(folder.glob("*.safetensors")):
        tensors.update(load_file(str(file)))
    state = {name if name.startswith(("transformer.", "lm_head.")) else "transformer." + name: value.float()
             for name, value in tensors.items() if not name.endswith((".attn.bias", ".masked_bias"))}
    _, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected, unexpected
    model.tie_weights()
    return model.double().eval()


def seen_by_hooks(model):
    """What each block's attention and MLP add to the residual stream, the last token's, in order."""
    added = []
    for block in model.transformer.h:
        block.attn.register_forward_hook(lambda _, __, out: added.append(out[0][0, -1]))
        block.mlp.register_forward_hook(lambda _, __, out: added.append(out[0, -1]))
    last_input = []
    model.transformer.ln_f.register_forward_hook(lambda _, given, __: last_input.append(given[0].reshape(-1, given[0].shape[-1])[-1]))
    return added, last_input


def contributions(model, added, stream, token):
    """As docs/WHY.md has it: the scale of the final norm is held fixed."""
    norm = model.transformer.ln_f
    scale = 1 / math.sqrt(stream.var(unbiased=False).item() + norm.eps)
    column = model.lm_head.weight[token]

    def to_logit(part):
        return ((part - part.mean()) * scale * norm.weight * column).sum().item()

    embeddings = [model.transformer.wte.weight[IDS[-1]], model.transformer.wpe.weight[len(IDS) - 1]]
    parts = embeddings + added
    return {"logits": rounded(to_logit(part) for part in parts), "bias": rounded([(norm.bias * column).sum().item()])[0],
            "norms": rounded(part.norm().item() for part in parts)}


def read(logits, final):
    log_p, log_final = logits.log_softmax(0), final.log_softmax(0)
    target = int(final.argmax())
    order = sorted(range(len(logits)), key=lambda i: (-logits[i].item(), i))
    return {"entropy": rounded([-(log_p.exp() * log_p).sum().item()])[0],
            "divergence": rounded([(log_final.exp() * (log_final - log_p)).sum().item()])[0],
            "rank": order.index(target) + 1, "top": order[:5],
            "probability": rounded([log_p[target].exp().item()])[0]}


def rollout(attentions):
    """Abnar and Zuidema 2020, section 3: the mean over heads, half of it the residual."""
    result = torch.eye(len(IDS), dtype=torch.float64)
    for layer in attentions:
        result = (0.5 * layer[0].mean(0) + 0.5 * torch.eye(len(IDS), dtype=torch.float64)) @ result
    return rounded(result[-1].tolist())


def describe(folder):
    model = load(folder)
    added, last_input = seen_by_hooks(model)
    with torch.no_grad():
        out = model(torch.tensor([IDS]), output_hidden_states=True, output_attentions=True)
        # hidden_states[-1] is behind the final norm; what goes into it is what the hook saw.
        stream = [state[0, -1] for state in out.hidden_states[:-1]] + [last_input[0]]
        final = out.logits[0, -1][:VOCABULARY]
        lens = [model.lm_head(model.transformer.ln_f(state))[:VOCABULARY] for state in stream]
        token = int(final.argmax())
        return {"checkpoint": folder.name, "stream": [rounded(state.tolist()) for state in stream],
                "attention": [[rounded(head[-1].tolist()) for head in layer[0]] for layer in out.attentions],
                "rollout": rollout(out.attentions),
                "lens": [read(logits, final) for logits in lens], "target": token,
                "logit": rounded([final[token].item()])[0],
                "contributions": contributions(model, added, last_input[0], token)}


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FIXTURES / "lens.json"
    folders = sorted(path.parent for path in (FIXTURES / "checkpoints").glob("*/expected.json")
                     if list(path.parent.glob("*.safetensors")))
    described = [describe(folder) for folder in folders]
    lines = ",\n".join(json.dumps(one) for one in described)
    out.write_text(f'{{"ids": {json.dumps(IDS)}, "checkpoints": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
