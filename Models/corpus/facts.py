# SPDX-License-Identifier: Apache-2.0
"""Plain statements about the words of the lexicon: what gives a word its place among the others."""

from .grammar import tidy
from .lexicon import CATEGORIES


def facts(draw):
    """Some sentences about one or two kinds of things, of all categories."""
    said = []
    for name in draw.some(tuple(CATEGORIES), draw.between(1, 3)):
        for _ in range(draw.between(1, 3)):
            a, b, c = draw.some(CATEGORIES[name], 3)
            said.append(tidy(draw.pick((
                f"{a}, {b} and {c} are of the kind {name}.", f"{a} and {b} are of one kind: {name}.",
                f"to the kind {name} belong {a}, {b} and {c}.", f"{a} is of the kind {name}, and so is {b}.",
                f"{name}: {a}, {b}, {c}.", f"here are {a}, {b} and {c}.", f"not only {a} but also {b} and {c}.",
            ))))
    return {"text": " ".join(said)}
