# SPDX-License-Identifier: Apache-2.0
"""The sources of the training data: for each, how one document is drawn."""

from . import episodes, formats, tasks
from .documents import chat_document, document
from .echoes import echo, marked, row, shown_before
from .facts import facts
from .splits import item_is_held
from .stories import story
from .talk import talk

# a word at the start of a line is other tokens than after a space, so `plain` teaches the least
_BUILT_IN = tuple((formats.BUILT_IN[name], weight) for name, weight in (("qa", 5), ("input_output", 3), ("plain", 1)))
# short answers and exact copying settle within few items, texts need many
_RARE = {"spell": 0.3, "first_letter": 0.5, "last_letter": 0.5, "sort_words": 0.3, "title": 0.5, "story_about": 1.0}
_TASK_WEIGHTS = tuple((task, _RARE.get(task.name, 1.0)) for task in tasks.TRAINED)


def lay_out(draw, instruction, pairs, learned=None):
    """One of the server's templates, one written in a request, or a conversation."""
    way = draw.weighted((("built-in", 6), ("written", 3), ("chat", 1)))
    if way == "chat":
        return chat_document(instruction, pairs, learned)
    format = draw.weighted(_BUILT_IN) if way == "built-in" else draw.pick(formats.TRAINED)
    return document(format, instruction, pairs, learned)


def solved(draw, task, count):
    """Items of a task, none of those that are held out."""
    pairs = []
    while len(pairs) < count:
        given, wanted = task.make(draw)
        if task.closed or not item_is_held(task.name, given):
            pairs.append((given, wanted))
    return pairs


def task_document(draw):
    """0, 1, 2, 4 or 8 examples and one more; mostly with an instruction, sometimes with the possible answers."""
    task = draw.weighted(_TASK_WEIGHTS)
    shots = min(draw.pick((0, 0, 1, 2, 4, 8)), task.shots)
    instruction = draw.pick(task.templates())
    if task.options and draw.chance(0.4):
        instruction += f" Options: {', '.join(draw.shuffled(task.options))}."
    elif shots >= 2 and draw.chance(0.3):
        instruction = None
    return lay_out(draw, instruction, solved(draw, task, shots + 1))


_PICK = ("Find the {}.", "Which word is of the kind {}?", "Choose the {}.", "Take the {} out of the list.")
_SORT = ("Sort the words.", "Give each word its label.", "Put each word into its group.", "Label the input.")
_EPISODES = (("classify", 5), ("pick", 2.5), ("lookup", 2.5), ("edit", 1.5), ("feature", 0.7))


def episode_document(draw):
    """A run of examples of a task that is made up for this run; learned is what the examples before it can tell."""
    kind = draw.weighted(_EPISODES)
    shots = draw.between(2, 16)
    instruction = None
    if kind == "classify":
        pairs, labels = episodes.classify(draw, shots)
        if draw.chance(0.3):
            instruction = draw.pick(_SORT)
            if draw.chance(0.5):
                instruction += f" Options: {', '.join(draw.shuffled(labels))}."
    elif kind == "pick":
        pairs, name = episodes.pick(draw, shots)
        instruction = draw.pick(_PICK).format(name) if draw.chance(0.3) else None
    elif kind == "feature":
        pairs, _ = episodes.feature(draw, min(shots, 10))
    else:
        pairs, _ = getattr(episodes, kind)(draw, shots)
    if kind in ("pick", "edit"):
        learned = set(range(0 if instruction else 1, len(pairs)))
    else:
        learned = shown_before(pairs)
    return lay_out(draw, instruction, pairs, learned | {len(pairs) - 1})


def layout_document(draw):
    """A run of examples in a format that is made up for this run."""
    kind = draw.weighted((("classify", 4), ("pick", 3), ("lookup", 3)))
    pairs, _ = getattr(episodes, kind)(draw, draw.between(2, 12))
    learned = set(range(1, len(pairs))) if kind == "pick" else shown_before(pairs) | {len(pairs) - 1}
    return document(formats.drawn(draw), None, pairs, learned)


# name of the source: its documents, and how many of them a corpus of size 1 has
SOURCES = {
    "stories": (story, 4000),
    "facts": (facts, 1000),
    "tasks": (task_document, 6000),
    "episodes": (episode_document, 6000),
    "talk": (talk, 500),
    "rows": (row, 8000),
    "marked": (marked, 5000),
    "layouts": (layout_document, 3000),
    "echoes": (echo, 6000),
}
