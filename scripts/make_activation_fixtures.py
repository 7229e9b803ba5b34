#!/usr/bin/env python3
"""Writes tests/fixtures/activations.json: what transformers' ACT2FN makes, in double precision, of some numbers,
for every name that needs no parameters. Needs torch and transformers 5.24; run it again only when transformers
has a new activation. The tests themselves need no Python.

  make_activation_fixtures.py [FILE]
"""
import json
import pathlib
import sys

import torch
import transformers
from transformers.activations import ACT2FN

DEFAULT = pathlib.Path(__file__).resolve().parent.parent / "tests/fixtures/activations.json"


def main():
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    x = torch.cat([torch.arange(-10, 10.5, 0.5, dtype=torch.float64),
                   torch.tensor([-30.0, -0.01, 0.01, 30.0], dtype=torch.float64)])
    values = {}
    learned = []
    for name in sorted(ACT2FN):
        function = ACT2FN[name]
        if any(True for _ in function.parameters()):
            learned.append(name)
        else:
            values[name] = [float(f"{y:.10g}") for y in function(x).tolist()]
    fixture = {"made_with": f"transformers {transformers.__version__}", "learned": learned, "x": x.tolist(),
               "values": values}
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in fixture.items())
    path.write_text("{\n" + lines.replace("], \"", "],\n  \"") + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
