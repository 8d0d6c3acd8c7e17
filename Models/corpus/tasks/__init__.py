# SPDX-License-Identifier: Apache-2.0
"""All instruction tasks."""

from ..splits import HELD_TASKS
from . import facts, lists, numbers, reading, sentences, words, writing

ALL = tuple(
    task for module in (words, numbers, lists, sentences, reading, facts, writing) for task in module.TASKS)
BY_NAME = {task.name: task for task in ALL}
TRAINED = tuple(task for task in ALL if task.name not in HELD_TASKS)
HELD = tuple(BY_NAME[name] for name in HELD_TASKS)
