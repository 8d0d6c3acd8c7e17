# SPDX-License-Identifier: Apache-2.0
"""Nothing that is held out is trained on."""

import json
import re

import pytest
from corpus import echoes, episodes, formats, mixture, splits, tasks
from corpus.documents import text_of
from corpus.draw import Draw
from corpus.heldout import CURVES, evaluation_set
from corpus.labels import KINDS
from corpus.lexicon import CATEGORIES

CATEGORY_OF = {word: name for name, words in CATEGORIES.items() for word in words}


def texts(sample, source):
    return [text_of(document) for document in sample[source]]


@pytest.fixture
def drawn(monkeypatch):
    """What 1,500 documents of tasks and episodes are made of, as they are laid out."""
    seen = []

    def record(draw, instruction, pairs, learned=None):
        layout = draw.pick([*formats.BUILT_IN.values(), *formats.TRAINED])
        seen.append((instruction, pairs))
        return {"text": str(layout)}

    monkeypatch.setattr(mixture, "lay_out", record)
    return seen


def test_held_out_categories_are_never_classes_nor_picked(drawn, monkeypatch):
    names = []
    original = episodes.draw_categories
    monkeypatch.setattr(episodes, "draw_categories",
                        lambda *arguments: names.append(original(*arguments)) or names[-1])
    for number in range(1500):
        mixture.episode_document(Draw(11, number))
    used = {name for row in names for name in row}
    assert len(names) > 800
    assert not used & set(splits.HELD_CATEGORIES)
    assert used == set(splits.TRAINED_CATEGORIES)


def test_held_out_labels_never_name_a_class(drawn, monkeypatch):
    labels = []
    original = episodes.draw_labels
    monkeypatch.setattr(episodes, "draw_labels",
                        lambda *arguments: labels.extend(row := original(*arguments)) or row)
    for number in range(1500):
        mixture.episode_document(Draw(12, number))
    assert len(labels) > 1500
    assert not {label for label in labels if splits.label_is_held(label)}
    for pool in KINDS.values():
        assert any(splits.label_is_held(word) for word in pool)


def test_no_answer_of_an_echo_is_a_held_out_label():
    for number in range(200):
        answers = {value for _, value in echoes._lookups(Draw(17, number), 10)}
        assert answers and not {word for word in answers if splits.label_is_held(word) and word in echoes.LABELS}


def test_held_out_tasks_templates_and_items_are_never_trained(drawn, monkeypatch):
    made = []
    original = mixture.solved

    def record(draw, task, count):
        pairs = original(draw, task, count)
        made.append((task, pairs))
        return pairs

    monkeypatch.setattr(mixture, "solved", record)
    for number in range(2000):
        mixture.task_document(Draw(13, number))
    assert {task.name for task, _ in made} == {task.name for task in tasks.TRAINED}
    for (task, pairs), (instruction, _) in zip(made, drawn, strict=True):
        if instruction:
            wording = re.sub(r" Options: .*\.$", "", instruction)
            assert wording in task.templates() and wording not in task.templates(held=True)
        if not task.closed:
            assert not any(splits.item_is_held(task.name, given) for given, _ in pairs)


def test_held_out_wordings_and_formats_are_in_no_training_text(sample):
    everything = "\n".join(text for source in mixture.SOURCES for text in texts(sample, source))
    for layout in formats.HELD_OUT:
        head = layout.example.partition("{input}")[0]
        between = layout.example.partition("{input}")[2].partition("{output}")[0]
        pattern = rf"(^|\n){re.escape(head)}[^\n]+?{re.escape(between)}"
        assert not re.search(pattern, everything), layout
    for task in tasks.HELD:
        assert f"\n{task.wordings[0]}\n" not in everything


def test_no_format_made_up_for_a_document_reads_like_one_held_out():
    made = [formats.drawn(Draw(19, number)) for number in range(3000)]
    assert len({format.example for format in made}) > 1000
    rows = "\n".join(formats.render(format, None, [("cat", "dog")], "cat") for format in made)
    for held in formats.HELD_OUT:
        head, between = re.split(r"\{input\}|\{output\}", held.example)[:2]
        assert not re.search(rf"^{re.escape(head)}cat{re.escape(between)}", rows, re.MULTILINE), held


def test_held_out_operations_and_features_are_never_trained():
    held = set(episodes.operations(held=True))
    assert held and not held & set(episodes.operations(held=False))
    for number in range(300):
        _, name = episodes.edit(Draw(14, number), 4)
        assert tuple(name.split(", ")) not in held
        given = episodes.feature(Draw(15, number), 4)[0][0][0]
        assert not given.endswith("?")


def test_held_out_curves_use_only_what_is_held_out():
    for number in range(60):
        pairs, labels = episodes.classify(Draw(16, number), 16, held=True, held_labels=True, classes=2)
        assert all(splits.label_is_held(label) for label in labels)
        for given, _ in pairs:
            word = re.sub(r"^(an?|the) ", "", given.split(", ")[0])
            assert CATEGORY_OF[word] in splits.HELD_CATEGORIES
    assert {split for split, _, _ in CURVES.values()} == {"trained", "held"}


def test_fresh_words_stand_in_no_example():
    for number in range(200):
        *examples, (given, _) = episodes.classify(Draw(18, number), 16, held=True, classes=2, fresh=True)[0]
        shown = set(re.findall(r"\w+", " ".join(example for example, _ in examples))) - {"a", "an", "the"}
        assert not shown & (set(re.findall(r"\w+", given)) - {"a", "an", "the"})


def test_no_question_of_a_held_task_is_a_training_document(sample):
    trained = {text for source in ("tasks", "episodes") for text in texts(sample, source)}
    for item in evaluation_set(1, curve_items=2, task_items=4):
        if item["split"] == "held":
            template = item["template"]
            layout = formats.BUILT_IN[template] if isinstance(template, str) else formats.Format(**template)
            pairs = [(example["input"], example["output"]) for example in item["examples"]]
            prompt = formats.render(layout, item["instruction"], pairs, item["query"])
            assert prompt + formats.gap_of(layout) + item["answer"] not in trained


def test_the_evaluation_set_has_its_fields_and_paired_queries():
    items = list(evaluation_set(1, curve_items=3, task_items=3))
    rows = {}
    for item in items:
        assert set(item) == {"family", "split", "kind", "shots", "classes", "control", "instruction", "examples",
                             "template", "query", "answer"}
        assert len(item["examples"]) == item["shots"]
        if item["kind"] == "curve":
            rows.setdefault((item["family"], item["control"], item["query"], item["answer"]), []).append(item)
    assert {len(row) % 6 for row in rows.values()} == {0}
    assert json.dumps(items) == json.dumps(list(evaluation_set(1, curve_items=3, task_items=3)))
