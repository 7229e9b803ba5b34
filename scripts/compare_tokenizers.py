#!/usr/bin/env python3
"""Compares medgen's token ids with those of Hugging Face's libraries, on tokenizer folders made at random.

    compare_tokenizers.py VOCABULARY OUT [--program build/test/medgen] [--folders 200] [--seed 1]

VOCABULARY holds GPT-2's vocab.json and merges.txt. Needs transformers, tokenizers and sentencepiece; run it once with
version 4 of transformers and once with 5. Two of six folders have a SentencePiece model, Unigram or BPE, trained for it,
which only version 4 reads by the sentencepiece library: there they are compared with LlamaTokenizer and T5Tokenizer, and
skipped with 5. Each of the others has a byte-level BPE of its own (the published vocabulary, a part of
it, or one trained without the initial alphabet) with added tokens of every kind, normalizers, pre-tokenizers and
post-processors, as written by `tokenizers`, by save_pretrained, or by hand as the files of older versions. For
every folder the ids of many texts must be the same, or medgen must refuse the folder and name why. Folders stay in
OUT if they differ. For development only.
"""

import argparse
import collections
import contextlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")

import tokenizers
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
SHORTER = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
WORDS = (
    "I have a fever cough metoprolol METOPROLOL Metoprolol mg 38.5 120/80 5mg ½ K⁺ °C café cafe\u0301 ﬁne ① Å "
    "İstanbul ẞ naïve 痛み 頭痛 боль <b> a<b> <|user|> <|bot|> [PAD] <pad> <s> </s> <|endoftext|> it's don't _x x_ "
    "x-y 😀 👩‍⚕️ e\u0323\u0302 ſ Ⅷ ٣٤ １２ \u00a0 \u3000 \t \n \r\n ' '' ... !? ( ) ibuprofen paracetamol 500 0 1000000"
).split(" ")
ADDED = [
    "metoprolol", "Metoprolol", "METOPROLOL", "<|user|>", "<|bot|>", "[PAD]", "<pad>", "<b>", "a<b>", "mg", "5mg",
    "café", "cafe\u0301", "ﬁne", " fever", "fever ", "  ", "it's", "<s>", "</s>", "ibuprofen", "头痛", "頭痛", "х", "_x",
    "°C", "½", "Å", "e", "ing", "\n", "38.5", "é", "ÿ", "Ġx",
]


def random_texts(rng, extra, count):
    texts = ["", " ", "  ", "\n", "I feel that I have a fever and cough.", " a", "a ", "é", "cafe\u0301 38 °C"]
    pool = WORDS + extra * 4
    while len(texts) < count:
        parts = []
        for _ in range(rng.randint(1, 12)):
            parts.append(rng.choice(pool))
            parts.append(rng.choice(["", "", " ", " ", "  ", "\n", "\t", "."]))
        texts.append("".join(parts))
    return texts


def base_model(rng, source):
    vocab = json.loads((source / "vocab.json").read_text(encoding="utf-8"))
    lines = (source / "merges.txt").read_text(encoding="utf-8").split("\n")
    merges = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    kind = rng.choice(["full"] + ["part", "trained"] * 4)
    if kind == "full":
        return models.BPE(vocab=vocab, merges=merges), vocab, merges
    if kind == "trained":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = trainers.BpeTrainer(vocab_size=rng.randint(150, 400), show_progress=False, special_tokens=["<|endoftext|>"])
        tokenizer.train_from_iterator(random_texts(rng, [], 100)[: rng.randint(20, 100)], trainer)
        whole = json.loads(tokenizer.to_str())["model"]
        vocab, merges = whole["vocab"], [tuple(m.split(" ") if isinstance(m, str) else m) for m in whole["merges"]]
    else:
        merges = merges[: rng.randint(0, 3000)]
        letters = sorted(pre_tokenizers.ByteLevel.alphabet())
        names = letters + [a + b for a, b in merges] + ["<|endoftext|>"]
        vocab = {name: i for i, name in enumerate(dict.fromkeys(names))}
    options = {}
    if rng.random() < 0.3:
        options["ignore_merges"] = True
    if rng.random() < 0.3:
        options["unk_token"] = "<|endoftext|>"
        options["fuse_unk"] = rng.random() < 0.5
    return models.BPE(vocab=vocab, merges=merges, **options), vocab, merges


