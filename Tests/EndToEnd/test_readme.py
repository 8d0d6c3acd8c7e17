# SPDX-License-Identifier: Apache-2.0
"""The curl commands of the README do what it shows."""

import json
import re
import subprocess

import pytest

from support import ROOT, stable


def examples():
    """Blocks of shell that begin with curl, each with the JSON block that follows it, if one does."""
    text = (ROOT / "README.md").read_text() if (ROOT / "README.md").is_file() else ""
    blocks = re.findall(r"```(\w*)\n(.*?)```", text, flags=re.DOTALL)
    found = []
    for position, (language, body) in enumerate(blocks):
        if language in ("sh", "bash", "shell", "console", "") and re.match(r"\$? ?curl ", body):
            following = blocks[position + 1] if position + 1 < len(blocks) else ("", "")
            found.append((re.sub(r"^\$ ", "", body), following[1] if following[0] == "json" else None))
    return found


def test_the_readme_has_an_example():
    assert examples()


@pytest.mark.parametrize("command, shown", examples())
def test_the_curl_commands_of_the_readme_work(server, command, shown):
    command = re.sub(r"(localhost|127\.0\.0\.1):8080", f"127.0.0.1:{server.port}", command)
    done = subprocess.run(
        ["bash", "-c", "curl() { command curl --fail-with-body --silent --show-error --max-time 60 \"$@\"; }\n" + command],
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout
    if shown is not None:
        said, answered = stable(json.loads(shown)), stable(json.loads(done.stdout))
        for key in said:
            if key not in ("model", "system_fingerprint"):
                assert said[key] == answered[key], key
