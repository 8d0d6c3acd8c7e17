# SPDX-License-Identifier: Apache-2.0
"""An instruction task: wordings of what to do, and a maker of solved items."""

import dataclasses
from collections.abc import Callable

from ..splits import template_is_held

# `do` is an imperative such as "give the opposite", `what` its object such as "the opposite of the word".
FRAMES = (
    "{Do}.", "Please {do}.", "{Do}, please.", "Your task: {do}.", "For each input, {do}.", "Now {do}.",
    "What is {what}?", "Answer with {what}.", "Reply with {what}.", "Tell me {what}.", "I want {what}.",
    "Give {what}.", "Write {what}.", "We need {what}.",
)


@dataclasses.dataclass(frozen=True)
class Task:
    """`make(draw)` returns an input and its answer. `closed`: the items are facts to be known, so none is held out."""

    name: str
    group: str
    do: tuple[str, ...]
    what: tuple[str, ...]
    make: Callable
    options: tuple[str, ...] = ()
    closed: bool = False
    shots: int = 8  # the most examples that fit into the context

    @property
    def wordings(self):
        """Every instruction that the frames and phrases make."""
        made = (
            frame.format(do=phrase, Do=phrase[0].upper() + phrase[1:], what=phrase)
            for frame in FRAMES for phrase in (self.what if "{what}" in frame else self.do))
        return list(dict.fromkeys(made))

    def templates(self, held=False):
        """The wordings held out, or those to train on; there is one of each at least."""
        wordings = self.wordings
        out = [one for one in wordings if template_is_held(self.name, one)] or wordings[-1:]
        return out if held else [one for one in wordings if one not in out]
