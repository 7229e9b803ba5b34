#!/usr/bin/env python3
"""Compares `medgen why` with an occlusion that is computed by PyTorch, token by token and without any sharing.

A development script: it needs torch and transformers, and for --inseq also inseq. MODEL is a Hugging Face folder of a
GPT-2. Prints the largest difference of an influence and of a log-probability, in nats; exits 1 where one is above the
limit. Then the processor time of medgen's whole process, of PyTorch for the same occlusion in one batch, and of inseq's
occlusion, their model loaded; medians of the rounds, which take turns. medgen also tests how far to trust its answer.

    scripts/compare_why.py MODEL [--medgen build/release/medgen] [--limit 1e-3] [--rounds 5] [--new-tokens 60] [--inseq]
    scripts/compare_why.py --make FOLDER --tokenizer GPT2_TOKENIZER      a model of GPT-2 small's shape, seeded at random
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

PROMPT = ("I have had a fever and a sharp pain in my chest since Monday and it gets worse when I breathe in deeply so I "
          "went to bed early")


def make(folder, tokenizer):
    import torch
    import transformers
    torch.manual_seed(1)
    transformers.GPT2LMHeadModel(transformers.GPT2Config()).save_pretrained(folder)
    transformers.GPT2TokenizerFast.from_pretrained(tokenizer).save_pretrained(folder)


def ask_medgen(arguments):
    command = [arguments.medgen, "why", "--quiet", "--json", "--model", arguments.model, "--precision", "fp32",
               "--seed", "1", "--max-new-tokens", str(arguments.new_tokens), "--min-new-tokens",
               str(arguments.new_tokens), "--threads", "2", PROMPT]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def processor_time():
    """Of this process and of those that it has waited for, in seconds."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Torch:
    def __init__(self, folder):
        import torch
        import transformers
        torch.set_num_threads(2)
        self.torch = torch
        self.model = transformers.GPT2LMHeadModel.from_pretrained(folder).eval()

    def logprobs(self, prompts, made):
        """[prompts][tokens of made]; all prompts are of one length."""
        torch = self.torch
        rows = torch.tensor([prompt + made for prompt in prompts])
        with torch.no_grad():
            logits = self.model(rows).logits[:, -len(made) - 1:-1].log_softmax(-1)
        return logits.gather(-1, rows[:, -len(made):, None])[..., 0].tolist()

    def occlusion(self, answer):
        """Influence of each source on the whole text, and the log-probability of the whole."""
        made, prompt = answer["made_ids"], answer["prompt_ids"]
        by_length = {}
        for number, source in enumerate(answer["sources"]):
            left = prompt[:source["first_token"]] + prompt[source["first_token"] + source["tokens"]:]
            by_length.setdefault(len(left), []).append((number, left))
        whole = sum(self.logprobs([prompt], made)[0])
        sums = [0.0] * len(answer["sources"])
        for group in by_length.values():
            values = self.logprobs([left for _, left in group], made)
            for (number, _), logprobs in zip(group, values):
                sums[number] = whole - sum(logprobs)
        return sums, whole


class Inseq:
    def __init__(self, folder):
        import inseq
        self.model = inseq.load_model(folder, "occlusion")
        self.tokenizer = self.model.tokenizer

    def run(self, answer):
        whole = answer["prompt_ids"] + answer["made_ids"]
        self.model.attribute(self.tokenizer.decode(answer["prompt_ids"]), self.tokenizer.decode(whole),
                             show_progress=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?")
    parser.add_argument("--medgen", default="build/release/medgen")
    parser.add_argument("--limit", type=float, default=1e-3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--new-tokens", type=int, default=60)
    parser.add_argument("--inseq", action="store_true")
    parser.add_argument("--make")
    parser.add_argument("--tokenizer")
    arguments = parser.parse_args()
    if arguments.make:
        return make(arguments.make, arguments.tokenizer)
    answer = ask_medgen(arguments)
    torch = Torch(arguments.model)
    sums, whole = torch.occlusion(answer)
    off = max(abs(a - b) for a, b in zip(sums, answer["sums"]))
    off_whole = abs(whole - sum(target["logprob"] for target in answer["targets"]))
    # The comparison can fail: another word's influence is another number.
    moved = max(abs(a - b) for a, b in zip(sums[1:] + sums[:1], answer["sums"]))
    print(f"{len(sums)} words, {len(answer['made_ids'])} tokens: influences differ by {off:.2g} nats at most, the whole by "
          f"{off_whole:.2g}; shifted by a word by {moved:.2g}")
    if max(off, off_whole) > arguments.limit or moved <= arguments.limit:
        return 1
    ways = {"medgen why, the whole process": lambda: ask_medgen(arguments),
            "torch, occlusion alone": lambda: torch.occlusion(answer)}
    if arguments.inseq:
        inseq = Inseq(arguments.model)
        ways["inseq, occlusion alone"] = lambda: inseq.run(answer)
    times = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, way in ways.items():
            began = processor_time()
            way()
            times[name].append(processor_time() - began)
    for name, values in times.items():
        print(f"{name}: {statistics.median(values):.2f} s of processor time ({min(values):.2f} to {max(values):.2f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
