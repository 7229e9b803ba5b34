#!/usr/bin/env python3
"""Writes tests/fixtures/checkpoints: small random GPT-2s in every form that medgen converts, with the logits
that transformers computes for them. Needs torch, transformers 4.30 and safetensors; run it again only when a
form is added. The tests themselves need no Python.

  make_checkpoint_fixtures.py [FOLDER]       the small ones (default: tests/fixtures/checkpoints)
  make_checkpoint_fixtures.py --small FOLDER a GPT-2 small (124 million parameters, 500 MB) into FOLDER, for
                                             MEDGEN_GPT2_SMALL_FIXTURE; never commit it
"""
import argparse
import json
import pathlib

import torch
import transformers
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel

MERGES = ["Ġ t", "h e", "Ġ a", "i n", "r e", "Ġt he", "o u", "Ġ s", "e r", "n d", "o r", "a t",
          "Ġ f", "e n", "Ġ c", "e v", "Ġa nd", "in g", "Ġf ev", "Ġfev er"]
END = "<|endoftext|>"
SEQUENCES = [[72, 9, 250, 33, 3, 3, 118, 0, 275, 61, 199, 14], [5, 140, 41, 7, 211, 90, 2]]


def byte_symbols():
    """GPT-2's printable stand-ins for the 256 bytes, in the order of its vocabulary."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [b for b in range(256) if b not in kept]
    return [chr(b) for b in kept] + [chr(256 + i) for i in range(len(moved))]


def write_tokenizer(folder):
    folder.mkdir(parents=True, exist_ok=True)
    tokens = byte_symbols() + [m.replace(" ", "") for m in MERGES] + [END]
    (folder / "vocab.json").write_text(
        json.dumps({t: i for i, t in enumerate(tokens)}, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(MERGES) + "\n", encoding="utf-8")
    return len(tokens) - 1  # id of END


def randomise(model, std):
    """Large enough that a wrong scale, bias, norm or activation shows in the logits."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0.0, std)
            if ".ln_" in name and name.endswith("weight"):
                parameter.add_(1.0)


def expectations(model, every_position=True):
    """Computed in double precision, so that what differs is not the reference's own rounding."""
    model = model.double().eval()
    sequences = []
    with torch.no_grad():
        for ids in SEQUENCES:
            logits = model(torch.tensor([ids]), return_dict=False)[0][0]
            last = len(ids) - 1
            positions = [0, 4, last] if every_position else [last]
            sequences.append({"ids": ids, "logits": [
                {"position": p, "values": [float(f"{x:.7g}") for x in logits[p].tolist()]}
                for p in positions]})
    return {"made_with": f"transformers {transformers.__version__}", "sequences": sequences}


def write_json(path, value, indent=None):
    path.write_text(json.dumps(value, indent=indent) + "\n", encoding="utf-8")


def make_model(seed, std=0.3, dtype=torch.float32, **settings):
    torch.manual_seed(seed)
    sizes = dict(vocab_size=300, n_positions=24, n_embd=16, n_layer=2, n_head=2,
                 bos_token_id=276, eos_token_id=276)
    sizes.update(settings)
    model = GPT2LMHeadModel(GPT2Config(**sizes)).eval()
    randomise(model, std)
    model.tie_weights()
    return model.to(dtype).float()  # the reference sees the values that are stored


