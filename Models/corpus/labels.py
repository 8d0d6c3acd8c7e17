# SPDX-License-Identifier: Apache-2.0
"""Words that stand for a class within one episode: invented ones, letters, numerals, common words, and any other."""

from .draw import share
from .lexicon import CATEGORIES
from .splits import label_is_held

_ONSETS = "b d f g k l m n p r s t v w z".split()
_VOWELS = "a e i o u".split()
_CODAS = "b d g k l m n p r t x z".split()

# few enough of all such syllables that each becomes a token of its own
INVENTED = tuple(
    word for a in _ONSETS for b in _VOWELS for c in _CODAS if share("invented", word := a + b + c) < 0.13
)
LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
NUMERALS = tuple("123456789")
COMMON = tuple(
    "yes no up down left right true false good bad hot cold new old in out off first last here there this that "
    "high low open shut east west north south fast slow alpha beta gamma delta foo bar home away before after "
    "near far light dark soft hard full empty early late inside outside top bottom more less best worst one two "
    "three four red blue green black white circle square star".split()
)

WORDS = tuple(word for words in CATEGORIES.values() for word in words)
KINDS = {"invented": INVENTED, "letter": LETTERS, "numeral": NUMERALS, "common": COMMON, "word": WORDS}
_WEIGHTS = (("invented", 3), ("common", 3), ("letter", 2), ("numeral", 1), ("word", 3))


def draw_labels(draw, count, held=False):
    """Different label words of one kind; of those held out, or of the others."""
    kind = draw.weighted(_WEIGHTS)
    pool = [word for word in KINDS[kind] if label_is_held(word) == held]
    if len(pool) < count:
        pool = [word for word in INVENTED if label_is_held(word) == held]
    return draw.some(pool, count)
