# SPDX-License-Identifier: Apache-2.0
"""Arbitrary words that come again: what stands after a word must be looked up, it cannot be known.

Every learned token trains looking up, from rows that repeat at once to tables that are read in any order. Most
documents are short and most of their words come from few: with 3 to 8 words of 256, looking up settled within 1.2
million tokens; with 8 to 32 words it had not begun by then. Sources: induction heads, Olsson et al. 2022; skew and
bursts, Chan et al. 2022.
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
_MARKS = (" -> ", " = ", ": ", "\nA: ", "\nA: ", "\nA: ", " | ", "\nOutput: ", " is ", " / ")
_HEADS = {"\nA: ": "Q: ", "\nOutput: ": "Input: "}


def _words(draw, count):
    """Different words out of the first few or many of all."""
    size = draw.pick((64, 64, 128, 256, 512, len(_WORDS)))
    return draw.some(_WORDS[:size], count)


def _count(draw, low, middle, high):
    """Mostly from low to middle, sometimes up to high."""
    return draw.between(low, middle) if draw.chance(0.7) else draw.between(middle, high)


def repeat(draw):
    """A row, then the same row again and again."""
    words = _words(draw, _count(draw, 3, 8, 30))
    again = [words[place % len(words)] for place in range(max(10, len(words)))]
    return {"prompt": " " + " ".join(words) + " " + again[0], "completion": "".join(" " + word for word in again[1:])}


def pairs(draw):
    """Pairs without anything between them, then again in any order; the second words are learned."""
    words = _words(draw, 2 * _count(draw, 1, 4, 8))
    lines = list(zip(words[::2], words[1::2]))
    prompt, turns = "".join(f" {key} {value}" for key, value in lines), []
    for _ in range(draw.between(4, 10)):
        key, value = draw.pick(lines)
        turns.append((f"{prompt} {key}", f" {value}"))
        prompt += f" {key} {value}"
    return segments(turns)


def table(draw):
    """A table of pairs, then lines of it in any order, whose values are learned; between key and value stands one of
    many marks."""
    mark = draw.pick(_MARKS)
    words = _words(draw, 2 * _count(draw, 1, 4, 8))
    head = _HEADS.get(mark, "")
    gap = "\n\n" if head else "\n"
    lines = [(f"{head}{key}{mark.rstrip(' ')}", f"{' ' * mark.endswith(' ')}{value}{gap}")
             for key, value in zip(words[::2], words[1::2])]
    prompt, turns = "".join(key + value for key, value in draw.shuffled(lines)), []
    for _ in range(draw.between(4, 10)):
        key, value = draw.pick(lines)
        turns.append((prompt + key, value))
        prompt += key + value
    return segments(turns)


def echo(draw):
    return draw.weighted(((repeat, 3), (pairs, 3), (table, 4)))(draw)
