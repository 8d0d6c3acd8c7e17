# SPDX-License-Identifier: Apache-2.0
"""Tasks whose answer is a text: stories on demand, titles, sentences with a word."""

from .. import sentences as s
from ..grammar import with_articles
from ..stories import draw_cast, tell
from .task import Task


def _about(draw):
    told = tell(draw)
    hero, thing = told["cast"]["a"], told["cast"]["o"]
    asked = draw.pick((f"a {hero['kind']}", f"a {hero['trait']} {hero['kind']}", f"a {hero['kind']} and {thing['a']}"))
    return with_articles(asked), told["text"].replace("\n", " ")[:700].rpartition(". ")[0] + "."


def _title(draw):
    cast = draw_cast(draw)
    told = tell(draw, cast)
    kind, noun = cast["a"]["kind"], cast["o"]["noun"]
    return told["text"].replace("\n", " ")[:280].rpartition(". ")[0] + ".", f"The {kind.title()} and the {noun.title()}"


def _opening(draw):
    hero = draw_cast(draw)["a"]
    return hero["kind"], with_articles(f"Once upon a time there was a {hero['trait']} {hero['kind']}.")


def _with_word(draw):
    values = s.parts(draw)
    slot = draw.pick(("thing", "animal", "place", "food"))
    text = draw.pick([t for t in _WITH if f"{{{slot}}}" in t]).format(**values)
    return values[slot], with_articles(text)


_WITH = (
    "{name} has a {thing}.", "The {thing} is {colour}.", "{name} saw the {animal} near the {place}.",
    "The {animal} likes {food}.", "{name} went to the {place} {time}.", "{name} ate {food} in the {place}.",
)

TASKS = (
    Task("story_about", "writing", ("write a story", "tell a story"), ("a story", "a short story"), _about,
         closed=True, shots=0),
    Task("title", "writing", ("name the story", "find a title for the story"),
         ("a title", "a good title for the story"), _title, closed=True, shots=1),
    Task("opening", "writing", ("begin a story about it", "write how a story about it begins"),
         ("the first sentence of a story",), _opening, closed=True),
    Task("with_word", "writing", ("write a sentence with the word", "use the word in a sentence"),
         ("a sentence with the word",), _with_word, closed=True),
)
