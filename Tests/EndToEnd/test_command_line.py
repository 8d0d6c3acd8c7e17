# SPDX-License-Identifier: Apache-2.0
"""`temper complete`, `inspect` and `tokenize`."""

import json
import re
import resource
import subprocess

import pytest

from support import CHAT_FOLDER, CHAT_MODEL, FIXTURES, ROOT, TEMPER, Server, default_model


def run(*arguments, text=None, **options):
    done = subprocess.run(
        [TEMPER, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=120, **options)
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


@pytest.mark.parametrize("kibibytes", [90_000, 120_000])
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
    for word in ("llama", "512", "4096", "BPE"):
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


@pytest.mark.parametrize("name", ["fireside-1m", "Models/fireside-1m", "Models/fireside-1m/fireside-1m.gguf"])
def test_tokenize_and_inspect_take_what_serve_takes(name):
    assert run("tokenize", name, text="Once", cwd=ROOT).stdout.split()
    assert "llama" in run("inspect", name, cwd=ROOT).stdout


def test_a_fault_names_the_path_once(tmp_path):
    empty = tmp_path / "empty.gguf"
    empty.write_bytes(b"GGUF")
    for command in (["tokenize"], ["inspect"], ["complete", "-p", "a"]):
        for path in (empty, tmp_path / "absent", tmp_path):
            message = fails(command[0], path, *command[1:], code=1, text="a")
            assert message.count(str(path)) - message.count(f"loading {path}") == 1, message
            assert message.count(path.name) - message.count(f"loading {path}") == 1, message


def test_a_sentencepiece_model_is_called_so(tmp_path):
    path = tmp_path / "tokenizer.model"
    path.write_bytes(b"\n\x0e\n\x05<unk>\x15\0\0\0\0\x18\x02\n\x0c\n\x03<s>\x15\0\0\0\0\x18\x03")
    assert "SentencePiece" in fails("tokenize", path, code=1, text="a")


@pytest.mark.parametrize("flags, words", [
    (["--temperature", "nan"], "temperature: expected a finite number, found nan"),
    (["--temperature", "-1"], "temperature: expected"),
    (["--top-p", "2"], "top_p: expected"),
    (["--threads", "0"], "--threads"),
])
def test_values_that_cannot_be_are_found_before_loading(flags, words):
    message = fails("complete", default_model(), "-p", "a", *flags, code=64)
    assert words in message and "loading" not in message, message
    assert "Usage: temper complete" in message, message


@pytest.mark.parametrize("flags", [
    ["--cors-origin", "foo"], ["--cors-origin", "http://a/b"], ["--allowed-host", "http://x"],
    ["--allowed-host", "x:80"], ["--log-level", "loud"], ["--max-queue", "0"],
])
def test_settings_that_cannot_match_are_refused(flags):
    message = fails("serve", "--port", 0, *flags, code=64)
    assert flags[0] in message and "Usage: temper serve" in message, message


def test_the_type_of_the_cache_changes_its_size_and_little_else():
    figures, texts = {}, {}
    for kind in ("f32", "f16", "q8_0"):
        plan = json.loads(run("inspect", default_model(), "--json", "--kv-type", kind).stdout)["memory"]
        assert plan["kv_type"] == kind.upper()
        figures[kind] = plan["kv_bytes_per_token"]
        texts[kind] = run("complete", default_model(), "-p", "Once upon a time", "--temperature", 0,
                          "--max-tokens", 16, "--kv-type", kind).stdout
    assert figures["f32"] == 2 * figures["f16"] and figures["q8_0"] * 32 == figures["f16"] * 17
    assert texts["f16"] == texts["f32"] and texts["q8_0"].startswith(texts["f32"][:14])
    assert "q4" in fails("serve", default_model(), "--kv-type", "q4", code=64)
