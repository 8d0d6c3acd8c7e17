# SPDX-License-Identifier: Apache-2.0
"""lm-evaluation-harness through its local-completions model: what it reports is what the server says itself."""

import csv
import json
import os
import subprocess
import sys

import pytest

from support import data_folder

CONTEXTS = [
    "Once upon a time", "The king said to his daughter,", "There was once an old woman who", "In the garden",
    "The little boy ran to the river and", "When the sun rose,",
]
FAR = " zzyzx quux 9 9 9"


def run(server, model, task, folder):
    """Runs one task; gives its results and its samples."""
    out = folder / "out"
    command = [
        sys.executable, "-m", "lm_eval", "--model", "local-completions", "--model_args",
        f"model={model},base_url={server.url}/v1/completions,tokenizer_backend=remote,num_concurrent=2,max_retries=1",
        "--tasks", task, "--include_path", str(folder), "--output_path", str(out), "--log_samples",
        "--batch_size", "2",
    ]
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(folder / "home")}
    done = subprocess.run(command, env=os.environ | offline, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    results = json.loads(next(out.rglob("results_*.json")).read_text())["results"][task]
    samples = [json.loads(line) for line in next(out.rglob(f"samples_{task}_*.jsonl")).read_text().splitlines()]
    return results, sorted(samples, key=lambda sample: sample["doc_id"])


def write_task(folder, name, rows, lines):
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / f"{name}.yaml").write_text(
        f"task: {name}\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {data}\ntest_split: test\n"
        + lines
    )


def tokens_of(server, text):
    return server.post("/tokenize", {"prompt": text, "add_special_tokens": False}).json()["tokens"]


@pytest.fixture(scope="module")
def rows(server):
    """Contexts with the model's own greedy continuation, where the joint text splits into the same tokens."""
    found = []
    for context in CONTEXTS:
        ids = tokens_of(server, context)
        for count in (6, 7, 8, 5, 9):
            answer = server.complete(prompt=ids, temperature=0, max_tokens=count, logprobs=1)
            text, logprobs = answer["choices"][0]["text"], answer["choices"][0]["logprobs"]
            if tokens_of(server, context + text) == ids + logprobs["token_ids"] and not text.endswith(" "):
                score = sum(logprobs["token_logprobs"])
                found.append({"context": context, "choices": [text, FAR], "gold": 0, "score": score})
                break
    assert len(found) >= 3, "too few continuations survive retokenization"
    return found


def test_loglikelihood(server, model, rows, tmp_path):
    write_task(
        tmp_path, "temper_choice", rows,
        'output_type: multiple_choice\ndoc_to_text: "{{context}}"\ndoc_to_choice: "{{choices}}"\n'
        'doc_to_target: gold\ntarget_delimiter: ""\nmetric_list:\n  - metric: acc\n')
    results, samples = run(server, model, "temper_choice", tmp_path)
    assert results["acc,none"] == 1.0
    for row, sample in zip(rows, samples, strict=True):
        (score, greedy), (far_score, far_greedy) = [answer[0] for answer in sample["resps"]]
        assert float(score) == pytest.approx(row["score"], rel=1e-6), "echoed and generated scores agree"
        assert str(greedy) == "True", "exact equality with the greatest of top_logprobs"
        assert str(far_greedy) == "False" and float(far_score) < float(score)


def test_generate_until(server, model, tmp_path):
    rows = []
    for context in CONTEXTS:
        # As lm_eval splits it: without the start token, unless add_bos_token says otherwise.
        ids = tokens_of(server, context)
        text = server.complete(prompt=ids, temperature=0, max_tokens=16, stop=[".", "\n\n"])["choices"][0]["text"]
        rows.append({"context": context, "answer": text})
    write_task(
        tmp_path, "temper_text", rows,
        'output_type: generate_until\ndoc_to_text: "{{context}}"\ndoc_to_target: "{{answer}}"\n'
        'generation_kwargs:\n  until: [".", "\\n\\n"]\n  max_gen_toks: 16\n  temperature: 0\n  do_sample: false\n'
        "metric_list:\n  - metric: exact_match\n")
    results, samples = run(server, model, "temper_text", tmp_path)
    assert [sample["resps"][0][0] for sample in samples] == [row["answer"] for row in rows]
    assert results["exact_match,none"] == 1.0


