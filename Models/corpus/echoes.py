# SPDX-License-Identifier: Apache-2.0
"""Rows of arbitrary words that come again in pieces: what stood after a word must be looked up, it cannot be known.

The first pass is given, all the rest is learned, so nearly every learned token trains looking up; without such rows
the episodes take several times as long to be understood. Source: repeated random sequences as the test of induction
heads, Olsson et al. 2022.
"""

from .labels import COMMON, INVENTED
from .lexicon import CATEGORIES
from .sentences import NAMES
from .splits import label_is_held

_WORDS = tuple(
    [word for words in CATEGORIES.values() for word in words] + list(NAMES)
    + [word for word in COMMON + INVENTED if not label_is_held(word)])


def echo(draw):
    """A row, then its pieces in other orders."""
    joint = draw.pick((" ", ", ", " ", "\n", " - "))
    row = draw.some(_WORDS, draw.between(6, 24))
    size = draw.between(2, 5)
    pieces = [row[place : place + size] for place in range(0, len(row), size)]
    again = [joint.join(piece) for _ in range(draw.between(1, 2)) for piece in draw.shuffled(pieces)]
    return {"prompt": joint.join(row) + ".\n", "completion": joint.join(again) + "."}


def pairing(draw):
    """A table of pairs, then its lines again in any order; a key is met between all kinds of marks."""
    marks = draw.pick((" -> ", " = ", ": ", "\nA: ", " | ", "\nOutput: ", " is ", " / "))
    words = draw.some(_WORDS, 2 * draw.between(2, 6))
    lines = [f"{key}{marks}{value}" for key, value in zip(words[::2], words[1::2])]
    head = {"\nA: ": "Q: ", "\nOutput: ": "Input: "}.get(marks, "")
    gap = "\n\n" if head else "\n"
    first = gap.join(head + line for line in draw.shuffled(lines))
    again = gap.join(head + draw.pick(lines) for _ in range(draw.between(4, 10)))
    return {"prompt": first + gap, "completion": again}


def echo_document(draw):
    return echo(draw) if draw.chance(0.5) else pairing(draw)
