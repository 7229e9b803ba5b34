#!/usr/bin/env python3
"""MAUVE of medgen and of mauve-text, on the same texts and the same model.

    scripts/compare_mauve.py FOLDER

Makes a small random GPT-2 and two sets of 300 texts in FOLDER. mauve-text computes the features, scikit-learn the principal
components, faiss the clusters from the five starts that medgen draws, mauve-text the curve; medgen does all of it itself.
Fails if the two differ by more than 0.001 for one of three seeds. Then prints what mauve-text finds from its own starts.
MEDGEN names the program, build/release/medgen by default. Development only. Needs
    pip install mauve-text faiss-cpu scikit-learn torch transformers tokenizers
"""
import json
import os
import pathlib
import random
import subprocess
import sys

import faiss
import mauve
import numpy
import sklearn.decomposition
import sklearn.preprocessing
import torch
import transformers
from mauve.compute_mauve import get_divergence_curve_for_multinomials, get_features_from_input
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

WORDS = "fever cough knee pain since two days and my doctor says rest water sleep it hurts at night when I walk".split()
TEXTS = 300


def make_texts(rng, favourites):
    return [" ".join(rng.choices(WORDS, favourites, k=rng.randint(5, 30))) for _ in range(TEXTS)]


def make_model(folder, texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False))
    transformers.GPT2TokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    torch.manual_seed(3)
    config = transformers.GPT2Config(vocab_size=tokenizer.get_vocab_size(), n_positions=128, n_embd=64, n_layer=3, n_head=4,
                                     initializer_range=0.3, bos_token_id=0, eos_token_id=0)
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)


def philox(counter, key):
    for _ in range(10):
        first, second = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [(second >> 32) ^ counter[1] ^ key[0], second & 0xFFFFFFFF,
                   (first >> 32) ^ counter[3] ^ key[1], first & 0xFFFFFFFF]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return counter


def start_rows(rows, clusters, seed, start):
    """As base/random.h's permutation()."""
    order = list(range(rows))
    for i in range(rows, 1, -1):
        word = philox([i, 0x40000006 | 0x80000000, start, 0], [seed, 0])[0]
        j = word * i >> 32
        order[i - 1], order[j] = order[j], order[i - 1]
    return order[:clusters]


def from_the_same_starts(made, human, seed):
    points = sklearn.preprocessing.normalize(numpy.vstack([made, human]).astype(float))
    components = sklearn.decomposition.PCA().fit(points)
    kept = int(numpy.argmax(numpy.cumsum(components.explained_variance_ratio_) >= 0.9)) + 1
    reduced = components.transform(points)[:, :kept].astype(numpy.float32)
    clusters = max(2, round(min(len(made), len(human)) / 10))
    best = (numpy.inf, None)
    for start in range(5):
        means = faiss.Kmeans(kept, clusters, niter=500, nredo=1)
        means.train(reduced, init_centroids=reduced[start_rows(len(reduced), clusters, seed, start)])
        distances, labels = means.index.search(reduced, 1)
        best = min(best, (float(distances.sum()), labels.ravel()), key=lambda pair: pair[0])
    p, q = (numpy.bincount(part, minlength=clusters) for part in (best[1][:len(made)], best[1][len(made):]))
    curve = get_divergence_curve_for_multinomials(p / p.sum(), q / q.sum(), numpy.linspace(1e-6, 1 - 1e-6, 25), 5)
    x, y = curve[numpy.lexsort((-curve[:, 1], curve[:, 0]))].T
    return float(numpy.trapezoid(y, x))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    medgen = os.environ.get("MEDGEN", pathlib.Path(__file__).resolve().parent.parent / "build/release/medgen")
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # such small products gain nothing from more
    rng = random.Random(5)
    sets = {"made": make_texts(rng, [1] * len(WORDS)), "human": make_texts(rng, range(2, len(WORDS) + 2))}
    make_model(folder / "gpt2", sets["made"] + sets["human"])
    for name, texts in sets.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    features = {name: get_features_from_input(None, None, texts, str(folder / "gpt2"), 128, -1, name, 1, False)
                for name, texts in sets.items()}
    worst = 0
    for seed in (0, 1, 2):
        run = subprocess.run([medgen, "metrics", folder / "made.jsonl", "--reference", folder / "human.jsonl", "--mauve",
                              folder / "gpt2", "--precision", "fp32", "--resamples", "0", "--seed", str(seed), "--json",
                              "--quiet"], check=True, capture_output=True)
        ours = json.loads(run.stdout)["settings"][0]["metrics"]["mauve"]["value"]
        theirs = from_the_same_starts(features["made"], features["human"], seed)
        worst = max(worst, abs(ours - theirs))
        print(f"seed {seed}: medgen {ours:.6f}, from the same starts {theirs:.6f}")
    own = [mauve.compute_mauve(p_features=features["human"], q_features=features["made"], seed=seed, verbose=False).mauve
           for seed in range(10)]
    print(f"mauve-text from its own starts: {min(own):.4f} to {max(own):.4f}")
    if worst > 0.001:
        sys.exit(f"compare_mauve: they differ by {worst:.6f}")


if __name__ == "__main__":
    main()
