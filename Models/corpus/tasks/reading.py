# SPDX-License-Identifier: Apache-2.0
"""Tasks that are answered from a text in the input, also with nothing to answer from, and with steps."""

from .. import sentences as s
from .task import Task


def _moves(draw):
    """Three sentences of who went where with what: the sentences and the facts."""
    names = draw.some(s.NAMES, 3)
    places = draw.some(s.PLACES, 3)
    things = draw.some(s.THINGS, 3)
    verbs = draw.some(("took", "carried", "brought"), 3)
    text = [f"{n} {v} the {t} to the {p}." for n, v, t, p in zip(names, verbs, things, places)]
    return " ".join(text), names, things, places


def _ask(draw, known=True):
    text, names, things, places = _moves(draw)
    place = draw.below(3)
    kind = draw.below(3)
    name, thing, spot = names[place], things[place], places[place]
    if not known:
        name = draw.pick([n for n in s.NAMES if n not in names])
        thing = draw.pick([t for t in s.THINGS if t not in things])
        kind = draw.below(2)
    question, answer = (
        (f"Where did {name} go?", spot), (f"Where is the {thing}?", spot), (f"Who has the {thing}?", name))[kind]
    return f"{text} {question}", answer if known else "not said"


def _where(draw):
    text, _, things, places = _moves(draw)
    place = draw.below(3)
    return f"{text} Where is the {things[place]}?", places[place]


def _who(draw):
    text, names, things, _ = _moves(draw)
    place = draw.below(3)
    return f"{text} Who has the {things[place]}?", names[place]


def _cited(draw):
    text, names, things, places = _moves(draw)
    place = draw.below(3)
    parts = text[:-1].split(". ")
    numbered = " ".join(f"[{number}] {part}." for number, part in enumerate(parts, 1))
    return f"{numbered} Where is the {things[place]}?", f"{places[place]} [{place + 1}]"


def _boxes(draw):
    """A thing goes from hand to hand; the steps say who has it after each."""
    names = draw.some(s.NAMES, 3)
    thing = draw.pick(s.THINGS)
    owner, text, steps = names[0], [f"{names[0]} has the {thing}."], []
    for _ in range(draw.between(1, 2)):
        new = draw.pick([name for name in names if name != owner])
        text.append(f"{owner} gives it to {new}.")
        owner = new
        steps.append(f"now {new} has it")
    return f"{' '.join(text)} Who has the {thing}?", ", ".join(steps), owner


def _boxes_steps(draw):
    given, steps, owner = _boxes(draw)
    return given, f"{steps}. The answer is {owner}."


def _boxes_direct(draw):
    given, _, owner = _boxes(draw)
    return given, owner


def _lies(draw):
    a, b = draw.some(s.NAMES, 2)
    honest = draw.chance(0.5)
    says = draw.chance(0.5)
    text = f"{a} {'tells the truth' if honest else 'lies'}. {a} says that {b} {'tells the truth' if says else 'lies'}."
    return f"{text} Does {b} tell the truth?", "yes" if honest == says else "no"


def _first_sentence(draw):
    text = [s.plain_statement(draw) for _ in range(3)]
    return " ".join(text), text[0]


def _told(draw):
    text = s.plain_statement(draw)
    other = s.plain_statement(draw)
    same = draw.chance(0.5)
    third = s.plain_statement(draw)
    return f"{text} {other} Is it said: {text if same else third}", "yes" if same else "no"


TASKS = (
    Task("where_is", "reading", ("say where the thing is", "find the place of the thing in the text"),
         ("the place of the thing", "where the thing is"), _where, shots=4),
    Task("who_has", "reading", ("say who has the thing", "find the person who has the thing"),
         ("the person who has it", "who has the thing"), _who, shots=4),
    Task("answer_text", "reading", ("answer the question from the text", "read the text and answer"),
         ("the answer from the text", "the answer to the question"), lambda draw: _ask(draw, draw.chance(0.75)),
         shots=4),
    Task("answer_cited", "reading", ("answer from the text and give the number", "name the place and the sentence"),
         ("the answer with the number of its sentence",), _cited, shots=4),
    Task("first_sentence", "reading", ("give the first sentence", "sum up by the first sentence"),
         ("the first sentence", "the sentence that comes first"), _first_sentence, shots=4),
    Task("is_told", "yes or no", ("say whether the text says so", "answer yes if the text has the sentence"),
         ("yes or no: does the text say it",), _told, options=("yes", "no"), shots=4),
    Task("liar", "steps", ("say whether the second person tells the truth", "solve the riddle of liars"),
         ("yes or no: is it the truth",), _lies, options=("yes", "no")),
    Task("owner_steps", "steps", ("say step by step who has it", "follow the thing and then answer"),
         ("each step and the owner at the end",), _boxes_steps, shots=4),
    Task("owner_direct", "steps", ("say who has it in the end", "name only the last owner"),
         ("the last owner", "the owner at the end"), _boxes_direct),
)
