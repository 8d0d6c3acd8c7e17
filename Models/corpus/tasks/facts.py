# SPDX-License-Identifier: Apache-2.0
"""Yes-or-no facts about the words of the lexicon."""

from ..grammar import with_articles
from ..lexicon import CATEGORIES
from .task import Task

_ALIVE = ("animal", "bird", "fish", "insect", "wild beast", "small creature", "tree", "flower")
_DEAD = ("tool", "container", "furniture", "vehicle", "metal", "clothes", "building", "toy")
_FLIES = ("bird", "insect")
_WALKS = ("animal", "wild beast", "fish")
_EDIBLE = ("fruit", "vegetable", "meat", "sweet", "grain")
_SWIMS = ("fish", "boat")


def _yes_no(ask, yes, no):
    def make(draw):
        right = draw.chance(0.5)
        word = draw.pick(CATEGORIES[draw.pick(yes if right else no)])
        return with_articles(ask.format(word)), "yes" if right else "no"
    return make


def _is_a(draw):
    right = draw.chance(0.5)
    name, other = draw.some(tuple(CATEGORIES), 2)
    word = draw.pick(CATEGORIES[name])
    return f"{word}, {name if right else other}", "yes" if right else "no"


TASKS = (
    Task("is_a", "yes or no", ("say whether the word is of that kind", "answer yes if the kind fits"),
         ("yes or no: does the kind fit", "yes if the word is of the kind, else no"), _is_a,
         options=("yes", "no"), closed=True),
    Task("is_alive", "yes or no", ("say whether it lives", "answer yes for living things"),
         ("yes if it lives, else no",), _yes_no("a {}", _ALIVE, _DEAD), options=("yes", "no"), closed=True),
    Task("can_fly", "yes or no", ("say whether it can fly", "answer yes for things that fly"),
         ("yes if it flies, else no",), _yes_no("Can a {} fly?", _FLIES, _WALKS + _DEAD[:3]), options=("yes", "no"),
         closed=True),
    Task("can_eat", "yes or no", ("say whether one can eat it", "answer yes for food"),
         ("yes if one can eat it, else no",), _yes_no("{}", _EDIBLE, _DEAD), options=("yes", "no"), closed=True),
    Task("can_swim", "yes or no", ("say whether it belongs in water", "answer yes for what swims"),
         ("yes if it swims, else no",), _yes_no("{}", _SWIMS, ("furniture", "building", "tree", "tool", "clothes")),
         options=("yes", "no"), closed=True),
)