def random_added(rng):
    return AddedToken(
        rng.choice(ADDED), single_word=rng.random() < 0.25, lstrip=rng.random() < 0.25, rstrip=rng.random() < 0.25,
        normalized=rng.random() < 0.5, special=False,
    )


def random_normalizer(rng):
    def one():
        return rng.choice([
            normalizers.NFC, normalizers.NFD, normalizers.NFKC, normalizers.NFKD, normalizers.Lowercase,
            lambda: normalizers.Strip(left=rng.random() < 0.5, right=rng.random() < 0.5),
        ])()

    roll = rng.random()
    if roll < 0.5:
        return None
    if roll < 0.75:
        return one()
    if roll < 0.95:
        return normalizers.Sequence([one() for _ in range(rng.randint(0, 3))])
    return rng.choice([normalizers.StripAccents(), normalizers.Replace("a", "b"), normalizers.Prepend("x")])


def random_pre_tokenizer(rng):
    prefix = rng.random() < 0.3
    roll = rng.random()
    level = pre_tokenizers.ByteLevel
    if roll < 0.5:
        return level(add_prefix_space=prefix)
    if roll < 0.6:
        return pre_tokenizers.Sequence([level(add_prefix_space=prefix)])
    if roll < 0.75:
        return pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(rng.choice([GPT2, SHORTER])), behavior="isolated"),
            level(add_prefix_space=prefix, use_regex=False),
        ])
    if roll < 0.9:
        return pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=rng.random() < 0.5), level(add_prefix_space=prefix, use_regex=rng.random() < 0.7)]
        )
    if roll < 0.95:
        return level(add_prefix_space=prefix, use_regex=False)
    return rng.choice([
        pre_tokenizers.Sequence([pre_tokenizers.Punctuation(), level(add_prefix_space=False)]),
        pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), level(add_prefix_space=False)]),
        pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"\d"), behavior="isolated"), level(add_prefix_space=False)]),
    ])


def random_post_processor(rng, tokenizer):
    end = tokenizer.token_to_id("<|endoftext|>")
    roll = rng.random()
    if roll < 0.3 or end is None:
        return processors.ByteLevel(trim_offsets=False)
    if roll < 0.4:
        return None
    token = ("<|endoftext|>", end)
    if roll < 0.6:
        return processors.TemplateProcessing(single="<|endoftext|> $A", pair="<|endoftext|> $A $B", special_tokens=[token])
    if roll < 0.75:
        return processors.TemplateProcessing(single="$A <|endoftext|>", special_tokens=[token])
    if roll < 0.9:
        template = processors.TemplateProcessing(single="<|endoftext|> $A <|endoftext|>", special_tokens=[token])
        return processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    return processors.RobertaProcessing(token, token)


def random_roles(rng):
    roles = {}
    if rng.random() < 0.5:
        roles["bos_token"] = roles["eos_token"] = "<|endoftext|>"
    if rng.random() < 0.4:
        roles["pad_token"] = rng.choice(["[PAD]", "<pad>", "<|endoftext|>"])
    if rng.random() < 0.3:
        name = "extra_special_tokens" if transformers.__version__.startswith("5") else "additional_special_tokens"
        roles[name] = rng.sample(["<|user|>", "<|bot|>", "<s>"], rng.randint(1, 2))
    return roles


def make_json_folder(rng, folder, source):
    """A tokenizer.json alone, as `tokenizers` writes it."""
    model, _, _ = base_model(rng, source)
    tokenizer = Tokenizer(model)
    normalizer, post = random_normalizer(rng), None
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = random_pre_tokenizer(rng)
    if rng.random() < 0.7:
        tokenizer.add_special_tokens(["<|endoftext|>"])
    for _ in range(rng.randint(0, 6)):
        token = random_added(rng)
        if rng.random() < 0.3:
            token.special = True
            tokenizer.add_special_tokens([token])
        else:
            tokenizer.add_tokens([token])
    post = random_post_processor(rng, tokenizer)
    if post is not None:
        tokenizer.post_processor = post
    if rng.random() < 0.03:
        tokenizer.enable_truncation(max_length=8)
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer


