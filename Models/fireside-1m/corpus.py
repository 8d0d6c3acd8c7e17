#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns public-domain books into a tokenizer and three files of token ids.

    python corpus.py --books FOLDER --out RUN

FOLDER holds the books as NAME.txt or NAME.txt.gz, header and licence already removed. Written to RUN:
tokenizer.json, train.bin, val.bin (the last 3 % of every training book), unseen.bin (a book that is not trained
on) and corpus.json with the sizes. Ids are little-endian uint16.
"""

import argparse
import gzip
import json
import pathlib
import re

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

END = "<|endoftext|>"

# Simple narrative first: novels for grown-up readers are left out on purpose.
LEFT_OUT = ("pride-and-prejudice", "the-adventures-of-sherlock-holmes")
UNSEEN = ("the-happy-prince",)
HELD_OUT = 0.03

PLAIN = {
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2014": "--", "\u2013": "-", "\u2026": "...",
    "\u00a0": " ", "\u00e6": "ae", "\u00c6": "AE", "\ufeff": "", "_": "", "=": "",
}


def clean(text):
    """Paragraphs on one line each; headings become the end of a document."""
    for old, new in PLAIN.items():
        text = text.replace(old, new)
    text = re.sub(r"\[Illustration.*?\]", "", text, flags=re.DOTALL)
    documents = [[]]
    for paragraph in re.split(r"\n\s*\n", text):
        line = " ".join(paragraph.split())
        line = re.sub(r"(?<=\S)-- ?(?=\S)", "--", line)
        if not line or not re.search(r"[A-Za-z]", line):
            continue
        heading = not re.search(r"[a-z]{2}", line) or re.match(r"(chapter|book|part|contents)\b", line, re.I)
        if heading and len(line) < 120:
            if documents[-1]:
                documents.append([])
            continue
        if len(line) < 25 and not re.search(r"[.!?\"']$", line):
            continue  # titles, lists of contents, signatures
        documents[-1].append(line)
    return [lines for lines in documents if sum(map(len, lines)) > 400]


def read_books(folder):
    books = {}
    for path in sorted(pathlib.Path(folder).iterdir()):
        if path.name.endswith(".txt.gz"):
            raw = gzip.decompress(path.read_bytes())
        elif path.name.endswith(".txt"):
            raw = path.read_bytes()
        else:
            continue
        books[path.name.split(".")[0]] = clean(raw.decode("utf-8"))
    return books


def split(documents):
    """The documents before and after the point where HELD_OUT of the characters remain."""
    total = sum(len(line) for lines in documents for line in lines)
    train, held, seen = [], [], 0
    for lines in documents:
        before = [[], []]
        for line in lines:
            before[seen >= total * (1 - HELD_OUT)].append(line)
            seen += len(line)
        train += [before[0]] if before[0] else []
        held += [before[1]] if before[1] else []
    return train, held


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--books", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--vocabulary", type=int, default=2048)
    args = parser.parse_args()
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)

    parts = {"train": [], "val": [], "unseen": []}
    used = []
    for name, documents in read_books(args.books).items():
        if name.startswith(LEFT_OUT):
            continue
        if name.startswith(UNSEEN):
            parts["unseen"] += documents
            continue
        train, held = split(documents)
        parts["train"] += train
        parts["val"] += held
        used.append(name)

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=args.vocabulary, special_tokens=[END], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(("\n".join(lines) for lines in parts["train"]), trainer)
    tokenizer.save(str(out / "tokenizer.json"))

    end = tokenizer.token_to_id(END)
    report = {"books": used}
    for part, documents in parts.items():
        ids = []
        for lines in documents:
            ids += [end] + tokenizer.encode("\n".join(lines)).ids
        ids.append(end)
        np.array(ids, dtype="<u2").tofile(out / f"{part}.bin")
        size = sum(len("\n".join(lines).encode()) for lines in documents)
        report[part] = {"documents": len(documents), "bytes": size, "tokens": len(ids)}
    (out / "corpus.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