# prompts


def lines(path):
    return path.read_text(encoding="utf-8").splitlines()


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def gsm8k(data, folder):
    rows = [json.loads(line) for line in lines(data / "gsm8k/test.jsonl")]
    rows = sorted(rows, key=lambda row: len(row["question"]) + len(row["answer"]))[:120]
    config = {"doc_to_text": "Question: {{question}}\nAnswer:", "doc_to_target": "{{answer}}"}
    example = lambda row: {"input": row["question"], "output": row["answer"]}  # noqa: E731
    return rows, config, example, {"template": "question"}


def sst2(data, folder):
    rows = [line.rsplit("\t", 1) for line in lines(data / "glue/sst2/alps_test.tsv")[1:]]
    rows = [{"sentence": text, "label": int(label)} for text, label in rows]
    config = {
        "doc_to_text": "{{sentence}}\nQuestion: Is this sentence positive or negative?\nAnswer:",
        "doc_to_target": "label", "doc_to_choice": ["negative", "positive"], "output_type": "multiple_choice"}
    example = lambda row: {"input": row["sentence"], "output": config["doc_to_choice"][row["label"]]}  # noqa: E731
    return rows, config, example, {
        "template": {"example": "{input}\nQuestion: Is this sentence positive or negative?\nAnswer: {output}"}}


def mmlu(data, folder):
    with open(data / "mmlu/test/anatomy_test.csv", newline="", encoding="utf-8") as file:
        rows = [{"question": row["question"], "choices": [row[f"choice{i}"] for i in range(4)],
                 "answer": int(row["answer"])} for row in csv.DictReader(file)]
    rows = sorted(rows, key=lambda row: len(row["question"] + "".join(row["choices"])))[:80]
    said = "The following are multiple choice questions (with answers) about anatomy."
    letters = ["A", "B", "C", "D"]
    config = {
        "doc_to_text": "{{question.strip()}}\nA. {{choices[0]}}\nB. {{choices[1]}}\nC. {{choices[2]}}\n"
                       "D. {{choices[3]}}\nAnswer:",
        "doc_to_choice": letters, "doc_to_target": "answer", "output_type": "multiple_choice",
        "description": said + "\n\n"}

    def example(row):
        choices = "".join(f"\n{letter}. {text}" for letter, text in zip(letters, row["choices"], strict=True))
        return {"input": row["question"].strip() + choices, "output": letters[row["answer"]]}

    return rows, config, example, {"template": {"example": "{input}\nAnswer: {output}"}, "instruction": said}


@pytest.mark.parametrize("make", [gsm8k, sst2, mmlu])
def test_prompts_are_those_of_the_harness(server, tmp_path, monkeypatch, make):
    """The examples that the harness draws by its seed, handed over: the same prompt, byte for byte."""
    folder = data_folder()
    if folder is None or not (folder / "eval").is_dir():
        pytest.skip("the data of benchmarks is not here: set TEMPER_DATA to the folder of test data")
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    from lm_eval.api.task import ConfigurableTask

    rows, config, example, shots = make(folder / "eval", tmp_path)
    half = len(rows) // 2
    files = {"train": write(tmp_path / "train.jsonl", rows[:half]), "test": write(tmp_path / "test.jsonl", rows[half:])}
    task = ConfigurableTask(config={
        "task": make.__name__, "dataset_path": "json", "dataset_kwargs": {"data_files": files},
        "test_split": "test", "fewshot_split": "train", "output_type": "generate_until", "metric_list": [],
        **config})
    task.set_fewshot_seed(1234)
    drawn, sample = [], task.sampler.sample
    monkeypatch.setattr(task.sampler, "sample", lambda *given, **named: drawn.append(sample(*given, **named)) or drawn[-1])
    compared = 0
    for row in list(task.test_docs())[:8]:
        wanted = task.fewshot_context(row, num_fewshot=2)
        answer = server.post("/v1/prompts/assemble", {
            "prompt": example(row)["input"], "max_tokens": 1,
            "shots": {"examples": [example(shown) for shown in list(drawn[-1])[:2]], "overflow": "error", **shots}})
        if answer.status_code == 400 and "fit" in answer.text:
            continue  # longer than the model's context
        assert answer.json()["assembled"][0]["text"] == wanted
        compared += 1
    assert compared >= 3