def make_saved_folder(rng, folder, source):
    """What save_pretrained writes of a tokenizer that was made and extended in Python."""
    make_json_folder(rng, folder, source)
    saved = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **random_roles(rng))
    if rng.random() < 0.5:
        saved.add_tokens([random_added(rng) for _ in range(rng.randint(1, 4))])
    if rng.random() < 0.3:
        saved.add_special_tokens({"pad_token": "[PAD]"})
    (folder / "tokenizer.json").unlink()
    saved.save_pretrained(folder)


def make_gpt2_folder(rng, folder, source):
    """GPT-2's own class: vocab.json and merges.txt, extended, saved, perhaps without its tokenizer.json."""
    _, vocab, merges = base_model(rng, source)
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges), encoding="utf-8")
    options = {}
    if rng.random() < 0.3:
        options["add_prefix_space"] = True
    if rng.random() < 0.3:
        options["add_bos_token"] = True
    if rng.random() < 0.3:
        (folder / "config.json").write_text('{"model_type": "gpt2"}')
        if rng.random() < 0.8:
            options["tokenizer_class"] = "GPT2Tokenizer"
            (folder / "tokenizer_config.json").write_text(json.dumps(options))
        return
    saved = transformers.GPT2TokenizerFast.from_pretrained(folder, **options)
    if rng.random() < 0.6:
        saved.add_tokens([random_added(rng) for _ in range(rng.randint(1, 4))])
    if rng.random() < 0.5:
        saved.add_special_tokens({"pad_token": rng.choice(["[PAD]", "<pad>"])})
    saved.save_pretrained(folder)
    for name in ("tokenizer.json", "special_tokens_map.json", "added_tokens.json"):
        if rng.random() < 0.15 and (folder / name).exists() and (folder / "vocab.json").exists():
            (folder / name).unlink()


def make_legacy_folder(rng, folder, source):
    """The files of older versions: added_tokens.json and special_tokens_map.json, no added_tokens_decoder."""
    _, vocab, merges = base_model(rng, source)
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges), encoding="utf-8")
    config = {"tokenizer_class": "GPT2Tokenizer"}
    if rng.random() < 0.4:
        config["add_prefix_space"] = True
    names = [token for token in dict.fromkeys(rng.sample(ADDED, 4)) if token not in vocab]
    if rng.random() < 0.7:
        (folder / "added_tokens.json").write_text(json.dumps({t: len(vocab) + i for i, t in enumerate(names)}))
    special = {"bos_token": "<|endoftext|>", "eos_token": {"content": "<|endoftext|>", "lstrip": False, "rstrip": False, "normalized": True, "single_word": False}}
    if rng.random() < 0.5 and names:
        special["pad_token"] = rng.choice(names)
    if rng.random() < 0.5:
        (folder / "special_tokens_map.json").write_text(json.dumps(special))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def train_sentencepiece(rng, file, pad):
    """Of the classes that read such models, T5's pads with 0 and ends a text with 1, and has no token to begin with."""
    import sentencepiece

    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text.replace("\0", "") for text in random_texts(rng, [], 200)), model_writer=trained,
        model_type=rng.choice(["unigram", "bpe"]), vocab_size=rng.randint(320, 420), hard_vocab_limit=False,
        character_coverage=rng.choice([0.98, 0.9995, 1.0]), byte_fallback=rng.random() < 0.6,
        normalization_rule_name=rng.choice(["identity", "nmt_nfkc", "nmt_nfkc_cf"]), add_dummy_prefix=rng.random() < 0.85,
        remove_extra_whitespaces=rng.random() < 0.4, split_digits=rng.random() < 0.5,
        user_defined_symbols=rng.choice([[], ["<|user|>"], ["mg", "°C"]]), minloglevel=3,
        **({"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1} if pad else {}))
    file.write_bytes(trained.getvalue())


def make_llama_folder(rng, folder, source):
    """A tokenizer.model, as its authors left it or as LlamaTokenizer saves it."""
    train_sentencepiece(rng, folder / "tokenizer.model", pad=False)
    config = {"tokenizer_class": "LlamaTokenizer"}
    for key, share in [("add_bos_token", 0.4), ("add_eos_token", 0.4), ("legacy", 0.7)]:
        if rng.random() < share:
            config[key] = rng.random() < 0.5
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    if rng.random() < 0.7:
        save_slow(rng, folder, transformers.LlamaTokenizer)


def make_t5_folder(rng, folder, source):
    train_sentencepiece(rng, folder / "spiece.model", pad=True)
    config = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0, "additional_special_tokens": []}
    if rng.random() < 0.7:
        config["legacy"] = rng.random() < 0.5
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    if rng.random() < 0.7:
        save_slow(rng, folder, transformers.T5Tokenizer)


def save_slow(rng, folder, slow):
    saved = slow.from_pretrained(folder)
    if rng.random() < 0.7:  # of words and of tokens that are white space those classes think otherwise than `tokenizers`
        added = [random_added(rng) for _ in range(rng.randint(1, 3))]
        saved.add_tokens([token for token in added if not token.single_word and token.content.strip() == token.content])
    if rng.random() < 0.4:
        saved.add_special_tokens({"additional_special_tokens": ["<|bot|>"]})
    saved.save_pretrained(folder)


def reference_ids(folder, texts):
    """The ids of transformers, or of `tokenizers` for a lone tokenizer.json."""
    if list(folder.glob("*.model")):
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, use_fast=False)
        if (folder / "spiece.model").exists():  # which puts no end after a text that has one
            texts[:] = [text for text in texts if not text.rstrip().endswith("</s>")]
        return [tokenizer(text)["input_ids"] for text in texts]
    if not (folder / "tokenizer_config.json").exists() and not (folder / "vocab.json").exists():
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_truncation()
        return [tokenizer.encode(text).ids for text in texts]
    if (folder / "tokenizer_config.json").exists():
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    else:
        tokenizer = transformers.GPT2TokenizerFast.from_pretrained(folder)
    return [tokenizer(text)["input_ids"] for text in texts]


