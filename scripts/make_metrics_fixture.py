#!/usr/bin/env python3
"""Makes tests/fixtures/metrics/metrics.json, texts and what other implementations say about them, tests.json, mauve.json
and alpha.json.

Self-BLEU-4 is nltk's sentence_bleu (smoothing method 1), Zipf's coefficient scipy's linregress, Holm's
correction statsmodels', bootstrap, permutation tests and Wilson's interval scipy's; counts are plain Python. MAUVE in
mauve.json is mauve-text's, on k-means (faiss) from given starts; alpha in alpha.json is krippendorff's. Needs
    pip install nltk scipy statsmodels mauve-text faiss-cpu scikit-learn krippendorff
and is run in development alone: the tests read the file.
"""
import json
import pathlib
from collections import Counter

import faiss
import krippendorff
import numpy
import scipy.stats
import sklearn.decomposition
import sklearn.preprocessing
from mauve.compute_mauve import get_divergence_curve_for_multinomials
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from statsmodels.stats.multitest import multipletests


def make_texts(rng):
    """Four texts for each of 15 prompts: frequencies like Zipf's, shared phrases, loops, edge cases."""
    phrases = [rng.zipf(1.4, 6).clip(max=300).tolist() for _ in range(8)]
    texts = []
    for prompt in range(15):
        for index in range(4):
            tokens = []
            for _ in range(int(rng.integers(2, 9))):
                if rng.random() < 0.4:
                    tokens += phrases[int(rng.integers(len(phrases)))]
                else:
                    tokens += rng.zipf(1.4, int(rng.integers(1, 9))).clip(max=300).tolist()
            texts.append({"prompt": f"p{prompt}", "index": index, "tokens": [int(t) for t in tokens]})
    loops = [[], [5], [5, 5], [7, 8, 9], [1, 2] * 3, [1, 2] * 2, [4] * 5, [4] * 51, [9] * 52,
             [1, 2, 3] * 2, [1, 2, 3] * 3, [8, 9, 8] * 4, [301] * 3 + [302], list(range(400, 445)) * 2,
             list(range(500, 591)) * 2]
    for i, tail in enumerate(loops):  # the last text of each prompt ends in one of them
        texts[4 * i + 3]["tokens"] = ([] if len(tail) < 4 else texts[4 * i + 3]["tokens"]) + tail
    return texts


def self_bleu(tokens):
    smoothing = SmoothingFunction().method1
    return [float(sentence_bleu(tokens[:i] + tokens[i + 1:], tokens[i], smoothing_function=smoothing))
            for i in range(len(tokens))]


def ngrams(tokens, n):
    counts = Counter()
    for text in tokens:
        counts.update(zip(*(text[i:] for i in range(n))))
    return counts


def share(tokens, n, counted):
    counts = ngrams(tokens, n)
    return sum(1 for c in counts.values() if counted(c)) / sum(counts.values())


def zipf(tokens):
    return zipf_of_counts(ngrams(tokens, 1).values())


def zipf_of_counts(counts):
    counts = sorted(counts, reverse=True)[:5000]
    return -scipy.stats.linregress(numpy.log(numpy.arange(1, len(counts) + 1)), numpy.log(counts)).slope


def times_said(tokens, length):
    """How often the last `length` tokens repeat in a row at the end."""
    if length > len(tokens):
        return 1
    times = 1
    while tokens[len(tokens) - (times + 1) * length:len(tokens) - times * length] == tokens[-length:] \
            and (times + 1) * length <= len(tokens):
        times += 1
    return times


def repeats(tokens):
    return any(times_said(tokens, length) >= 3 for length in range(2, len(tokens) + 1))


def repeats_in_code(tokens):
    times = [times_said(tokens, length) for length in range(1, 91)]
    best = times.index(max(times))
    return times[best] > 1 and (best + 1 >= 3 or times[best] > 50)


