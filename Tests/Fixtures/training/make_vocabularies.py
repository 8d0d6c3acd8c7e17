#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes vocabulary-text.txt and vocabularies.json: what Hugging Face tokenizers' BpeTrainer learns from the text, and
the ids that its tokenizer gives. Needs the package tokenizers (made with 0.23.3)."""

import json
import pathlib
import random

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).parent
SIZE = 420
SPELT = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
WORDS = r"%s|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def split(digits):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(WORDS % (SPELT, digits)), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])


RULES = {
    "gpt2": lambda: pre_tokenizers.ByteLevel(add_prefix_space=False),
    "smollm": lambda: pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]),
    "llama3": lambda: split("{1,3}"),
    "qwen2": lambda: split(""),
}


def make_text():
    random.seed(7)
    animals = "cat dog fox hen owl bear wolf mouse rabbit duck".split()
    names = "Anna Ben Clara Dora Emil Finn Käthe Øyvind Ludmiła Zoë".split()
    verbs = "saw met followed found heard helped".split()
    places = "in the forest|by the river|under the old bridge|at the mill|near the house".split("|")
    extra = ["", " It was 17:45.", " They're late!", " \"Don't go,\" it said.", "  \n\tAnd then…", " 1234 56 7.",
             " aaaaaaa", " ha ha ha haha", " 東京 は 夏。", " 🙂🙂", " naïve café", " I'LL SEE'em"]
    lines = []
    for _ in range(160):
        name, animal = random.choice(names), random.choice(animals)
        lines.append(f"{name} {random.choice(verbs)} the {random.choice(['little ', 'old ', 'grey ', ''])}{animal} "
                     f"{random.choice(places)}.{random.choice(extra)}")
    return "\n".join(lines) + "\n"


def main():
    text = make_text()
    (HERE / "vocabulary-text.txt").write_text(text, encoding="utf-8")
    samples = [text[start:start + 97] for start in range(0, 4000, 331)] + [
        "", " ", "\n\n  x", "The qQ 999 1234567 don't DON'T", "\u017f '\u017fx", "<|endoftext|> <|end|>", "🙂é東ß\u0301",
    ]
    result = {"size": SIZE, "special": ["<|endoftext|>", "<|end|>"], "rules": {}}
    for name, rule in RULES.items():
        tokenizer = Tokenizer(models.BPE(ignore_merges=name == "llama3"))
        tokenizer.pre_tokenizer = rule()
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=SIZE, min_frequency=2, special_tokens=result["special"], show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
        tokenizer.train_from_iterator([text], trainer)
        model = json.loads(tokenizer.to_str())["model"]
        result["rules"][name] = {
            "pieces": [piece for piece, _ in sorted(model["vocab"].items(), key=lambda item: item[1])],
            "merges": model["merges"],
            "ids": [tokenizer.encode(sample).ids for sample in samples],
        }
    result["samples"] = samples
    (HERE / "vocabularies.json").write_text(json.dumps(result, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
