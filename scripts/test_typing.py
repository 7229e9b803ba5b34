"""Types into a session while a model of GPT-2 small's shape writes, and looks whether a key was lost.

    python3 scripts/test_typing.py [MEDGEN]

Makes a checkpoint of random parameters (124 million, 250 MB) in a folder of its own, opens a session with it in a
window of tmux, and types a line key by key while the texts are made. Once they are there, the line to be edited must
hold every key. Prints how long the texts took, and how long the window took to follow a change of its size meanwhile.
"""
import json
import os
import pathlib
import random
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEYS = "the quick brown fox jumps over the lazy dog and 0123456789 then it rests a while"


def write_checkpoint(folder):
    width, layers, context, vocabulary = 768, 12, 1024, 50257
    shapes = {"wte.weight": (vocabulary, width), "wpe.weight": (context, width), "ln_f.weight": (width,), "ln_f.bias": (width,)}
    for layer in range(layers):
        for name, shape in (("ln_1.weight", (width,)), ("ln_1.bias", (width,)), ("ln_2.weight", (width,)), ("ln_2.bias", (width,)),
                            ("attn.c_attn.weight", (width, 3 * width)), ("attn.c_attn.bias", (3 * width,)),
                            ("attn.c_proj.weight", (width, width)), ("attn.c_proj.bias", (width,)),
                            ("mlp.c_fc.weight", (width, 4 * width)), ("mlp.c_fc.bias", (4 * width,)),
                            ("mlp.c_proj.weight", (4 * width, width)), ("mlp.c_proj.bias", (width,))):
            shapes[f"h.{layer}.{name}"] = shape
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    draw = random.Random(1)
    block = struct.pack(f"<{1 << 19}e", *(draw.gauss(0, 0.02) for _ in range(1 << 19)))
    with open(folder / "model.safetensors", "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for number, tensor in enumerate(header.values()):
            left = tensor["data_offsets"][1] - tensor["data_offsets"][0]
            start = 2 * (number * 7919 % (1 << 18))
            while left > 0:
                piece = block[start:start + left]
                out.write(piece)
                left, start = left - len(piece), 0
    (folder / "config.json").write_text(json.dumps({
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": width, "n_layer": layers, "n_head": 12,
        "n_positions": context, "vocab_size": vocabulary, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5}))
    letters = [chr(c) for c in [*range(33, 127), *range(161, 173), *range(174, 256)]]
    letters += [chr(256 + i) for i in range(256 - len(letters))]
    names = {letter: i for i, letter in enumerate(letters)}
    for i in range(len(letters), vocabulary):  # never made from text: there are no merges
        names[f"~{i}~"] = i
    (folder / "vocab.json").write_text(json.dumps(names))
    (folder / "merges.txt").write_text("#version: 0.2\n")


def tmux(*words):
    return subprocess.run(["tmux", "-L", "test_typing", *words], check=True, capture_output=True, text=True).stdout


def window():
    return tmux("capture-pane", "-p", "-J")


def wait_for(pattern, seconds):
    begin = time.monotonic()
    while not re.search(pattern, window()):
        if time.monotonic() - begin > seconds:
            sys.exit(f"test_typing: {seconds} s passed and the window does not show {pattern!r}:\n{window()}")
        time.sleep(0.05)
    return time.monotonic() - begin


def main():
    medgen = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/release/medgen")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_checkpoint(folder)
        environment = f"XDG_CACHE_HOME={shlex.quote(str(folder / 'cache'))}"
        os.mkdir(folder / "cache")
        tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "40",
             f"{environment} {shlex.quote(medgen)} session --model {shlex.quote(name)} --max-new-tokens 60 --seed 1; exec sleep 3600")
        try:
            wait_for(r"text>", 300)
            tmux("send-keys", "-l", "I feel")
            tmux("send-keys", "Enter")
            wait_for(r"machine 1/3", 60)
            begin = time.monotonic()
            shown_before = window()
            for key in KEYS:
                tmux("send-keys", "-l", key)
                time.sleep(0.01)
            still_writing = window() != shown_before
            tmux("resize-window", "-x", "90", "-y", "40")
            shown = window()
            began_resize = time.monotonic()
            while window() == shown and time.monotonic() - began_resize < 5:
                time.sleep(0.02)
            followed = time.monotonic() - began_resize
            wait_for(r"text> ?" + re.escape(KEYS[:20]), 300)
            took = time.monotonic() - begin
            last = re.sub(r"\s+", " ", window()[window().rfind("text>"):]).strip()
        finally:
            tmux("kill-server")
    print(f"texts were made in {took:.1f} s; the window followed a new size after {followed * 1000:.0f} ms")
    if not still_writing:
        sys.exit("test_typing: the texts were there before the keys: nothing was tried")
    if last != "text> " + KEYS:
        sys.exit(f"test_typing: keys were lost: {last!r}")
    print(f"{len(KEYS)} keys typed meanwhile, none lost")


if __name__ == "__main__":
    main()
