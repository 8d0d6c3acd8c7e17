# SPDX-License-Identifier: Apache-2.0
"""Public-domain books as documents: plain quotation marks, a paragraph a line, pieces of about a page."""

import gzip
import pathlib
import re

# novels for grown-up readers are harder than what a model of this size can use
LEFT_OUT = ("pride-and-prejudice", "the-adventures-of-sherlock-holmes")
PAGE = 1600

_PLAIN = {
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2014": "--", "\u2013": "-", "\u2026": "...",
    "\u00a0": " ", "\u00e6": "ae", "\u00c6": "AE", "\ufeff": "", "_": "", "=": "",
}


def chapters(text):
    """Lists of paragraphs; headings end a chapter, and what is no sentence is dropped."""
    for old, new in _PLAIN.items():
        text = text.replace(old, new)
    text = re.sub(r"\[Illustration.*?\]", "", text, flags=re.DOTALL)
    found = [[]]
    for paragraph in re.split(r"\n\s*\n", text):
        line = " ".join(paragraph.split())
        line = re.sub(r"(?<=\S)-- ?(?=\S)", "--", line)
        if not re.search(r"[A-Za-z]", line):
            continue
        heading = not re.search(r"[a-z]{2}", line) or re.match(r"(chapter|book|part|contents)\b", line, re.I)
        if heading and len(line) < 120:
            if found[-1]:
                found.append([])
            continue
        if len(line) < 25 and not re.search(r"[.!?\"']$", line):
            continue  # titles, lists of contents, signatures
        found[-1].append(line)
    return [lines for lines in found if sum(map(len, lines)) > 400]


def pages(lines):
    """Consecutive paragraphs of about PAGE characters."""
    page, size = [], 0
    for line in lines:
        page.append(line)
        size += len(line)
        if size >= PAGE:
            yield "\n".join(page)
            page, size = [], 0
    if page:
        yield "\n".join(page)


def read_books(folder):
    """Every page of every NAME.txt or NAME.txt.gz in the folder, books in the order of their names."""
    for path in sorted(pathlib.Path(folder).iterdir()):
        if path.name.startswith(LEFT_OUT):
            continue
        if path.name.endswith(".txt.gz"):
            raw = gzip.decompress(path.read_bytes())
        elif path.name.endswith(".txt"):
            raw = path.read_bytes()
        else:
            continue
        for lines in chapters(raw.decode("utf-8")):
            for page in pages(lines):
                yield {"text": page}
