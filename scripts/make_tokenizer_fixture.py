#!/usr/bin/env python3
"""Writes tests/fixtures/gpt2: 1,000 texts with the ids that Hugging Face's `tokenizers` gives them, and the
part of GPT-2's vocabulary that they need.

    make_tokenizer_fixture.py GPT2_TOKENIZER_FOLDER OUT_FOLDER      (needs: pip install tokenizers regex)

GPT2_TOKENIZER_FOLDER holds the published vocab.json and merges.txt. The same input gives the same files.
Two implementations must agree on every text: the Rust `tokenizers`, and GPT-2's own encoder.py, rewritten
below. So must the cut-down vocabulary and the full one.
"""

import argparse
import json
import random
from pathlib import Path

import regex
from tokenizers import Tokenizer, models, pre_tokenizers

TEXTS = 1000
END_OF_TEXT = "<|endoftext|>"
PATTERN = regex.compile(
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)

WHO = "I|She|My mother|The patient|Our two-year-old|He|My partner|A man aged 54|Mum|Nobody in the ward".split("|")
FEELS = (
    "has had|is complaining of|woke up with|can't get rid of|noticed|doesn't have|reports|'d been having|"
    "has been treated for|came in with|is worried about|hasn't told anyone about"
).split("|")
WHAT = (
    "a fever and cough|chest pain on exertion|a sore throat|shortness of breath|blurred vision in the left eye|"
    "night sweats|an itchy rash|tingling fingers|lower back pain|diarrhoea and vomiting|swollen ankles|"
    "palpitations|a stiff neck|haemoptysis|dysphagia|photophobia|a metallic taste|blood in the urine"
).split("|")
WHEN = (
    "since Tuesday|for 3 weeks|after eating shellfish|at 03:45 every night|since 12/11/2019|for about 1,5 years|"
    "when climbing stairs|on and off|after 500mg of amoxicillin t.i.d.|(it's getting worse)|whenever it's cold"
).split("|")
ENDS = [".", "!", "?", "...", " …", ";", "", " ?!", ".\n", ".  ", ".\r\n\r\n", " -- what should I do?", ".”"]

CONTRACTIONS = (
    "I'm|I've|they're|we'll|he'd|it's|don't|can't|DON'T|I'M|WE'LL|y'all'd've|o'clock|'tis|rock'n'roll|'s|'S|''s|"
    "' s|the dogs' bowls|I’m|don’t|'re're|'lls|'des|x'm1|'t'|5's"
).split("|")

