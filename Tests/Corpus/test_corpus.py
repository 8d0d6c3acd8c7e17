# SPDX-License-Identifier: Apache-2.0
"""What is written: the same bytes for a seed, the right shapes and sizes, varied texts."""

import hashlib
import json
import pathlib
import re
import subprocess
import sys

import pytest
from corpus import formats, scores, tasks
from corpus.documents import document, text_of
from corpus.draw import Draw
from corpus.echoes import WORDS, marked, pairs, row, shown_before
from corpus.grammar import say, tidy
from corpus.lexicon import CATEGORIES
from corpus.mixture import SOURCES
from corpus.stories import skeleton, tell
from conftest import ROOT

FINGERPRINTS = json.loads((pathlib.Path(__file__).parent / "fingerprints.json").read_text())


def written(folder, seed=1, size=0.02):
    subprocess.run(
        [sys.executable, "-m", "corpus", "--out", folder, "--seed", str(seed), "--size", str(size), "--items", "2"],
        cwd=ROOT / "Models", check=True, capture_output=True)
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_seed_gives_the_same_bytes_on_every_machine(tmp_path):
    files = written(tmp_path)
    assert {name: hashlib.sha256(data).hexdigest() for name, data in files.items()} == FINGERPRINTS


def test_another_seed_gives_another_corpus_and_a_larger_one_begins_with_the_smaller(tmp_path):
    (small := tmp_path / "small").mkdir()
    (large := tmp_path / "large").mkdir()
    (other := tmp_path / "other").mkdir()
    small, large, other = written(small), written(large, size=0.03), written(other, seed=2)
    for name in SOURCES:
        name += ".jsonl"
        assert large[name].startswith(small[name]) and len(large[name]) > len(small[name])
        assert other[name] != small[name]


def test_documents_are_texts_or_pairs_of_the_announced_number(tmp_path):
    files = written(tmp_path)
    for name, (_, count) in SOURCES.items():
        documents = [json.loads(line) for line in files[f"{name}.jsonl"].splitlines()]
        assert len(documents) == int(count * 0.02)
        for document in documents:
            assert set(document) in ({"text"}, {"prompt", "completion"}, {"segments"})
            if "segments" in document:
                assert all(set(piece) == {"text", "learned"} and piece["text"] for piece in document["segments"])
                assert any(piece["learned"] for piece in document["segments"])
            else:
                assert all(isinstance(value, str) and value.strip() for value in document.values())


def test_of_a_run_of_examples_the_answers_are_learned_with_the_line_feed_that_ends_them():
    pairs = [("dog", "bip"), ("fox", "zof"), ("cat", "bip")]
    for format in (*formats.BUILT_IN.values(), *formats.TRAINED):
        made = document(format, "Say it.", pairs)
        *examples, (query, answer) = pairs
        assert text_of(made) == formats.render(format, "Say it.", examples, query) + formats.gap_of(format) + answer
        learned = [piece["text"] for piece in made["segments"] if piece["learned"]]
        assert learned == [formats.gap_of(format) + "bip\n", formats.gap_of(format) + "zof\n",
                           formats.gap_of(format) + "bip"]


def test_of_a_row_its_repetition_is_learned_but_for_the_first_word():
    for number in range(100):
        shown, learned = (piece["text"].split() for piece in row(Draw(2, number))["segments"])
        tail = [shown.pop(), *learned]
        assert set(shown) <= set(WORDS) and shown[-len(tail):] == tail and len(tail) >= len(shown) / 2


def test_of_a_row_with_marks_its_repeated_words_are_learned():
    for number in range(100):
        document = marked(Draw(3, number))
        learned = [piece["text"].split()[0] for piece in document["segments"] if piece["learned"]]
        shown = [word for word in re.findall(r"\w+", text_of(document)) if word in WORDS]
        assert learned and set(learned) <= set(WORDS) and shown[-1] == learned[-1]
        assert [shown.count(word) for word in learned] >= [2] * len(learned)


def test_an_answer_is_learned_where_an_example_before_has_shown_it():
    for number in range(100):
        seen = set()
        for piece in pairs(Draw(4, number))["segments"]:
            word = piece["text"].split()[-1]
            assert not piece["learned"] or word in seen
            seen.update(piece["text"].split())
    assert shown_before([("dog", "bip"), ("fox", "zof"), ("cat", "bip"), ("hen", "zof")]) == {2, 3}


def test_there_are_as_many_tasks_groups_and_templates_as_promised():
    assert len(tasks.ALL) >= 60 and len({task.group for task in tasks.ALL}) >= 12
    for task in tasks.ALL:
        assert len(task.templates()) >= 10, task.name
        assert len(task.templates(held=True)) >= 1, task.name


def test_a_word_stands_in_one_category():
    words = [word for words in CATEGORIES.values() for word in words]
    assert len(CATEGORIES) >= 60 and len(words) == len(set(words))


def test_items_have_one_line_and_fit():
    for task in tasks.ALL:
        for number in range(50):
            given, wanted = task.make(Draw(3, task.name, number))
            assert given and wanted and "\n" not in given + wanted, task.name
            assert given == given.strip() and wanted == wanted.strip(), task.name


def test_stories_have_thousands_of_skeletons_and_leave_no_slot_open():
    skeletons = set()
    texts = []
    for number in range(3000):
        draw = Draw(7, number)
        rows, plot = skeleton(draw)
        skeletons.add((plot, tuple(draw.below(len(row)) for row in rows)))
        if number < 600:
            texts.append(tell(Draw(8, number))["text"])
    assert len(skeletons) > 2900
    assert len(set(texts)) == len(texts)
    for text in texts:
        assert not set("{}[]|") & set(text), text
        assert 100 < len(text) < 1500
    assert scores.distinct(texts[:100]) > 0.2
    assert scores.repetition(texts) < 0.05


def test_sentences_are_tidied():
    assert tidy('"who is it?" asked the fox. a owl came.') == '"Who is it?" asked the fox. An owl came.'
    assert say(Draw(1), "[{a.he}] ran [fast|fast] .", {"a": {"he": "she"}}) == "She ran fast."


def test_scores_by_hand():
    share, low, high = scores.wilson(8, 10)
    assert (round(share, 3), round(low, 3), round(high, 3)) == (0.8, 0.49, 0.943)
    assert scores.distinct(["a b a b"]) == 2 / 3
    assert scores.repetition(["a b c d a b c d"]) == pytest.approx(1 / 5)
    assert scores.self_bleu(["a b c d e", "a b c d e"]) == pytest.approx(1)
    assert scores.self_bleu(["a b c", "d e f"]) == 0
