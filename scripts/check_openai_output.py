#!/usr/bin/env python3
"""Reads an output of `medgen batch` in OpenAI's form with the official client's types (pip install openai).

    scripts/check_openai_output.py OUT.jsonl

For development: says how many lines were read, and stops at the first that the types refuse.
"""

import json
import sys

from openai.types import Completion


def check(line: str) -> bool:
    """Whether the line answers with texts; raises if it is neither that nor a proper error."""
    record = json.loads(line)
    assert isinstance(record["id"], str) and isinstance(record["custom_id"], str), "ids are strings"
    assert record["error"] is None, "what failed has a status and a body"
    response = record["response"]
    assert isinstance(response["request_id"], str), "a request has an id"
    if response["status_code"] != 200:
        assert 400 <= response["status_code"] < 600, "a status of a failure"
        error = response["body"]["error"]
        assert set(error) == {"message", "type", "param", "code"}, "the members of an error"
        return False
    completion = Completion.model_validate(response["body"])
    for choice in completion.choices:
        if choice.logprobs is not None:
            lists = (choice.logprobs.tokens, choice.logprobs.token_logprobs, choice.logprobs.top_logprobs,
                     choice.logprobs.text_offset)
            assert len({len(values) for values in lists}) == 1, "a value for each token"
    return True


def main() -> None:
    texts = failures = 0
    with open(sys.argv[1], encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                if check(line):
                    texts += 1
                else:
                    failures += 1
            except Exception as error:
                sys.exit(f"line {number}: {error}")
    print(f"{texts} answers with texts, {failures} failures: all as the client reads them")


if __name__ == "__main__":
    main()