def own_ids(program, folder, texts):
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    done = subprocess.run(
        [program, "tokenize", "--tokenizer", str(folder), "--specials", "--as-prompt", "--jsonl"],
        input=lines.encode(), capture_output=True, check=False,
    )
    if done.returncode != 0:
        return None, done.stderr.decode().strip()
    return [json.loads(line)["ids"] for line in done.stdout.decode().split("\n") if line], ""


MAKERS = [make_json_folder, make_saved_folder, make_gpt2_folder, make_legacy_folder, make_llama_folder, make_t5_folder]
SENTENCEPIECE = [make_llama_folder, make_t5_folder]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("vocabulary", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--program", default="build/test/medgen")
    parser.add_argument("--folders", type=int, default=200)
    parser.add_argument("--texts", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    counts, reasons = collections.Counter(), collections.Counter()
    for number in range(arguments.folders):
        maker = MAKERS[number % len(MAKERS)]
        if maker in SENTENCEPIECE and transformers.__version__ >= "5":
            continue
        rng = random.Random(arguments.seed * 1_000_003 + number)
        folder = arguments.out / f"{transformers.__version__}-{arguments.seed}-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        texts = random_texts(rng, ADDED, arguments.texts)
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                maker(rng, folder, arguments.vocabulary)
                expected = reference_ids(folder, texts)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # what the libraries do not take is no folder; a panic is no Exception
            counts["not made"] += 1
            reasons[f"reference: {type(error).__name__}: {str(error)[:80]}"] += 1
            shutil.rmtree(folder)
            continue
        found, refusal = own_ids(arguments.program, folder, texts)
        if found is None:
            counts["refused"] += 1
            reasons[refusal.split(str(folder))[-1][:110]] += 1
            shutil.rmtree(folder)
        elif found == expected:
            counts["same"] += 1
            shutil.rmtree(folder)
        else:
            counts["different"] += 1
            at = next(i for i, pair in enumerate(zip(expected, found)) if pair[0] != pair[1])
            print(f"{folder} ({maker.__name__}): {texts[at]!r}\n  expected {expected[at]}\n  found    {found[at]}")
    print(f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}: {dict(counts)}; {arguments.texts} texts each")
    for reason, count in reasons.most_common():
        print(f"  {count:4} {reason}")
    return 1 if counts["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
