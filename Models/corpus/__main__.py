# SPDX-License-Identifier: Apache-2.0
"""Writes the training corpus and the held-out evaluation set.

    python3 -m corpus --out FOLDER [--seed 1] [--size 1] [--items 100] [--books FOLDER]

Run it in Models/. Written to FOLDER: each source as NAME.jsonl, vocabulary.jsonl to learn the vocabulary from,
evaluation.jsonl, tokenizer/chat_template.jinja, and corpus.json, which counts and hashes them. The same seed and size
give the same bytes on every machine, and a larger size starts with the documents of a smaller one.
"""

import argparse
import hashlib
import json
import os
import pathlib

from .books import read_books
from .draw import Draw
from .echoes import WORDS
from .formats import CHAT_TEMPLATE
from .heldout import evaluation_set
from .mixture import SOURCES


def write(path, documents):
    """One JSON object a line, under its final name only when complete; returns what was written."""
    digest, count, size = hashlib.sha256(), 0, 0
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as out:
        for one in documents:
            line = (json.dumps(one, ensure_ascii=False) + "\n").encode()
            out.write(line)
            digest.update(line)
            count, size = count + 1, size + len(line)
    os.replace(part, path)
    return {"documents": count, "bytes": size, "sha256": digest.hexdigest()}


def vocabulary_sample(seed, size, books):
    """A balanced sample to learn the vocabulary from, and the words of tasks and their labels so often that each
    becomes one token, at the start of a line as well as after a space: of a word in pieces nothing is looked up before
    the pieces are read as one. Marks and made-up formats add no words."""
    for _ in range(int(400 * min(size, 1))):
        yield {"text": "\n".join(WORDS) + "\n" + " ".join(WORDS)}
    for name, (make, count) in SOURCES.items():
        for number in range(int(count * min(size, 1)) if name not in ("marked", "layouts") else 0):
            yield make(Draw(seed, "vocabulary", name, number))
    yield from books[::3]


def main():
    parser = argparse.ArgumentParser(prog="python3 -m corpus", description=__doc__.split("\n")[0])
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=float, default=1.0, help="1 is about 6 MB (default)")
    parser.add_argument("--items", type=int, default=100, help="questions of a curve (default 100); a fifth of a task")
    parser.add_argument("--books", type=pathlib.Path, help="a folder of public-domain books, NAME.txt or NAME.txt.gz")
    options = parser.parse_args()
    if not options.size > 0:
        parser.error("--size must be above 0")
    out, seed = options.out, options.seed
    (out / "tokenizer").mkdir(parents=True, exist_ok=True)
    report = {"seed": seed, "size": options.size}
    for name, (make, count) in SOURCES.items():
        documents = (make(Draw(seed, name, number)) for number in range(int(count * options.size)))
        report[name] = write(out / f"{name}.jsonl", documents)
    books = list(read_books(options.books)) if options.books else []
    if books:
        report["books"] = write(out / "books.jsonl", books)
    report["vocabulary"] = write(out / "vocabulary.jsonl", vocabulary_sample(seed, options.size, books))
    report["evaluation"] = write(out / "evaluation.jsonl", evaluation_set(seed, options.items, max(1, options.items // 5)))
    (out / "tokenizer/chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    (out / "corpus.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