SCRIPTS = [
    "У меня болит голова и температура 38,5.",
    "Έχω πυρετό και βήχα εδώ και τρεις μέρες.",
    "我发烧了，还咳嗽。已经三天了！",
    "熱があって、咳が出ます。カタカナも半角ｶﾀｶﾅも。",
    "열이 나고 기침이 나요. 3일 됐어요.",
    "عندي حمى وسعال منذ ٣ أيام.",
    "יש לי חום ושיעול כבר שָׁלוֹשׁ ימים.",
    "मुझे बुखार और खांसी है। ३ दिन से।",
    "எனக்கு காய்ச்சலும் இருமலும் உள்ளது.",
    "ฉันมีไข้และไอมาสามวันแล้ว ๓ วัน",
    "მაქვს სიცხე და ხველა.",
    "Ես ջերմություն և հազ ունեմ։",
    "ትኩሳትና ሳል አለብኝ።",
    "Mám horečku a kašel; žluťoučký kůň úpěl ďábelské ódy.",
    "Tôi bị sốt và ho đã ba ngày nay.",
    "Ich habe Fieber, Übelkeit und Straßenhusten. ẞ",
    "J'ai de la fièvre; c'est l'été, qu'est-ce qu'il y a?",
    "Ateşim var, öksürüyorum. İĞIŞ ığış",
    "ខ្ញុំមានគ្រុនក្តៅ",
    "ကျွန်တော် ဖျားနေတယ်",
    "བོད་སྐད་ ༣",
    "ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ",
    "𝔉𝔢𝔳𝔢𝔯 𝒂𝒏𝒅 𝟛𝟟.𝟝",
    "𓀀𓁐 𒀀𒐏 𐌰𐌱",
]
MARKS = [
    "e\u0301", "a\u0308\u0323", "n\u0303o", "Z\u0351\u036b\u0343a\u0337l\u0322g\u0334o", "\u0301", " \u0301x",
    "क्षि", "\u05e9\u05c1", "o\u0302\u0301\u0323", "1\u20e3", "x\u0332y", "\u200dx", "a\u034fb",
]
EMOJI = [
    "😀", "🤒", "🤧🤒", "👍🏽", "👩‍⚕️", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇬🇧🇩🇪", "❤️‍🩹", "☺", "☺️", "🧑🏿‍🔬", "1️⃣2️⃣", "⚕", "🩺🩻", "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
]
SPACES = (
    [" ", "\t", "\n", "\r", "\v", "\f", "\x85", "\xa0", "\u1680", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"]
    + [chr(c) for c in range(0x2000, 0x200B)]
    + ["\u180e", "\u200b", "\ufeff", "\u2060", "\x1c", "\x1d", "\x1e", "\x1f", "\x00"]  # no spaces, some look it
)
NUMBERS = (
    "38.5|1,000,000|0x1F|1e-9|½|²³|ⅷ|①②|٣٤٥|१२३|Ⅻ|-273.15°C|10^9/L|120/80|3×10⁹|１２３|000|1234567890123456789|٪5|2nd|"
    "5mg|mg5|v1.2.3-rc4|٣x|Ⅷth"
).split("|")
CODE = [
    "for (int i = 0; i < n; ++i) {\n\tsum += a[i];  // total\n}\n",
    "def f(x):\n    return {k: v for k, v in x.items() if v is not None}\n",
    "SELECT * FROM patients WHERE age >= 65 AND name LIKE '%o''brien%';",
    "https://example.org/a/b?q=fever%20and%20cough&lang=en#top",
    "mailto:first.last+tag@example.co.uk",
    "C:\\Users\\me\\notes.txt",
    "<div class=\"note\">it's &amp; isn't</div>",
    "{\"temp\": 38.5, \"unit\": \"\\u00b0C\", \"tags\": [\"a\", null, true]}",
    "$\\frac{1}{2}\\int_0^\\infty e^{-x^2}\\,dx$",
    "git commit -m \"wip\" && ./run.sh || exit 1",
    "#!/bin/sh\nset -eu\nx=$(ls -la | wc -l)\n\n\n",
    "| a | b |\n|---|:-:|\n| 1 | 2 |\n",
    "snake_case camelCase PascalCase kebab-case SCREAMING_CASE __dunder__",
    "\x1b[31mred\x1b[0m \x07\x08\x7f",
    "~~~!!!???###$$$%%%^^^&&&***((()))---___+++===",
]
SPECIAL = [
    END_OF_TEXT, "a" + END_OF_TEXT, END_OF_TEXT + "b", "a " + END_OF_TEXT + " b", END_OF_TEXT * 3, "<|endoftext|",
    "<|ENDOFTEXT|>", "<|endoftext |>", "<<|endoftext|>>", "\n" + END_OF_TEXT + "\n", "<s></s><unk><pad>",
]
FIRST = [
    "I feel that I have a fever and cough.",
    "", " ", "  ", "\n", "\n\n", "a", " a", "a ", "  a  ", "\ta", "a\t\tb", "a \n b", "'", "''", "' '", "\u00a0a", "a\u00a0\u00a0b",
]
LONG_WORDS = [
    "pneumonoultramicroscopicsilicovolcanoconiosis", "hippopotomonstrosesquippedaliophobia",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft", "a" * 300, "ab" * 200,
    "Aa" * 100, "z" * 77, "é" * 120, "漢" * 60, "😀" * 40, "=" * 200, "-" * 99, "." * 70, " " * 150, "\n" * 90,
    " \n" * 60, "\t" * 45, "0" * 120, "1234567890" * 12, "ha" * 90 + "!" * 30, "\u0301" * 40, "\xa0" * 50, "\u3000" * 30,
]
# One letter or number that Unicode 15, 15.1 or 16 added, between letters, numbers and signs.
NEW_CHARACTERS = [0x1C89, 0xA7CB, 0x10D4A, 0x11F04, 0x1E4D0, 0x2EBF0, 0x31350, 0x323AF, 0x10D40, 0x11F50, 0x1E4F0, 0x1CCF0]


def letters(rng, low, high):
    return "".join(rng.choice("etaoinshrdlucmfwypvbgkjqxz") for _ in range(rng.randint(low, high)))


def scalar(rng):
    while True:
        code = rng.choice(
            [rng.randint(0, 0x7F), rng.randint(0x80, 0x24F), rng.randint(0x250, 0x1FFF), rng.randint(0x2000, 0x33FF),
             rng.randint(0x3400, 0xFFFF), rng.randint(0x10000, 0x1FFFF), rng.randint(0x20000, 0x10FFFF)]
        )
        if not 0xD800 <= code <= 0xDFFF:
            return chr(code)


def symptom(rng):
    text = " ".join([rng.choice(WHO), rng.choice(FEELS), rng.choice(WHAT), rng.choice(WHEN)]) + rng.choice(ENDS)
    return text.replace(" 'd", "'d")


def word(rng):
    return rng.choice([letters(rng, 1, 9), rng.choice(WHAT), rng.choice(NUMBERS), rng.choice(CONTRACTIONS)])


def spaced(rng):
    runs = []
    for _ in range(rng.randint(1, 6)):
        runs.append("".join(rng.choice(SPACES) for _ in range(rng.randint(1, 4))))
        runs.append(rng.choice([letters(rng, 1, 4), str(rng.randint(0, 999)), "!", "'s", "é", ""]))
    if rng.random() < 0.5:
        runs = runs[1:]
    return "".join(runs)


def mixture(rng):
    pools = [SCRIPTS, MARKS, EMOJI, NUMBERS, CONTRACTIONS, CODE, SPACES, SPECIAL, WHAT]
    return "".join(rng.choice(rng.choice(pools)) + rng.choice(["", " ", "", "\n"]) for _ in range(rng.randint(2, 6)))


def candidates(rng):
    """The texts, without end; the fixed ones first."""
    yield from FIRST
    for pool in (CONTRACTIONS, SCRIPTS, MARKS, EMOJI, NUMBERS, CODE, SPECIAL, LONG_WORDS):
        yield from pool
    for space in SPACES:
        yield f"a{space}b"
        yield f"{space}{space}1{space}!{space}"
    for code in NEW_CHARACTERS:
        yield f"a{chr(code)}1{chr(code)}!{chr(code)}"
    makers = [
        symptom, symptom, symptom, spaced, spaced, mixture, mixture,
        lambda r: " ".join(word(r) for _ in range(r.randint(2, 9))),
        lambda r: "".join(scalar(r) for _ in range(r.randint(1, 20))),
        lambda r: "".join(rng.choice([scalar(r), " ", letters(r, 1, 3)]) for _ in range(r.randint(1, 16))),
        lambda r: letters(r, 20, 90).upper() if r.random() < 0.3 else letters(r, 20, 90),
        lambda r: "\n\n".join(symptom(r) for _ in range(2)),
    ]
    while True:
        for make in makers:
            yield make(rng)


def spellings():
    """GPT-2's character for each byte."""
    result, moved = {}, 0x100
    for byte in range(256):
        if 0x21 <= byte <= 0x7E or 0xA1 <= byte <= 0xAC or 0xAE <= byte:
            result[byte] = chr(byte)
        else:
            result[byte], moved = chr(moved), moved + 1
    return result


def encode_slowly(text, vocab, ranks, alphabet, used):
    """encoder.py's way. Notes in `used` the merges that were applied."""
    ids = []
    for found in PATTERN.findall(text):
        word_now = [alphabet[byte] for byte in found.encode()]
        while len(word_now) > 1:
            best = min(zip(word_now, word_now[1:]), key=lambda pair: ranks.get(pair, float("inf")))
            if best not in ranks:
                break
            used.add(best)
            merged, i = [], 0
            while i < len(word_now):
                if tuple(word_now[i : i + 2]) == best:
                    merged.append(word_now[i] + word_now[i + 1])
                    i += 2
                else:
                    merged.append(word_now[i])
                    i += 1
            word_now = merged
        ids += [vocab[token] for token in word_now]
    return ids


def fast(vocab, merges):
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("vocabulary", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()

    vocab = json.loads((arguments.vocabulary / "vocab.json").read_text(encoding="utf-8"))
    lines = (arguments.vocabulary / "merges.txt").read_text(encoding="utf-8").split("\n")
    merges = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    ranks = {merge: rank for rank, merge in enumerate(merges)}
    alphabet = spellings()
    full = fast(vocab, merges)

    texts, used, seen, disagreed = [], set(), set(), 0
    for text in candidates(random.Random(8)):
        if len(texts) == TEXTS:
            break
        if text in seen:
            continue
        seen.add(text)
        applied = set()
        ids = full.encode(text).ids
        if ids != encode_slowly(text, vocab, ranks, alphabet, applied):
            disagreed += 1  # characters that `regex` knows from a newer Unicode than `tokenizers`
            continue
        used |= applied
        texts.append({"text": text, "ids": ids})
    assert texts[0]["ids"] == [40, 1254, 326, 314, 423, 257, 17372, 290, 22094, 13]

    kept_merges = [merge for merge in merges if merge in used]
    kept = set(alphabet.values()) | {END_OF_TEXT} | {a + b for a, b in kept_merges}
    kept_vocab = {token: vocab[token] for token in sorted(kept, key=vocab.get)}
    pruned = fast(kept_vocab, kept_merges)
    for entry in texts:
        assert pruned.encode(entry["text"]).ids == entry["ids"]

    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    compact = {"ensure_ascii": False, "separators": (",", ":")}
    (out / "vocab.json").write_text(json.dumps(kept_vocab, **compact) + "\n", encoding="utf-8")
    (out / "merges.txt").write_text(
        "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in kept_merges), encoding="utf-8"
    )
    # Ends of lines such as U+2028 are escaped so that a line is a line for every reader.
    (out / "texts.jsonl").write_text(
        "".join(json.dumps(entry, separators=(",", ":")) + "\n" for entry in texts), encoding="utf-8"
    )
    pruned.add_special_tokens([END_OF_TEXT])
    (out / "json").mkdir(exist_ok=True)
    whole = json.loads(pruned.to_str())
    (out / "json" / "tokenizer.json").write_text(json.dumps(whole, **compact) + "\n", encoding="utf-8")
    print(f"{len(texts)} texts, {len(kept_vocab)} tokens, {len(kept_merges)} merges; "
          f"{disagreed} candidates dropped because the two references disagree")


if __name__ == "__main__":
    main()
