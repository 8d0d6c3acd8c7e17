# SPDX-License-Identifier: Apache-2.0
"""lm-evaluation-harness through its local-completions model: what it reports is what the server says itself."""

import json
import os
import subprocess
import sys

import pytest

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
