# SPDX-License-Identifier: Apache-2.0
"""`temper complete`, `inspect` and `tokenize`."""

import json
import re
import resource
import subprocess

import pytest

from support import CHAT_FOLDER, CHAT_MODEL, FIXTURES, TEMPER, Server, default_model


def run(*arguments, text=None):
    done = subprocess.run([TEMPER, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done


def test_complete_writes_what_the_server_answers(server):
    answer = server.complete(prompt="Once upon a time", max_tokens=32, temperature=0)
    done = run("complete", default_model(), "-p", "Once upon a time", "--max-tokens", 32, "--temperature", 0)
    assert answer["choices"][0]["text"] in done.stdout
    assert "token" in done.stderr and "/s" in done.stderr, "the speed is told"


def fails(*arguments, code, text=None, **options):
    """Standard error of a run that ends with `code` and says why in one line."""
    done = subprocess.run(
        [TEMPER, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == code, (done.returncode, done.stderr)
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1 and not done.stdout, done.stderr
    return done.stderr


def test_inspect_tells_what_serve_takes():
    with Server(default_model(), arguments=["--kv-memory", "4M", "--ctx", 256]) as server:
        memory = re.search(r"memory ([^\"\n]*MiB)", server.text).group(1)
    flags = ["--kv-memory", "4M", "--ctx", 256]
    text = run("inspect", default_model(), *flags).stdout
    assert memory in text, (memory, text)
    figures = json.loads(run("inspect", default_model(), "--json", *flags).stdout)["memory"]
    assert figures["context_length"] == 256 and figures["kv_cache_bytes"] <= 4 << 20
    assert figures["kv_cache_tokens"] * figures["kv_bytes_per_token"] == figures["kv_cache_bytes"]
    parts = ("weight_bytes", "kv_cache_bytes", "activation_bytes")
    assert sum(figures[part] for part in parts) == figures["total_bytes"]


@pytest.mark.parametrize("kibibytes", [50_000, 60_000, 100_000])
def test_too_little_address_space_is_said_with_figures(kibibytes):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (kibibytes * 1024, kibibytes * 1024))

    message = fails("complete", default_model(), "-p", "a", "--threads", 2, code=1, preexec_fn=limit)
    assert "not enough address space" in message and "MiB are left" in message, message


def test_a_cache_beyond_the_memory_is_refused_with_figures():
    message = fails("complete", default_model(), "-p", "a", "--kv-memory", "1000000G", code=1)
    assert "not enough memory" in message and "KV cache" in message, message


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
