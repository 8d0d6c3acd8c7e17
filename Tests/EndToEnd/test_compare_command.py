# SPDX-License-Identifier: Apache-2.0
"""`temper compare`: equal to the route, and what it writes is read by programs that are not ours."""

import csv
import html.parser
import io
import json
import re
import subprocess

import pytest

from support import TEMPER, default_model

SETTINGS = ["--set", "temperature=0,0.7,1.5", "--set", "top_p=0.9", "-n", 12, "--samples", 3, "--seed", 4]
HOSTILE = "Once </pre><script>alert(1)</script> \"upon' &lt; a\x1b[31m time"


def run(*arguments, code=0, text=None):
    done = subprocess.run(
        [TEMPER, "compare", default_model(), *map(str, arguments)], input=text, capture_output=True, text=True,
        timeout=120)
    assert done.returncode == code, (done.returncode, done.stderr)
    return done


class Page(html.parser.HTMLParser):
    """The elements of a page, and its texts."""

    def __init__(self, text):
        super().__init__()
        self.open, self.names, self.texts, self.attributes = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    done = run("-p", "Once upon a time", *SETTINGS, "--reference", "there was a fox.", "--json", folder / "c.json",
               "--csv", folder / "c.csv", "--html", folder / "c.html")
    return done.stdout, *((folder / f"c.{end}").read_bytes().decode() for end in ("json", "csv", "html"))


def test_the_json_file_is_the_answer_of_the_route(server, files):
    body = {"prompt": "Once upon a time", "max_tokens": 12, "samples": 3, "seed": 4, "top_p": 0.9,
            "reference": "there was a fox.", "grid": {"temperature": [0, 0.7, 1.5]}}
    expected, found = server.post("/v1/compare", body).json(), json.loads(files[1])
    for answer in (expected, found):
        for name in ("id", "created"):
            answer.pop(name)
        for lane in answer["lanes"]:
            lane.pop("timing")
            # the server may have the prompt from before
            lane["usage"].pop("cached_tokens")
    assert found == expected


def test_the_table_names_the_lanes_and_their_texts(files):
    table, answer = files[0], json.loads(files[1])
    for lane in answer["lanes"]:
        assert f"\n{lane['name']} " in table and f"\n{lane['name']}\n" in table
        for choice in lane["choices"]:
            assert choice["text"][:80] in table
    assert "tokens/s" in table and "self-BLEU" in table and "as lane 0" in table


def test_the_csv_file_has_a_row_per_text(files):
    answer, rows = json.loads(files[1]), list(csv.DictReader(io.StringIO(files[2], newline="")))
    assert len(rows) == 9
    for row in rows:
        lane = answer["lanes"][int(row["lane"])]
        choice = lane["choices"][int(row["choice"])]
        assert row["text"] == choice["text"] and row["finish_reason"] == choice["finish_reason"]
        assert json.loads(row["temperature"]) == lane["settings"]["temperature"]
        for name, value in choice["metrics"].items():
            assert float(row[name]) == pytest.approx(value, abs=1e-12), name
        step = choice["divergence"] and str(choice["divergence"]["step"])
        assert row["divergence_step"] == (step or "")


def test_the_page_stands_alone(files):
    answer, page = json.loads(files[1]), Page(files[3])
    assert "script" not in page.names and not any(name.startswith("on") for name in page.attributes)
    assert "src" not in page.attributes and "href" not in page.attributes and "http" not in files[3].replace(
        "http-equiv", "")
    assert page.names.count("svg") == 11
    text = "".join(page.texts)
    for lane in answer["lanes"]:
        assert lane["name"] in text
        for choice in lane["choices"]:
            assert choice["text"] in text


def test_what_a_prompt_says_is_text(tmp_path):
    (tmp_path / "prompt").write_text(HOSTILE)
    run("--prompt-file", tmp_path / "prompt", "-n", 2, "--set", f"stop={json.dumps([HOSTILE])},null",
        "--html", tmp_path / "c.html")
    written = (tmp_path / "c.html").read_text()
    page = Page(written)
    assert "script" not in page.names and "\x1b" not in written
    assert HOSTILE.replace("\x1b", "\u241b") in "".join(page.texts)


def test_one_file_may_go_to_standard_output(tmp_path):
    done = run("-p", "Once", "-n", 2, "--set", "temperature=0", "--json", "-")
    assert json.loads(done.stdout)["lanes"][0]["name"] == "default"
    assert run("-n", 1, "--csv", "-", text="Once").stdout.startswith("lane,name,choice")
    assert "standard output" in run("-p", "a", "--csv", "-", "--json", "-", code=64).stderr


@pytest.mark.parametrize("arguments, words", [
    (["--set", "temperature=0,-1"], r"grid\.temperature\[1\]: expected .*0"),
    (["--set", "top_p=1.5"], r"top_p: expected .*1, found 1\.5"),
    (["--set", "nope=1,2"], r"grid\.nope\[0\]: no such field"),
    (["--set", "temperature"], "expected name=value"),
    (["--set", "top_k=1", "--set", "top_k=2,3"], "top_k: given already"),
    (["--set", "seed=1", "--seed", "2"], "seed: given already"),
    (["--samples", "65"], "samples: expected from 1 to 64"),
    (["--set", "top_k=" + ",".join(map(str, range(33)))], "1 to 32"),
    (["--prompt-file", "x"], "exclude each other"),
])
def test_values_that_cannot_be_are_found_before_loading(arguments, words):
    done = run("-p", "a", *arguments, code=64)
    assert re.search(words, done.stderr) and "loading" not in done.stderr, done.stderr
    assert not done.stdout


def test_what_the_model_rules_out_is_wrong_use_too():
    assert "max_tokens" in run("-p", "a", "-n", 1_000_000, code=64).stderr
    assert "logit_bias" in run("-p", "a", "--set", 'logit_bias={"99999999":1}', code=64).stderr


def test_a_prompt_file_must_be_text(tmp_path):
    (tmp_path / "prompt").write_bytes(b"\xff")
    assert "not UTF-8" in run("--prompt-file", tmp_path / "prompt", code=1).stderr
    assert "cannot be read" in run("--prompt-file", tmp_path / "absent", code=1).stderr
