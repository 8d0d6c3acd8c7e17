# SPDX-License-Identifier: Apache-2.0
"""The evaluation set: questions whose family, shots and answer are known, as the server's own request fields.

One JSON object a line: `family`, `split` ("trained": drawn as training is, from another stream; "held": from what
training never sees), `kind` ("curve": the same query at every number of shots, "task": an instruction), `shots`,
`classes` (how many labels there are, else null), `control` (whether the examples' labels are drawn at random, so that
nothing can be learned from them), `instruction`, `examples`, `template`, `query`, `answer`.
"""

from . import episodes, formats, tasks
from .draw import Draw
from .splits import item_is_held

SHOTS = (0, 1, 2, 4, 8, 16)
_BUILT_IN = (formats.BUILT_IN["qa"], formats.BUILT_IN["input_output"])


def _classes(count, **held):
    return lambda draw: (episodes.classify(draw, max(SHOTS), classes=count, **held)[0], count)


def _plain(make, **options):
    return lambda draw: (make(draw, max(SHOTS), **options)[0], None)


# family: split, its maker, its formats
CURVES = {
    "classify 2": ("trained", _classes(2), _BUILT_IN),
    "classify 4": ("trained", _classes(4), _BUILT_IN),
    "classify 2, new categories": ("held", _classes(2, held=True), _BUILT_IN),
    "classify 4, new categories": ("held", _classes(4, held=True), _BUILT_IN),
    "classify 2, new categories, words not shown": ("held", _classes(2, held=True, fresh=True), _BUILT_IN),
    "classify 2, new labels": ("held", _classes(2, held_labels=True), _BUILT_IN),
    "classify 2, all new": ("held", _classes(2, held=True, held_labels=True), formats.HELD_OUT),
    "pick": ("trained", _plain(episodes.pick, width=3), _BUILT_IN),
    "pick, new categories": ("held", _plain(episodes.pick, width=3, held=True), _BUILT_IN),
    "pick, new formats": ("held", _plain(episodes.pick, width=3), formats.HELD_OUT),
    "lookup": ("trained", _plain(episodes.lookup), _BUILT_IN),
    "lookup, new formats": ("held", _plain(episodes.lookup, held_labels=True), formats.HELD_OUT),
    "edit": ("trained", _plain(episodes.edit), _BUILT_IN),
    "edit, new operations": ("held", _plain(episodes.edit, held=True), _BUILT_IN),
    "question or statement": ("held", lambda draw: (episodes.feature(draw, max(SHOTS), held=True)[0], 2), _BUILT_IN),
}
CONTROLS = ("classify 2", "classify 4")
_WRITTEN = {"story_about", "title", "opening", "with_word", "member", "mood_sentence"}  # many answers are right


def _item(family, split, kind, shots, classes, control, instruction, pairs, format):
    *examples, (query, answer) = pairs
    return {
        "family": family, "split": split, "kind": kind, "shots": shots, "classes": classes, "control": control,
        "instruction": instruction, "examples": [{"input": given, "output": wanted} for given, wanted in examples],
        "template": format.field, "query": query, "answer": answer,
    }


def _curve(seed, family, number, control):
    """One query under each number of examples, a longer row beginning with the shorter one."""
    split, make, layouts = CURVES[family]
    draw = Draw(seed, "evaluation", family, number)
    pairs, classes = make(draw)
    format = draw.pick(layouts)
    *examples, asked = pairs
    if control:
        labels = sorted({wanted for _, wanted in pairs})
        examples = [(given, draw.pick(labels)) for given, _ in examples]
    for shots in SHOTS:
        yield _item(family, split, "curve", shots, classes, control, None, [*examples[:shots], asked], format)


def _task(seed, task, number, held):
    draw = Draw(seed, "evaluation", "task", task.name, number)
    instruction = draw.pick(task.templates(held=not held))
    format = draw.pick(_BUILT_IN)
    pairs = []
    wanted = 1 + (min(8, task.shots) if held else 0)
    while len(pairs) < wanted:
        pair = task.make(draw)
        if held or task.closed or item_is_held(task.name, pair[0]):
            pairs.append(pair)
    *examples, asked = pairs
    for shots in (0, 1, 2, 4, 8) if held else (0,):
        if shots <= task.shots:
            yield _item(task.name, "held" if held else "trained", "task", shots, len(task.options) or None, False,
                        instruction, [*examples[:shots], asked], format)


def evaluation_set(seed, curve_items=100, task_items=20):
    """Every question. Trained tasks are asked in held-out words; held-out tasks in any of theirs."""
    for family in CURVES:
        for control in (False, True) if family in CONTROLS else (False,):
            for number in range(curve_items):
                yield from _curve(seed, family, number, control)
    for task in tasks.ALL:
        if task.name not in _WRITTEN:
            for number in range(task_items):
                yield from _task(seed, task, number, task in tasks.HELD)
