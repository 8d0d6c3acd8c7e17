#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains tiny vocabularies on a synthetic text with Hugging Face's tokenizers, one per family, and stores hashes of the
ids they give for the random strings of texts.json.

Usage: make_tiny.py [LLAMA2_TOKENIZER_MODEL]
Writes tiny-*.json, texts.json and, given SentencePiece's model of Llama 2, llama2-hashes.json beside itself.
"""

import json
import os
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import random_text

HERE = os.path.dirname(os.path.abspath(__file__))
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = CONTRACTIONS + r"\p{N}{1,3}" + REST
QWEN2 = CONTRACTIONS + r"\p{N}" + REST
SPECIAL = ["<|begin|>", "<|im_end|>", "<|im_end|>x", "<tool>", "[MASK]", "word", "Ünï"]


def corpus():
    rng = random.Random(7)
    subjects = "I you we they he she it the\u2002cat the dog a bird someone Été Über naïve привет мир 世界 こんにちは".split(" ")
    verbs = "don't won't can't I'm it's we'll they've you're he'd sees likes takes makes HTTP returns prints".split(" ")
    objects = "a house the tree 12 345 6789 2024 x == y; {} [] () snake_case camelCase \u00e9t\u00e9 안녕 مرحبا नमस्ते".split(" ")
    lines = []
    for _ in range(3000):
        words = [rng.choice(subjects), rng.choice(verbs), rng.choice(objects), rng.choice(objects)]
        lines.append(rng.choice(["", " ", "  ", "\t"]) + " ".join(words) + rng.choice([".", "!", "?\n", ",\r\n", "\n\n"]))
    return lines


def byte_level(pattern=None, digits=False, normalizer=None, ignore_merges=False, bos=False, prefix_space=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    stages = []
    if pattern:
        stages.append(pre_tokenizers.Split(Regex(pattern), "isolated"))
    if digits:
        stages.append(pre_tokenizers.Digits(individual_digits=True))
    stages.append(pre_tokenizers.ByteLevel(add_prefix_space=prefix_space, use_regex=pattern is None))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(stages) if len(stages) > 1 else stages[0]
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=640, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainer)
    add_tokens(tokenizer)
    if bos:
        tokenizer.post_processor = processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single="<|begin|> $A", pair="<|begin|> $A $B:1",
                special_tokens=[("<|begin|>", tokenizer.token_to_id("<|begin|>"))]),
        ])
    return tokenizer


def add_tokens(tokenizer):
    tokenizer.add_special_tokens([
        AddedToken("<|begin|>"), AddedToken("<|im_end|>", rstrip=True), AddedToken("[MASK]", lstrip=True)])
    tokenizer.add_tokens([
        AddedToken("<|im_end|>x", normalized=False), AddedToken("<tool>", normalized=False, lstrip=True, rstrip=True),
        AddedToken("word", single_word=True, normalized=False), AddedToken("Ünï", normalized=True)])


def sentencepiece_like(metaspace=None, fallback=True, fuse=True):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=fallback, fuse_unk=fuse))
    escape = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    # Trained with words cut at spaces, then used the way of the family.
    tokenizer.pre_tokenizer = escape
    specials = ["<unk>", "<s>", "</s>"]
    alphabet = sorted(set("".join(corpus())) - {" "}) + ["\u2581"]
    rare = {"世", "界", "म", "ॄ"}
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=specials + ([f"<0x{b:02X}>" for b in range(256)] if fallback else []),
        initial_alphabet=[c for c in alphabet if c not in rare], limit_alphabet=100, show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainer)
    # Byte tokens are pieces of the model, not added tokens.
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [t for t in state["added_tokens"] if not t["content"].startswith("<0x")]
    tokenizer = Tokenizer.from_str(json.dumps(state))
    if metaspace:
        tokenizer.pre_tokenizer = metaspace
        tokenizer.decoder = decoders.Sequence([
            decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first"), decoders.Fuse()])
    else:
        tokenizer.pre_tokenizer = None
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
        tokenizer.decoder = decoders.Sequence([
            decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B:1", special_tokens=[("<s>", 1)])
    tokenizer.add_special_tokens([AddedToken("<|im_end|>", normalized=False, rstrip=True)])
    tokenizer.add_tokens([AddedToken("<tool>", normalized=False), AddedToken("word", single_word=True, normalized=False)])
    return tokenizer


FAMILIES = {
    "gpt2": lambda: byte_level(),
    "roberta": lambda: byte_level(prefix_space=True),
    "llama3": lambda: byte_level(LLAMA3, ignore_merges=True, bos=True),
    "qwen2": lambda: byte_level(QWEN2, normalizer=normalizers.NFC()),
    "smollm": lambda: byte_level(digits=True),
    "llama2": lambda: sentencepiece_like(),
    "mistral": lambda: sentencepiece_like(pre_tokenizers.Metaspace(prepend_scheme="first", split=False)),
    "metaspace": lambda: sentencepiece_like(pre_tokenizers.Metaspace(prepend_scheme="always", split=True)),
    "nobytes": lambda: sentencepiece_like(fallback=False),
    "nofuse": lambda: sentencepiece_like(fallback=False, fuse=False),
}


def write(name, value):
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=True, separators=(",", ":"))
        file.write("\n")


texts = random_text.strings(20_250, 500, SPECIAL, longest=8)
write("texts.json", texts)
for name, make in FAMILIES.items():
    tokenizer = make()
    write(f"tiny-{name}.json", {
        "tokenizer": json.loads(tokenizer.to_str()),
        "hashes": [random_text.hash_ids(tokenizer.encode(text, add_special_tokens=True).ids) for text in texts],
    })
if len(sys.argv) > 1:
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1])
    write("llama2-hashes.json", [random_text.hash_ids(processor.encode(text)) for text in texts[:300]])
