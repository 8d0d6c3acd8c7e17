#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes vectors that compare a tokenizer with its reference on random strings, for the test that TEMPER_TOKENIZER_VECTORS
names a file to.

Usage:
    make_vectors.py tokenizer.json [COUNT [SEED]] > vectors.json
    make_vectors.py tokenizer.model VOCABULARY [COUNT [SEED]] > vectors.json

The first form asks Hugging Face's tokenizers, the second SentencePiece, for a vocabulary made of the model: llama2.c's
tokenizer.bin or a GGUF file.
Then: TEMPER_TOKENIZER_VECTORS=vectors.json swift test -c release --filter TokenizersTests
"""

import json
import os
import sys

import random_text

reference, *rest = sys.argv[1:]
if reference.endswith(".model"):
    import sentencepiece

    target = rest.pop(0)
    processor = sentencepiece.SentencePieceProcessor(model_file=reference)
    special = []
    # SentencePiece never reads the spelling of a control token as that token.
    parse_special = False

    def encode(text):
        return processor.encode(text)
else:
    import tokenizers

    target = reference
    tokenizer = tokenizers.Tokenizer.from_file(reference)
    parse_special = True
    special = [token.content for token in tokenizer.get_added_tokens_decoder().values()]

    def encode(text):
        return tokenizer.encode(text, add_special_tokens=False).ids

count = int(rest[0]) if rest else 10_000
seed = int(rest[1]) if len(rest) > 1 else 1
texts = random_text.strings(seed, count, special)
vectors = [{"text": text, "ids": encode(text)} for text in texts]
json.dump({"tokenizer": os.path.abspath(target), "seed": seed, "parse_special": parse_special, "vectors": vectors}, sys.stdout)
