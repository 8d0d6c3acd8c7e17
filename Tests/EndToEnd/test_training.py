# SPDX-License-Identifier: Apache-2.0
"""`temper tokenizer train` and `temper train`: whole runs, stopped ones, killed ones, a full disk."""

import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import time

import pytest

from support import TEMPER, wait_until

RECIPE = {
    "name": "tiny",
    "tokenizer": "vocabulary",
    "model": {"family": "llama", "width": 32, "layers": 2, "heads": 2, "kv_heads": 1, "feed_forward": 64,
              "context": 64},
    "data": {"sources": [{"path": "stories.txt"}], "validation": 0.1},
    "train": {"steps": 120, "batch_tokens": 1024, "seed": 1},
    "optimizer": {"learning_rate": 0.01},
    "evaluation": {"every": 40, "sequences": 4},
    "checkpoint": {"every": 10, "keep": 2},
}


def run(*arguments, code=0, **options):
    done = subprocess.run([TEMPER, *map(str, arguments)], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == code, f"exit status {done.returncode}: {done.stderr}"
    return done


def write_recipe(folder, **changes):
    recipe = {**RECIPE, **{key: {**RECIPE[key], **value} for key, value in changes.items()}}
    (folder / "recipe.json").write_text(json.dumps(recipe))
    return folder / "recipe.json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A corpus, a vocabulary of it and a recipe."""
    folder = tmp_path_factory.mktemp("training")
    generator = random.Random(3)
    animals, verbs = "cat dog fox hen owl bear".split(), "saw met followed heard".split()
    stories = [
        f"{number}. " + " ".join(
            f"The {generator.choice(animals)} {generator.choice(verbs)} the {generator.choice(animals)}."
            for _ in range(generator.randint(2, 9)))
        for number in range(300)
    ]
    (folder / "stories.txt").write_text("\n<|endoftext|>\n".join(stories) + "\n")
    run("tokenizer", "train", "--vocab-size", 320, "--out", folder / "vocabulary", folder / "stories.txt")
    write_recipe(folder)
    return folder


@pytest.fixture(scope="module")
def whole(folder):
    """A run that nothing disturbed."""
    run("train", folder / "recipe.json", "--out", folder / "whole", "--threads", 1)
    return folder / "whole"


def metrics(run_folder):
    """Lines of metrics.jsonl without what depends on the clock."""
    lines = [json.loads(line) for line in (run_folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: line[key] for key in line.keys() - {"seconds", "tokens_per_second"}} for line in lines]


def steps(run_folder):
    return sorted(path.name for path in (run_folder / "checkpoints").glob("step-*"))


def assert_equal_ends(left, right):
    assert metrics(left) == metrics(right)
    for name in ["model/model.safetensors", "model.gguf", "checkpoints/step-00000120.safetensors"]:
        assert (left / name).read_bytes() == (right / name).read_bytes(), name


def test_tokenizer_is_read_by_tokenize(folder):
    text = "The cat saw the fox. 12"
    done = run("tokenize", folder / "vocabulary", "--format", "json", input=text)
    pieces = json.loads(done.stdout)["pieces"]
    assert "".join(pieces).replace("Ġ", " ") == text and len(pieces) < len(text) / 2


def test_a_run_learns_and_its_model_writes(whole):
    losses = [line["loss"] for line in metrics(whole) if "loss" in line]
    validation = [line["validation_loss"] for line in metrics(whole) if "validation_loss" in line]
    assert len(losses) == 120 and len(validation) == 3
    assert losses[-1] < losses[0] - 1.5 and validation[-1] < losses[0] - 1.5
    assert steps(whole) == ["step-00000110.safetensors", "step-00000120.safetensors"]
    assert (whole / "loss.svg").read_text().startswith("<svg")
    texts = [
        run("complete", path, "-p", "The cat", "-n", 8, "--temperature", 0).stdout
        for path in [whole / "model", whole / "model.gguf"]
    ]
    assert texts[0].strip() and texts[0].split()[0] == texts[1].split()[0]


def test_threads_change_nothing(folder, whole):
    run("train", folder / "recipe.json", "--out", folder / "threads", "--threads", 2)
    assert_equal_ends(folder / "threads", whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_ends_as_if_it_never_was(folder, whole, number):
    out = folder / f"interrupted-{number.name}"
    process = subprocess.Popen(
        [TEMPER, "train", folder / "recipe.json", "--out", out, "--threads", "1"], stderr=subprocess.PIPE, text=True)
    assert wait_until(lambda: len(steps(out)) >= 1, within=120)
    process.send_signal(number)
    code = process.wait(60)
    if code == 0:
        pytest.skip("the run was over before the signal came")
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 130), process.stderr.read()
    assert not (out / "model").exists()
    assert "holds a run already" in run("train", folder / "recipe.json", "--out", out, code=1).stderr
    run("train", folder / "recipe.json", "--out", out, "--resume", "--threads", 2)
    assert_equal_ends(out, whole)


def test_killed_at_many_moments(folder, whole):
    """The process is killed again and again, sooner or later, and in the end the bits are the same."""
    out, generator, kills = folder / "killed", random.Random(11), 0
    while not (out / "model.gguf").exists():
        resume = ["--resume"] if (out / "recipe.json").exists() else []
        process = subprocess.Popen(
            [TEMPER, "train", folder / "recipe.json", "--out", out, *resume], stderr=subprocess.DEVNULL)
        if kills < 8:
            time.sleep(generator.uniform(0, 0.5))
            process.kill()
            kills += 1
            process.wait()
        else:
            assert process.wait(300) == 0
    assert kills > 1
    assert_equal_ends(out, whole)


def test_a_full_disk_leaves_the_last_checkpoint(folder, whole):
    """A limit of the file size stands for the disk; the second checkpoint does not fit under a lowered one."""
    size = (whole / "checkpoints/step-00000120.safetensors").stat().st_size
    out = folder / "full"
    recipe = write_recipe(folder, checkpoint={"every": 50, "keep": 3})
    try:
        process = subprocess.Popen(
            [TEMPER, "train", recipe, "--out", out, "--threads", "1"], stderr=subprocess.PIPE, text=True)
        assert wait_until(lambda: len(steps(out)) >= 1, within=120)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size // 2, size // 2))
        assert process.wait(120) == 1
        message = process.stderr.read()
        assert "the checkpoint of step 100 could not be written" in message, message
        assert "File too large" in message and "the one of step 50 is intact" in message, message
        assert steps(out) == ["step-00000050.safetensors"]
        assert not list((out / "checkpoints").glob(".*")), "nothing half written is left"
        run("train", recipe, "--out", out, "--resume")
        assert (out / "model/model.safetensors").read_bytes() == (whole / "model/model.safetensors").read_bytes()
    finally:
        write_recipe(folder)


def test_refusals_name_what_is_wrong(folder, tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "a"}\n{"text": 1}\n')
    recipe = json.loads((folder / "recipe.json").read_text())
    recipe["tokenizer"] = str(folder / "vocabulary")
    recipe["data"] = {"sources": [{"path": str(bad)}]}
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    done = run("train", tmp_path / "recipe.json", "--out", tmp_path / "out", code=1)
    assert 'bad.jsonl, line 2: expected a string under "text", found integer' in done.stderr

    recipe["model"]["heads"], recipe["train"]["stepps"] = 0, 1
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    done = run("train", tmp_path / "recipe.json", "--out", tmp_path / "other", code=1)
    assert "2 faults" in done.stderr and "model.heads: expected an integer from 1 to 256" in done.stderr
    assert "train.stepps: unknown field" in done.stderr
    assert not (tmp_path / "other").exists()

    assert "resume" in run("train", folder / "recipe.json", "--out", tmp_path / "none", "--resume", code=1).stderr
    done = run("tokenizer", "train", "--vocab-size", 10, "--out", tmp_path / "v", folder / "stories.txt", code=1)
    assert "a vocabulary of 10 ids: expected 257" in done.stderr
