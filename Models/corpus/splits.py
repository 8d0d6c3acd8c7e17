# SPDX-License-Identifier: Apache-2.0
"""What training never sees, kept for the user's own experiments and for the evaluation.

Held-out categories never are the classes of an n-shot episode and never are what an episode picks out; their words and
names do occur elsewhere (stories, facts, the task of naming a kind), because a word that was never trained has a
meaningless embedding. Held-out labels never answer for a class; as words they stand in rows, and those that belong to a
category also are items of tasks and of arbitrary pairs. Held-out formats never lay out an example, held-out tasks never occur, and a tenth
of all instruction templates never occurs.
"""

from .draw import share
from .lexicon import CATEGORIES

HELD_CATEGORIES = (
    "vegetable", "insect", "metal", "dance", "country", "tool", "flower", "clothes", "room", "magic being", "vehicle",
    "family",
)
TRAINED_CATEGORIES = tuple(name for name in CATEGORIES if name not in HELD_CATEGORIES)

# Whole tasks, by name: exercises for n-shot prompts, for tuning on one task, for forgetting.
HELD_TASKS = (
    "superlative", "month_after", "animal_home", "drop_last", "smaller_number", "find_colour", "is_alive", "politely",
    "from_ombi", "place_of_sentence",
)


def template_is_held(task, template):
    """A tenth of the templates, by a hash of task and wording."""
    return share("template", task, template) < 0.1


def item_is_held(task, given):
    """A tenth of the items of a task, by a hash of the input."""
    return share("item", task, given) < 0.1


def label_is_held(word):
    """A fifth of all label words."""
    return share("label", word) < 0.2