def everything(tokens):
    return {
        "self_bleu_4": numpy.mean(self_bleu(tokens)),
        **{f"distinct_{n}": share(tokens, n, lambda c: c > 0) for n in (1, 2, 3)},
        **{f"once_{n}": share(tokens, n, lambda c: c == 1) for n in (1, 2, 3)},
        "zipf": zipf(tokens),
        "repetition": numpy.mean([repeats(t) for t in tokens]),
        "repetition_code": numpy.mean([repeats_in_code(t) for t in tokens]),
        "length": numpy.mean([len(t) for t in tokens]),
    }


def permutation(top, bottom, **options):
    """scipy's, exchanging the two settings' sums of each prompt; top and bottom are [2][prompts]."""
    pairs = numpy.arange(len(top[0]))
    sums = numpy.array([top, bottom])

    def statistic(a, b, axis=-1):
        # a and b number the sums: below len(pairs) the first setting's.
        def ratio(numbers):
            of = sums[:, numbers // len(pairs), numbers % len(pairs)]
            return of[0].sum(axis) / of[1].sum(axis)
        return ratio(numpy.asarray(a).astype(int)) - ratio(numpy.asarray(b).astype(int))

    return float(scipy.stats.permutation_test((pairs, pairs + len(pairs)), statistic, permutation_type="samples",
                                              vectorized=True, **options).pvalue)


def tests():
    rng = numpy.random.default_rng(21)
    cases = []
    for prompts, hits in ((8, None), (10, (0.1, 0.5)), (12, (0.95, 0.7)), (40, None)):
        bottom = rng.integers(2, 6, (2, prompts)).astype(float) if hits is None else numpy.full((2, prompts), 3.0)
        top = (numpy.stack([rng.normal(9, 2, prompts), rng.normal(7, 2, prompts)]) if hits is None else
               numpy.stack([rng.binomial(3, hit, prompts) for hit in hits]).astype(float))
        cases.append({"top": top.tolist(), "bottom": bottom.tolist(),
                      "p": permutation(top, bottom, n_resamples=numpy.inf if prompts < 20 else 100000,
                                       rng=numpy.random.default_rng(4)),
                      "exact": prompts < 20})
    wilson = []
    for hits, n in ((0, 40), (40, 40), (1, 17), (13, 90), (450, 900)):
        interval = scipy.stats.binomtest(hits, n).proportion_ci(0.9, method="wilson")
        wilson.append({"hits": hits, "n": n, "low": interval.low, "high": interval.high})
    return {"permutation": cases, "wilson": wilson}


def mauve_case(rng, texts, width, digits):
    """Two sets of points around eight places, which they visit differently often."""
    places = rng.normal(0, 1, (8, width))
    sets = []
    for shares in (numpy.linspace(1, 3, 8), numpy.linspace(3, 0.2, 8)):
        chosen = rng.choice(8, texts, p=shares / shares.sum())
        sets.append(numpy.round(places[chosen] + rng.normal(0, 0.45, (texts, width)), digits))
    points = sklearn.preprocessing.normalize(numpy.vstack(sets))
    components = sklearn.decomposition.PCA().fit(points)
    kept = int(numpy.argmax(numpy.cumsum(components.explained_variance_ratio_) >= 0.9)) + 1
    reduced = components.transform(points)[:, :kept].astype(numpy.float32)
    clusters = max(2, round(texts / 10))
    start = rng.choice(2 * texts, clusters, replace=False)
    means = faiss.Kmeans(kept, clusters, niter=500, nredo=1)
    means.train(reduced, init_centroids=reduced[start])
    labels = means.index.search(reduced, 1)[1].ravel()
    counts = [numpy.bincount(part, minlength=clusters) for part in (labels[:texts], labels[texts:])]
    areas = {}
    for name, extra in (("mauve", 0), ("mauve_star", 0.5)):
        p, q = (count + extra for count in counts)
        curve = get_divergence_curve_for_multinomials(p / p.sum(), q / q.sum(), numpy.linspace(1e-6, 1 - 1e-6, 25), 5)
        x, y = curve[numpy.lexsort((-curve[:, 1], curve[:, 0]))].T
        areas[name] = float(numpy.trapezoid(y, x))
    return {"width": width, "first": sets[0].tolist(), "second": sets[1].tolist(), "components": kept,
            "start": start.tolist(), "labels": labels.tolist(), "counts": [count.tolist() for count in counts], **areas}


def alpha_cases():
    rng = numpy.random.default_rng(7)
    cases = []
    for raters, items, categories, level in ((3, 12, 3, "ordinal"), (2, 20, 2, "nominal"), (4, 9, 4, "nominal")):
        truth = rng.integers(0, categories, items)
        ratings = numpy.where(rng.random((raters, items)) < 0.6, truth, rng.integers(0, categories, (raters, items)))
        ratings = ratings.astype(float)
        ratings[rng.random((raters, items)) < 0.2] = numpy.nan
        alpha = krippendorff.alpha(reliability_data=ratings, level_of_measurement=level,
                                   value_domain=list(range(categories)))
        by_item = [[int(v) for v in column if not numpy.isnan(v)] for column in ratings.T]
        cases.append({"scale": level, "categories": categories, "items": by_item, "alpha": float(alpha)})
    return cases


def main():
    folder = pathlib.Path(__file__).resolve().parent.parent / "tests/fixtures/metrics"
    (folder / "tests.json").write_text(json.dumps(tests(), separators=(",", ":")) + "\n")
    (folder / "mauve.json").write_text(json.dumps(
        [mauve_case(numpy.random.default_rng(8), 60, 6, 3), mauve_case(numpy.random.default_rng(9), 20, 64, 2)],
        separators=(",", ":")) + "\n")
    (folder / "alpha.json").write_text(json.dumps(alpha_cases(), separators=(",", ":")) + "\n")
    rng = numpy.random.default_rng(20)
    texts = make_texts(rng)
    tokens = [text["tokens"] for text in texts]
    prompts = sorted({text["prompt"] for text in texts})
    of = {p: [t["tokens"] for t in texts if t["prompt"] == p] for p in prompts}
    without = {p: [t["tokens"] for t in texts if t["prompt"] != p] for p in prompts}

    expected = everything(tokens)
    within = [score for p in prompts for score in self_bleu(of[p])]
    expected["self_bleu_4_prompt"] = numpy.mean(within)

    # More tokens than the 5,000 ranks of Zipf's fit.
    wide = [int(c) for c in rng.zipf(1.5, 5600).clip(max=100000)]

    top = rng.normal(30, 6, 80)
    bottom = rng.integers(8, 14, 80).astype(float)
    interval = scipy.stats.bootstrap((top, bottom), lambda t, b, axis: t.sum(axis) / b.sum(axis), paired=True,
                                     vectorized=True, n_resamples=20000, method="percentile",
                                     rng=numpy.random.default_rng(3)).confidence_interval
    p_values = [0.01, 0.04, 0.03, 0.005, 0.2, 0.04, 0.9, 0.0002]
    sample = [float(v) for v in rng.normal(size=37)]

    fixture = {
        "texts": texts,
        "expected": {name: float(value) for name, value in expected.items()},
        "self_bleu_4_of_texts": self_bleu(tokens),
        "without_prompt": {p: {"zipf": float(zipf(without[p])),
                               "distinct_2": share(without[p], 2, lambda c: c > 0),
                               "once_2": share(without[p], 2, lambda c: c == 1)} for p in prompts},
        "repeats": [bool(repeats(t)) for t in tokens],
        "repeats_in_code": [bool(repeats_in_code(t)) for t in tokens],
        "wide": {"counts": wide, "zipf": float(zipf_of_counts(wide))},
        "holm": {"p": p_values, "corrected": [float(p) for p in multipletests(p_values, method="holm")[1]]},
        "percentile": {"values": sample, "low": float(numpy.percentile(sample, 5)),
                       "high": float(numpy.percentile(sample, 95))},
        "bootstrap": {"top": top.tolist(), "bottom": bottom.tolist(), "low": float(interval.low),
                      "high": float(interval.high)},
    }
    (folder / "metrics.json").write_text(json.dumps(fixture, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
