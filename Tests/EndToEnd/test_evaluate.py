# SPDX-License-Identifier: Apache-2.0
"""The evaluation of a model asks the server and writes what a card says."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

from support import ROOT

sys.path.insert(0, str(ROOT / "Models"))

from corpus.client import Server as Client  # noqa: E402
from corpus.heldout import SHOTS, evaluation_set  # noqa: E402


def test_an_answer_is_the_first_line_of_the_greedy_text(server):
    client = Client(server.url)
    item = next(item for item in evaluation_set(1, 1, 1) if item["shots"] == 2)
    text = server.complete(
        prompt=item["query"], examples=item["examples"], template=item["template"], temperature=0, max_tokens=48)
    assert client.answer(item) == text["choices"][0]["text"].split("\n")[0].strip()
    assert client.answer(item | {"query": "too long " * 600}) is None


def test_the_report_counts_every_question_once(server, tmp_path):
    questions = list(evaluation_set(1, 2, 1))
    path = tmp_path / "evaluation.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in questions))
    command = [sys.executable, "-m", "corpus.evaluate", "--questions", path, "--out", tmp_path / "card", "--url",
               server.url, "--every", "2", "--tokens", "12", "--choices", "2"]
    subprocess.run(command, cwd=ROOT / "Models", check=True, capture_output=True)
    figures = json.loads((tmp_path / "card/evaluation.json").read_text())
    asked = sum(row["count"] for row in figures["accuracy"])
    curves = [item for item in questions if item["kind"] == "curve"]
    assert asked == figures["questions"]
    assert asked + figures["omitted"] == len(curves) // 2 + len(questions) - len(curves)
    assert all(0 <= row["hits"] <= row["count"] for row in figures["accuracy"])
    temperatures = [row["settings"]["temperature"] for row in figures["prose"]][:6]
    assert temperatures == [0, 0.2, 0.7, 1.0, 1.5, 1.8]
    spread = [row["distinct-2"] for row in figures["prose"]][:6]
    assert spread[0] < spread[-1]
    picture = ElementTree.parse(tmp_path / "card/curve.svg").getroot()
    words = [node.text for node in picture.iter() if node.text]
    assert {str(n) for n in SHOTS} <= set(words) and "chance 50%" in words
    table = (tmp_path / "card/evaluation.md").read_text()
    assert "classify 4, random labels (control)" in table and "| superlative |" in table
