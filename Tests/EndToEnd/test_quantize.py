# SPDX-License-Identifier: Apache-2.0
"""`temper quantize` writes files that temper and llama.cpp read."""

import math
import os
import subprocess

import pytest

from support import CHAT_FOLDER, FIXTURES, TEMPER, Server, default_model

TEXT = ("Once upon a time there was a little boy who had a red boat. Every day he went to the river with his dog, "
        "and the dog ran along the bank while the boat went down the water. One day the wind was strong.")


def quantize(*arguments):
    return subprocess.run(
        [TEMPER, "quantize", *map(str, arguments)], capture_output=True, text=True, timeout=120)


def perplexity(path):
    with Server(path) as server:
        answer = server.complete(prompt=TEXT, max_tokens=0, echo=True, logprobs=1)
    values = answer["choices"][0]["logprobs"]["token_logprobs"][1:]
    return math.exp(-sum(values) / len(values))


@pytest.fixture(scope="module")
def original():
    return perplexity(default_model())


# the default model is Q8_0, whose products also round the activations; F16 and BF16 do not
@pytest.mark.parametrize("kind, most", [("f16", 0.02), ("bf16", 0.02), ("q8_0", 0.01), ("q4_0", 0.25), ("q4_k_m", 0.1)])
def test_the_model_stays_what_it_was(tmp_path, original, kind, most):
    path = tmp_path / f"model-{kind}.gguf"
    done = quantize(default_model(), path, "--type", kind)
    assert done.returncode == 0, done.stderr
    assert "of weights became" in done.stderr + done.stdout
    assert abs(math.log(perplexity(path) / original)) < most


def test_llama_cpp_loads_what_is_written(tmp_path):
    llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    for kind in ("q8_0", "q4_0", "q4_k_m"):
        path = tmp_path / f"{kind}.gguf"
        assert quantize(default_model(), path, "--type", kind).returncode == 0
        model = llama_cpp.Llama(str(path), n_ctx=256, verbose=False, logits_all=True)
        ids = model.tokenize(b"Once upon a time")
        model.eval(ids)
        theirs = max(range(model.n_vocab()), key=lambda index: model.scores[len(ids) - 1][index])
        with Server(path) as server:
            answer = server.complete(prompt="Once upon a time", max_tokens=1, temperature=0, **{"return": ["token_ids"]})
        assert answer["choices"][0]["token_ids"] == [theirs]


def test_a_folder_is_taken_with_its_vocabulary(tmp_path):
    path = tmp_path / "model.gguf"
    done = quantize(CHAT_FOLDER, path, "--type", "q8_0")
    assert done.returncode == 0, done.stderr
    with Server(path) as server:
        assert server.complete(prompt="hello", max_tokens=4)["usage"]["completion_tokens"] > 0


def test_what_cannot_be_is_said_and_nothing_is_written(tmp_path):
    path = tmp_path / "model.gguf"
    done = quantize(default_model(), path, "--type", "q3_k")
    assert done.returncode == 64 and "q4_k_m" in done.stderr and not path.exists()
    done = quantize(default_model(), path, "--type", "q8_0", "--threads", 0)
    assert done.returncode == 64 and "--threads" in done.stderr and not path.exists()
    done = quantize(tmp_path / "absent.gguf", path, "--type", "q8_0")
    assert done.returncode == 1 and "absent.gguf" in done.stderr and not path.exists()
    path.write_bytes(b"mine")
    done = quantize(default_model(), path, "--type", "q8_0")
    assert done.returncode == 1 and "--force" in done.stderr and path.read_bytes() == b"mine"
    assert quantize(default_model(), path, "--type", "q8_0", "--force").returncode == 0
    assert path.read_bytes()[:4] == b"GGUF" and os.listdir(tmp_path) == ["model.gguf"]


def test_a_truncated_file_is_refused(tmp_path):
    source = tmp_path / "cut.gguf"
    whole = (FIXTURES / "llama/model.gguf").read_bytes()
    source.write_bytes(whole[: len(whole) // 2])
    done = quantize(source, tmp_path / "out.gguf", "--type", "q8_0")
    assert done.returncode == 1 and "cut.gguf" in done.stderr and not (tmp_path / "out.gguf").exists()
