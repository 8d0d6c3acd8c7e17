# SPDX-License-Identifier: Apache-2.0
"""Start, drain and end of the server process."""

import json
import re
import signal
import subprocess
import threading
import time

import pytest
import requests

from support import TEMPER, Server, default_model, wait_until

LONG = {"prompt": ["Once upon a time"] * 16, "max_tokens": 300, "n": 8, "seed": 1, "ignore_eos": True}


def test_health_routes_answer(server):
    for path in ("/livez", "/readyz", "/health"):
        assert server.get(path).status_code == 200, path


def test_metrics_are_prometheus_text(server):
    answer = server.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    for line in answer.text.splitlines():
        assert re.match(r'(# (HELP|TYPE) \S+ .+|[a-zA-Z_:][\w:]*(\{("[^"]*"|[^"}])*\})? [-+0-9.eEInfNa]+)$', line), line
    before = server.metrics()["vllm:generation_tokens_total"]
    server.complete(prompt="a", max_tokens=5, ignore_eos=True)
    assert server.metrics()["vllm:generation_tokens_total"] == before + 5


def test_capabilities_name_every_field(server):
    text = json.dumps(server.get("/v1/capabilities").json())
    for field in ("temperature", "top_k", "top_p", "min_p", "logit_bias", "examples", "truncate_prompt_tokens"):
        assert f'"{field}"' in text


def test_running_work_is_finished_on_sigterm():
    with Server(default_model()) as server:
        answers = []
        work = threading.Thread(target=lambda: answers.append(server.post("/v1/completions", LONG)))
        work.start()
        assert wait_until(lambda: server.running() > 0, within=10)
        server.signal()
        time.sleep(0.2)
        try:  # while it drains: not ready, and new work is refused, or the door is closed already
            assert server.get("/readyz").status_code == 503
            assert server.post("/v1/completions", {"prompt": "a"}).status_code == 503
        except requests.ConnectionError:
            pass
        work.join(60)
        assert answers and answers[0].status_code == 200
        assert answers[0].json()["usage"]["completion_tokens"] == 16 * 8 * 300
        assert server.process.wait(30) == 0


def test_a_stream_is_finished_on_sigterm():
    with Server(default_model()) as server:
        with requests.post(
            f"{server.url}/v1/completions", json=LONG | {"stream": True}, stream=True, timeout=60
        ) as answer:
            lines = answer.iter_lines()
            first = next(line for line in lines if line.startswith(b"data: "))
            assert json.loads(first[6:])["choices"]
            server.signal()
            rest = [line for line in lines if line.startswith(b"data: ")]
            assert rest[-1] == b"data: [DONE]"
        assert server.process.wait(30) == 0


def test_a_second_sigterm_ends_at_once():
    server = Server(default_model())
    work = threading.Thread(
        target=lambda: pytest.raises(requests.RequestException, server.post, "/v1/completions", LONG))
    work.start()
    assert wait_until(lambda: server.running() > 0, within=10)
    server.signal()
    time.sleep(0.1)
    server.signal()
    server.process.wait(5)
    work.join(10)


def test_an_interrupt_ends_an_idle_server_quickly():
    server = Server(default_model())
    server.signal(signal.SIGINT)
    assert server.process.wait(5) == 0


def run(*arguments, **options):
    return subprocess.run([TEMPER, *arguments], capture_output=True, text=True, timeout=60, **options)


def test_another_interface_without_a_key_is_refused():
    done = run("serve", default_model(), "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 64 and "TEMPER_KEY_FILE" in done.stderr, done.stderr
    assert "TEMPER_ALLOW_INSECURE_BIND=1" in done.stderr


def test_what_the_image_sets_is_served_with_a_key_or_the_flag(tmp_path):
    settings = {"TEMPER_HOST": "0.0.0.0"}
    with Server(environment=settings | {"TEMPER_ALLOW_INSECURE_BIND": "1"}) as server:
        assert requests.get(f"http://127.0.0.1:{server.port}/v1/models", timeout=10).status_code == 200
    keys = tmp_path / "key"
    keys.touch(mode=0o600)
    keys.write_text("secret\n")
    with Server(environment=settings | {"TEMPER_KEY_FILE": str(keys)}) as server:
        url = f"http://127.0.0.1:{server.port}/v1/models"
        assert requests.get(url, timeout=10).status_code == 401
        assert requests.get(url, headers={"Authorization": "Bearer secret"}, timeout=10).status_code == 200


def test_a_port_in_use_is_said_so(server):
    done = run("serve", default_model(), "--port", str(server.port))
    assert done.returncode != 0 and str(server.port) in done.stderr, done.stderr


@pytest.mark.parametrize("content", [b"", b"GGUF", b"not a checkpoint at all", b"GGUF\x03\0\0\0" + b"\xff" * 64])
def test_a_file_that_is_no_checkpoint_is_said_so(tmp_path, content):
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    for command in (["serve", path, "--port", "0"], ["inspect", path], ["complete", path, "-p", "a"]):
        done = run(*command)
        assert done.returncode > 0, "an exit status, not a signal"
        assert "model.gguf" in done.stderr and len(done.stderr) < 2000, done.stderr
