#!/usr/bin/env python3
"""Writes a GPT-2 held in Python as a medgen bundle: saves it as safetensors, then runs `medgen convert`, so the
bundle is the same as from any other checkpoint. Needs transformers, safetensors and a built medgen.

  export_gpt2.py MODEL OUT_DIR       MODEL: a folder of save_pretrained(), or a name on the Hugging Face hub

From a program: export(model, tokenizer, "out") with a GPT2LMHeadModel and its tokenizer, or with the folder
of a tokenizer.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile


def find_medgen():
    """MEDGEN, else the program that scripts/run builds, else whatever the shell finds."""
    built = pathlib.Path(__file__).resolve().parent.parent / "build/release/medgen"
    found = os.environ.get("MEDGEN") or (str(built) if built.exists() else shutil.which("medgen"))
    if not found:
        raise SystemExit("export_gpt2: no medgen program; build it with scripts/run, or set MEDGEN to its path")
    return found


def export(model, tokenizer, out, dtype="fp32", name=None, force=False):
    """`tokenizer` is a transformers tokenizer or a folder with its files. Raises CalledProcessError if
    medgen refuses the model; it has then said why on stderr."""
    name = name or pathlib.Path(os.path.abspath(out)).name
    with tempfile.TemporaryDirectory() as scratch:
        folder = os.path.join(scratch, name)
        model.save_pretrained(folder, safe_serialization=True)
        tokenizer_folder = tokenizer
        if hasattr(tokenizer, "save_pretrained"):
            tokenizer.save_pretrained(folder)
            tokenizer_folder = folder
        command = [find_medgen(), "convert", folder, str(out), "--dtype", dtype,
                   "--tokenizer", str(tokenizer_folder), "--name", name]
        if force:
            command.append("--force")
        subprocess.run(command, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder of save_pretrained(), or a name on the hub")
    parser.add_argument("out", help="folder of the new bundle")
    parser.add_argument("--tokenizer", help="another folder with the tokenizer's files")
    parser.add_argument("--dtype", choices=["fp32", "fp16"], default="fp32", help="storage")
    parser.add_argument("--name", help="the bundle's name (default: the folder's)")
    parser.add_argument("--force", action="store_true", help="replace an existing bundle (medgen convert --force)")
    arguments = parser.parse_args()
    try:
        from transformers import AutoTokenizer, GPT2LMHeadModel
    except ImportError as error:
        raise SystemExit(f"export_gpt2: {error}; install transformers and safetensors") from None
    model = GPT2LMHeadModel.from_pretrained(arguments.model)
    tokenizer = arguments.tokenizer or AutoTokenizer.from_pretrained(arguments.model)
    try:
        export(model, tokenizer, arguments.out, arguments.dtype, arguments.name, arguments.force)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)


if __name__ == "__main__":
    main()
