# SPDX-License-Identifier: Apache-2.0
"""A running server, what it is fed with, and how its metrics are read."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEMPER = pathlib.Path(os.environ.get("TEMPER_BIN", ROOT / ".build/release/temper")).absolute()
FIXTURES = ROOT / "Tests/Fixtures/models"
CHAT_MODEL = FIXTURES / "qwen2-chat/model.gguf"
CHAT_FOLDER = FIXTURES / "qwen2-chat/huggingface"

# what a run of the same request may differ in
VOLATILE = {"id", "created", "timings", "prompt_tokens_details"}


def default_model():
    """The shipped checkpoint."""
    return ROOT / "Models" / (ROOT / "Models/default").read_text().strip()


def vocabulary_size(server):
    """Of the model that a server answers with by default."""
    return server.get("/v1/models").json()["data"][0]["meta"]["vocabulary_size"]


def data_folder():
    """The folder of third-party test data, or nothing: $TEMPER_DATA, else shared/data beside a parent folder."""
    if "TEMPER_DATA" in os.environ:
        folder = pathlib.Path(os.environ["TEMPER_DATA"])
        return folder if folder.is_dir() else None
    for parent in ROOT.parents:
        if (parent / "shared/data").is_dir():
            return parent / "shared/data"
    return None


class Server:
    """`temper serve` on the loopback interface, on a free port if none is given, ready to answer."""

    def __init__(self, *models, arguments=(), environment=None, ready_within=60, port=0):
        self.log, self._address = [], threading.Event()
        self.url = None
        clean = {key: value for key, value in os.environ.items() if not key.startswith("TEMPER_")}
        self.process = subprocess.Popen(
            [TEMPER, "serve", *map(str, models), "--port", str(port), *map(str, arguments)],
            cwd=ROOT, env=clean | (environment or {}), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._ready_within = ready_within
        deadline = time.monotonic() + ready_within
        try:
            while not self._address.wait(0.05):
                self._check_start(deadline)
            while True:
                with contextlib.suppress(requests.ConnectionError, requests.Timeout):
                    if requests.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                        return
                self._check_start(deadline)
                time.sleep(0.02)
        except BaseException:
            self.process.kill()
            raise

    def _check_start(self, deadline):
        code = self.process.poll()
        if code is not None:
            self._reader.join(5)
            raise RuntimeError(f"the server ended with {code}:\n{self.text}")
        if time.monotonic() > deadline:
            stage = f"{self.url} does not answer /readyz with 200" if self.url else "it has not said where it listens"
            raise RuntimeError(f"the server is not ready after {self._ready_within} s, {stage}:\n{self.text}")

    def _read(self):
        for line in self.process.stdout:
            self.log.append(line)
            found = re.search(r"listening on (http://[^\s\"]+:\d+)", line)
            if found and not self.url:
                self.url = found.group(1)
                self._address.set()

    @property
    def text(self):
        return "".join(self.log)

    @property
    def port(self):
        return int(self.url.rsplit(":", 1)[1])

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def stop(self):
        """Asks the server to end; returns its exit status."""
        if self.process.poll() is None:
            self.signal()
        try:
            code = self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"the server does not end on SIGTERM:\n{self.text}") from None
        self._reader.join(5)
        return code

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        code = self.stop()
        if failure[0] is None:
            assert code == 0, f"exit status {code}:\n{self.text}"

    # requests

    def get(self, path, **options):
        return requests.get(self.url + path, timeout=options.pop("timeout", 60), **options)

    def post(self, path, body, **options):
        return requests.post(self.url + path, json=body, timeout=options.pop("timeout", 120), **options)

    def complete(self, **body):
        """The answer of POST /v1/completions, which must be 200."""
        answer = self.post("/v1/completions", body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def metrics(self):
        """Values of /metrics by name, summed over labels."""
        values = {}
        answer = self.get("/metrics")
        assert answer.status_code == 200, answer.text
        for line in answer.text.splitlines():
            found = re.match(r"([a-zA-Z_:][\w:]*)(?:\{.*\})? ([^ ]+)$", line)
            if found:
                values[found.group(1)] = values.get(found.group(1), 0) + float(found.group(2))
        return values

    def running(self):
        return self.metrics()["vllm:num_requests_running"]

    def raw(self, data, wait=5.0):
        """All that comes back for these bytes until the server closes or `wait` passes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as connection:
            connection.settimeout(wait)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(data)
            answer = b""
            with contextlib.suppress(socket.timeout, ConnectionResetError):
                while piece := connection.recv(65536):
                    answer += piece
            return answer


def wait_until(condition, within):
    """Whether the condition came true in time."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def stable(value):
    """A JSON value without what may differ between two runs of one request."""
    if isinstance(value, dict):
        return {key: stable(item) for key, item in value.items() if key not in VOLATILE}
    if isinstance(value, list):
        return [stable(item) for item in value]
    return value
