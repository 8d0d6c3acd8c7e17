# SPDX-License-Identifier: Apache-2.0
"""`temper complete`, `inspect` and `tokenize`."""

import json
import subprocess

import pytest

from support import CHAT_FOLDER, CHAT_MODEL, FIXTURES, TEMPER, default_model


def run(*arguments, text=None):
    done = subprocess.run([TEMPER, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done


def test_complete_writes_what_the_server_answers(server):
    answer = server.complete(prompt="Once upon a time", max_tokens=32, temperature=0)
    done = run("complete", default_model(), "-p", "Once upon a time", "--max-tokens", 32, "--temperature", 0)
    assert answer["choices"][0]["text"] in done.stdout
    assert "token" in done.stderr and "/s" in done.stderr, "the speed is told"


def test_inspect_tells_what_a_checkpoint_is():
    text = run("inspect", default_model()).stdout
    for word in ("llama", "512", "2048", "BPE"):
        assert word in text, text


@pytest.mark.parametrize("name", sorted(path.parent.name for path in FIXTURES.glob("*/model.gguf")))
def test_inspect_reads_every_fixture(name):
    assert run("inspect", FIXTURES / name / "model.gguf").stdout
    folder = FIXTURES / name / "huggingface"
    if folder.is_dir():
        assert run("inspect", folder).stdout


@pytest.mark.parametrize("path", [CHAT_MODEL, CHAT_FOLDER], ids=["gguf", "huggingface"])
def test_tokenize_gives_the_ids_of_the_tokenizers_package(path):
    for case in json.loads((FIXTURES / "qwen2-chat/ids.json").read_text()):
        printed = run("tokenize", path, "--format", "json", "--parse-special", text=case["text"]).stdout
        ids = json.loads(printed)
        ids = ids if isinstance(ids, list) else ids["tokens"]
        assert ids == case["ids"], case["text"]
