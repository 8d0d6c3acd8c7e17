# SPDX-License-Identifier: Apache-2.0
"""Words that stand for a class within one episode: invented ones, letters, numerals, and common words."""

from .draw import share
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

KINDS = {"invented": INVENTED, "letter": LETTERS, "numeral": NUMERALS, "common": COMMON}
_WEIGHTS = (("invented", 4), ("common", 5), ("letter", 2), ("numeral", 1))


def draw_labels(draw, count, held=False, easy=False):
    """Different label words of one kind; of those held out, or of the others, of which the easy ones are a few."""
    kind = draw.weighted(_WEIGHTS)
    pool = [word for word in KINDS[kind] if label_is_held(word) == held][: 6 if easy else None]
    if len(pool) < count:
        pool = [word for word in INVENTED if label_is_held(word) == held]
    return draw.some(pool, count)
