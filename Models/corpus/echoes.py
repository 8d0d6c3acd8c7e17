# SPDX-License-Identifier: Apache-2.0
"""Arbitrary words that come again: what stands after a word must be looked up, it cannot be known.

Every learned token trains looking up, from rows that repeat at once to tables that are read in any order. Many rows
are long, as copying any word of a short one is nearly as good as looking up; few of the words make up most rows: both
let the looking up settle sooner. Sources:
induction heads, Olsson et al. 2022; skew and bursts, Chan et al. 2022.
"""

from .documents import segments
from .draw import share
from .labels import COMMON, INVENTED
from .lexicon import CATEGORIES
from .sentences import NAMES
from .splits import label_is_held

_WORDS = sorted(
    dict.fromkeys(
        [word for words in CATEGORIES.values() for word in words] + list(NAMES)
        + [word for word in COMMON + INVENTED if not label_is_held(word)]),
    key=lambda word: share("echo", word))
_JOINTS = (" ", " ", ", ", " - ")
_MARKS = (" -> ", " = ", ": ", "\nA: ", "\nA: ", " | ", "\nOutput: ", " is ", " / ")


def _words(draw, count):
    """Different words out of the first few or many of all."""
    size = draw.pick((48, 96, 200, 400, len(_WORDS)))
    return draw.some(_WORDS[:size], count)


def repeat(draw):
    """A row, then the same row again and again."""
    count = draw.between(2, 8) if draw.chance(0.3) else draw.between(8, 40)
    row = draw.pick(_JOINTS).join(_words(draw, count))
    return {"prompt": row + "\n", "completion": "\n".join([row] * max(1, 32 // count))}


def pieces(draw):
    """A row, then its pieces in other orders."""
    joint = draw.pick(_JOINTS)
    row = _words(draw, draw.between(4, 20))
    size = draw.between(2, 5)
    parts = [row[place : place + size] for place in range(0, len(row), size)]
    again = [joint.join(part) for _ in range(draw.between(1, 3)) for part in draw.shuffled(parts)]
    return {"prompt": joint.join(row) + ".\n", "completion": joint.join(again) + "."}


def table(draw):
    """A table of pairs, then lines of it in any order, whose values are learned; between key and value stands one of
    many marks."""
    mark = draw.pick(_MARKS)
    words = _words(draw, 2 * draw.pick((2, 2, 3, 3, 4, 5, 6)))
    head = {"\nA: ": "Q: ", "\nOutput: ": "Input: "}.get(mark, "")
    gap = "\n\n" if head else "\n"
    lines = [(f"{head}{key}{mark.rstrip(' ')}", f"{' ' * mark.endswith(' ')}{value}{gap}")
             for key, value in zip(words[::2], words[1::2])]
    prompt, turns = "".join(key + value for key, value in draw.shuffled(lines)), []
    for _ in range(draw.between(6, 14)):
        key, value = draw.pick(lines)
        turns.append((prompt + key, value))
        prompt += key + value
    return segments(turns)


def echo(draw):
    return draw.weighted(((repeat, 3), (pieces, 2), (table, 5)))(draw)
