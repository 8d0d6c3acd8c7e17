# SPDX-License-Identifier: Apache-2.0
"""Example sets over HTTP: what is kept, and what a killed server has kept."""

import hashlib
import json
import os
import random
import signal
import sqlite3
import threading
import time

import requests

from support import CHAT_MODEL, Server

# A killed server starts anew in a tenth of a second; more rounds for a long look.
KILLS = int(os.environ.get("TEMPER_KILLS", "40"))
SEED = int(os.environ.get("TEMPER_KILL_SEED", str(time.time_ns())))


def canonical(examples):
    """The bytes of which a version is the digest, for a set of inputs and outputs alone."""
    body = {"description": None, "instruction": None, "template": None, "examples": examples}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def test_shipped_sets_are_there(server):
    sets = {entry["id"]: entry for entry in server.get("/v1/example-sets").json()["data"]}
    assert {"opposites", "mood", "balls"} <= set(sets)
    assert all(entry["shipped"] and entry["count"] >= 10 for entry in sets.values() if entry["shipped"])
    found = server.post("/v1/prompts/assemble", {"prompt": "wet", "shots": {"set": "opposites", "count": 3}}).json()
    assert found["assembled"][0]["text"].startswith("give the opposite\nbig -> small\n")
    assert found["assembled"][0]["set"]["version"] == sets["opposites"]["version"]


def test_a_version_is_the_digest_of_the_contents(server):
    examples = [{"input": "ä \"1\"", "output": "b\n"}]
    answer = requests.put(f"{server.url}/v1/example-sets/digest", json={"examples": examples}, timeout=30)
    assert answer.status_code == 201
    assert answer.json()["version"] == hashlib.sha256(canonical(examples)).hexdigest()
    assert requests.delete(f"{server.url}/v1/example-sets/digest", timeout=30).status_code == 204


def test_bad_requests_are_refused_quickly(server):
    for body, kind in [
        (b"input,output\na,b\nc\n", "text/csv"), (b"{\n", "application/jsonl"), (b"{", "application/json"),
        (b"input,output\n" + b'"x' * 100_000, "text/csv"), (b"\n" * 1_000_000 + b"x", "application/jsonl"),
    ]:
        start = time.monotonic()
        answer = requests.put(f"{server.url}/v1/example-sets/bad", data=body, headers={"Content-Type": kind}, timeout=30)
        assert answer.status_code == 400, answer.text
        assert time.monotonic() - start < 2
    assert server.get("/v1/example-sets/bad").status_code == 404


class Writer(threading.Thread):
    """Puts version after version of a set until the server is gone."""

    def __init__(self, url, name, first):
        super().__init__(daemon=True)
        self.url, self.name_of_set, self.number = url, name, first
        self.acknowledged, self.tried = None, None

    def run(self):
        with requests.Session() as session:
            while True:
                examples = [{"input": f"{self.number} {row}", "output": "x" * (self.number % 97)} for row in range(20)]
                self.tried = hashlib.sha256(canonical(examples)).hexdigest()
                try:
                    answer = session.put(f"{self.url}/v1/example-sets/{self.name_of_set}", json={"examples": examples},
                                         timeout=60)
                except requests.RequestException:
                    return
                if answer.status_code not in (200, 201):
                    return
                self.acknowledged = self.tried
                self.number += 1


def test_nothing_acknowledged_is_lost_in_a_kill(tmp_path):
    """Kills the server at random points while sets are written: the newest version is the last one that was answered, or
    the one that was in flight, and it is whole."""
    print(f"TEMPER_KILL_SEED={SEED}")
    draw = random.Random(SEED)
    known, numbers, written, met = {}, {}, 0, 0
    # a start takes a tenth of a second, but minutes where others take all of the machine and its disk
    options = {"arguments": ["--data", tmp_path / "sets", "--kv-memory", "4M"], "ready_within": 600}

    def check(server, round):
        for name, versions in known.items():
            found = server.get(f"/v1/example-sets/{name}", timeout=300).json()
            assert found["version"] in versions, (round, name)
            assert hashlib.sha256(canonical(found["examples"])).hexdigest() == found["version"], (round, name)

    for round in range(KILLS):
        server = Server(CHAT_MODEL, **options)
        try:
            check(server, round)
            writers = [Writer(server.url, name, numbers.get(name, 0)) for name in ("one", "two")]
            for writer in writers:
                writer.start()
            time.sleep(draw.uniform(0.0, 0.15))
        finally:
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
        for writer in writers:
            writer.join()
            before = known.get(writer.name_of_set, set())
            if writer.acknowledged:
                known[writer.name_of_set] = {writer.acknowledged, writer.tried}
            elif before:
                known[writer.name_of_set] = before | {writer.tried}
            met += writer.tried != writer.acknowledged
            written += writer.number - numbers.get(writer.name_of_set, 0)
            numbers[writer.name_of_set] = writer.number + 1
        if round % 100 == 99:
            print(f"{round + 1} kills, {met} writes unanswered, {written} answered", flush=True)
    assert written > KILLS and met > 0
    with Server(CHAT_MODEL, **options) as server:
        check(server, "after the last")
    for file in (tmp_path / "sets").glob("*.sqlite*"):
        if not file.name.endswith(("-wal", "-shm")):
            with sqlite3.connect(file) as database:
                assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