def stored_tensors(model, dtype=torch.float32, prefix=True, masks=False):
    tensors = {}
    for name, value in model.state_dict().items():
        is_mask = name.endswith((".attn.bias", ".attn.masked_bias"))
        tied_head = name == "lm_head.weight" and model.config.tie_word_embeddings
        if (is_mask and not masks) or tied_head:
            continue
        value = value if is_mask else value.to(dtype)
        tensors[name if prefix else name.removeprefix("transformer.")] = value.clone().contiguous()
    if masks:  # early releases stored this one too
        for layer in range(model.config.n_layer):
            tensors[f"transformer.h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    return tensors


def write_checkpoint(folder, model, shards=1, **how):
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", model.config.to_dict(), indent=1)
    tensors = stored_tensors(model, **how)
    meta = {"format": "pt"}
    if shards == 1:
        save_file(tensors, str(folder / "model.safetensors"), metadata=meta)
    else:
        weight_map = {}
        for shard in range(shards):
            part = dict(list(tensors.items())[shard::shards])
            file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
            save_file(part, str(folder / file), metadata=meta)
            weight_map.update({name: file for name in part})
        write_json(folder / "model.safetensors.index.json",
                   {"metadata": {"total_size": 0}, "weight_map": weight_map}, indent=1)


class LogitsOnly(torch.nn.Module):
    """What people wrap a model in before scripting it: GPT2LMHeadModel itself cannot be scripted."""

    def __init__(self, traced):
        super().__init__()
        self.model = traced

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids)[0]


def write_archive(folder, model, kind):
    folder.mkdir(parents=True, exist_ok=True)
    config = model.config.to_dict()
    config["torchscript"] = True
    write_json(folder / "config.json", config, indent=1)
    state = model.state_dict()
    model = GPT2LMHeadModel(GPT2Config(**config)).eval()
    model.load_state_dict(state)
    model.config.use_cache = kind == "trace"  # then logits come first of a tuple with the cache
    example = torch.tensor([SEQUENCES[1]])
    module = torch.jit.trace(model, example)
    if kind == "script":
        module = torch.jit.script(LogitsOnly(module))
    module.save(str(folder / "model.pt"))
    return model


def make_all(root):
    write_tokenizer(root / "tokenizer")
    checkpoints = {
        "gelu_new_odd_head": (make_model(1, n_embd=30, n_head=6, n_inner=70), dict(masks=True)),
        "relu_no_prefix": (make_model(2, activation_function="relu", scale_attn_weights=False),
                           dict(prefix=False)),
        "gelu_inverse_layer": (make_model(3, activation_function="gelu", n_layer=3, n_head=4,
                                          scale_attn_by_inverse_layer_idx=True), {}),
        "quick_gelu_untied": (make_model(4, activation_function="quick_gelu",
                                         tie_word_embeddings=False), {}),
        "silu_bf16": (make_model(5, activation_function="silu", dtype=torch.bfloat16),
                      dict(dtype=torch.bfloat16)),
        "tanh_f16": (make_model(6, activation_function="tanh", dtype=torch.float16, n_head=1),
                     dict(dtype=torch.float16)),
        "gelu_fast_sharded": (make_model(7, activation_function="gelu_fast", n_inner=24),
                              dict(shards=3)),
        "gelu_pytorch_tanh_upcast": (make_model(8, activation_function="gelu_pytorch_tanh",
                                                reorder_and_upcast_attn=True,
                                                scale_attn_by_inverse_layer_idx=True), {}),
        "swish_epsilon": (make_model(9, activation_function="swish", layer_norm_epsilon=0.02), {}),
    }
    for name, (model, how) in checkpoints.items():
        write_checkpoint(root / name, model, **how)
        write_json(root / name / "expected.json", expectations(model))
    for kind, name in (("trace", "traced"), ("script", "scripted")):
        source = make_model(10, n_embd=30, n_head=6, n_inner=50)
        model = write_archive(root / name, source, kind)
        write_json(root / name / "expected.json", expectations(model))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    default = pathlib.Path(__file__).resolve().parent.parent / "tests/fixtures/checkpoints"
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=default)
    parser.add_argument("--small", action="store_true", help="a GPT-2 small instead")
    arguments = parser.parse_args()
    if arguments.small:
        write_tokenizer(arguments.folder)
        model = make_model(11, std=0.05, vocab_size=50257, n_positions=1024, n_embd=768, n_layer=12,
                           n_head=12)
        write_checkpoint(arguments.folder, model)
        write_json(arguments.folder / "expected.json", expectations(model, every_position=False))
    else:
        make_all(arguments.folder)


if __name__ == "__main__":
    main()
