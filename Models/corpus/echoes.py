# SPDX-License-Identifier: Apache-2.0
"""Arbitrary words that come again: what stands after a word must be looked up, it cannot be known.

`row` is what looking up is first learned from: a row of words drawn with replacement, then its second part again, of
which each word but the first is learned. All words that any text is made of take part from the start: a model that
has learned to look up a few of them does it for those alone, since the others' embeddings have no part in it. `marked` is
the same with marks between the words, as formats of examples have them; without it, looking up stayed where nothing
stands between a word and what follows it. `pairs`, `kinds` and `table` ask for the same in ever less regular places;
there no held-out label is an answer. Sources:
induction heads, Olsson et al. 2022; bursts, Chan et al. 2022.
"""

import pathlib
import re

from . import formats
from .documents import document, segments
from .labels import KINDS, draw_labels
from .lexicon import CATEGORIES
from .sentences import HAPPY, NAMES, PLACES, SAD, TIMES
from .splits import TRAINED_CATEGORIES, label_is_held

_LEXICON = [word for words in CATEGORIES.values() for word in words]


def _template_words():
    """The words of the stories' and the sentences' templates, slots and comments left out."""
    plots = (pathlib.Path(__file__).parent / "plots.txt").read_text(encoding="utf-8")
    lines = [line for line in plots.splitlines() if not line.startswith(("#", "="))]
    text = re.sub(r"\{[^}]*\}", " ", "\n".join([*lines, *HAPPY, *SAD, *PLACES, *TIMES]))
    return re.findall(r"[A-Za-z]{2,}", text)


LABELS = {word for words in KINDS.values() for word in words}
WORDS = sorted({*_LEXICON, *NAMES, *LABELS, *_template_words()})


_ANSWERS = [word for word in WORDS if not (word in LABELS and label_is_held(word))]


def row(draw):
    """6 to 40 words with repetitions, then the same again from a place in the first half."""
    words = [draw.pick(WORDS) for _ in range(draw.between(6, 40))]
    tail = words[draw.between(0, len(words) // 2):]
    return {"segments": [
        {"text": "".join(" " + word for word in words) + f" {tail[0]}", "learned": False},
        {"text": "".join(" " + word for word in tail[1:]), "learned": True},
    ]}


_PIECES = (
    ":", "->", "=", "|", "/", ";", ",", "-", "#", "*", "]", ">", "---", "is", "A:", "B:", "X:", "Y:", "Answer:",
    "Output:", "Result:", "Label:", "Class:", "\n", "\n\n",
)


def _mark(draw):
    """What stands between input and output in a format, or one to three pieces."""
    if draw.chance(0.4):
        example = draw.pick((*formats.BUILT_IN.values(), *formats.TRAINED)).example
        return re.search(r"\{input\}(.*)\{output\}", example, re.DOTALL)[1]
    mark = ""
    for _ in range(draw.weighted(((1, 4), (2, 3), (3, 1)))):
        piece = draw.pick(_PIECES)
        close = piece.startswith("\n") or mark.endswith("\n") or piece in ":,;]>"
        mark += piece if close else f" {piece}"
    return mark if mark.endswith("\n") else f"{mark} "


def marked(draw):
    """A row of 4 to 20 words as above, after each of which the same mark stands."""
    mark = _mark(draw)
    gap = " " * mark.endswith(" ")
    mark = mark.rstrip(" ")
    words = [draw.pick(WORDS) for _ in range(draw.between(4, 20))]
    first, *rest = words[draw.between(0, len(words) // 2):]
    return segments(
        [("".join(gap + word + mark for word in (*words, first, *rest[:count])), gap + rest[count])
         for count in range(len(rest))])


def _bare(pairs):
    """Nothing but spaces between words; a word that was given before its answer is learned."""
    turns, text = [], ""
    for key, value in pairs:
        turns.append((f"{text} {key}", f" {value}"))
        text += f" {key} {value}"
    return segments(turns, shown_before(pairs))


def shown_before(pairs):
    """The places of answers that an earlier pair had: what can be read from the examples."""
    seen = set()
    return {place for place, (_, answer) in enumerate(pairs) if answer in seen or seen.add(answer)}


def _lookups(draw, high):
    """2 to `high` arbitrary pairs in random order, each met about three times."""
    count = draw.between(2, high)
    lines = list(zip(draw.some(WORDS, count), draw.some(_ANSWERS, count)))
    return draw.shuffled(lines) + [draw.pick(lines) for _ in range(2 * count)]


def pairs(draw):
    return _bare(_lookups(draw, 10))


def kinds(draw):
    """Words of two to five categories, each followed by the word that stands for its category here."""
    classes = draw.between(2, 5)
    names = draw.some(TRAINED_CATEGORIES, classes)
    labels = draw_labels(draw, classes)
    shown = []
    for _ in range(draw.between(4 * classes, 8 * classes)):
        kind = draw.below(classes)
        shown.append((draw.pick(CATEGORIES[names[kind]]), labels[kind]))
    return _bare(shown)


def table(draw):
    """Arbitrary pairs in one of the formats of examples."""
    lines = _lookups(draw, 6)
    format = draw.pick((*formats.BUILT_IN.values(), *formats.TRAINED))
    return document(format, None, lines, shown_before(lines))


def echo(draw):
    return draw.weighted(((pairs, 2), (kinds, 3), (table, 3)))(draw)
