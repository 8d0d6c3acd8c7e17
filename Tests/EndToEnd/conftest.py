# SPDX-License-Identifier: Apache-2.0

import contextlib

import openai
import pytest

from browser import Visitor, find_browser
from random_model import write_random_model
from support import CHAT_MODEL, TEMPER, Server, data_folder, default_model


def pytest_configure(config):
    if not TEMPER.is_file():
        raise pytest.UsageError(f"{TEMPER} is not there: build first (make build), or say where it is in TEMPER_BIN")


@pytest.fixture(scope="session")
def server():
    """The shipped model."""
    with Server(default_model()) as running:
        yield running


@pytest.fixture(scope="session")
def chat_server():
    """A tiny random model with a vocabulary and a ChatML template."""
    with Server(CHAT_MODEL) as running:
        yield running


@pytest.fixture(scope="session")
def slow_folder(tmp_path_factory):
    """A checkpoint so large, with a context so long, that no machine ends an answer before somebody stops it: 150 MB are
    read for each of 4,000 tokens."""
    return write_random_model(tmp_path_factory.mktemp("slow"), width=1024, layers=6, context=4096)


@pytest.fixture(scope="session")
def slow_server(slow_folder):
    with Server(slow_folder) as running:
        yield running


@pytest.fixture(scope="session")
def stories_folder():
    folder = data_folder()
    if folder is None or not (folder / "checkpoints/stories260K/stories260K.bin").is_file():
        pytest.skip("stories260K is not here: set TEMPER_DATA to the folder of test data")
    return folder / "checkpoints/stories260K"


@pytest.fixture(scope="session")
def stories(stories_folder):
    with Server(stories_folder / "stories260K.bin") as running:
        yield running


def make_client(server, **options):
    return openai.OpenAI(base_url=f"{server.url}/v1", **{"api_key": "none", "max_retries": 0, "timeout": 60} | options)


@pytest.fixture
def client(server):
    with make_client(server) as made:
        yield made


@pytest.fixture
def chat_client(chat_server):
    with make_client(chat_server) as made:
        yield made


@pytest.fixture(scope="session")
def model(server):
    return server.get("/v1/models").json()["data"][0]["id"]


@pytest.fixture(scope="session")
def chat_model(chat_server):
    return chat_server.get("/v1/models").json()["data"][0]["id"]


@pytest.fixture(scope="session")
def browser():
    """A Chromium without a window; tests that want one are skipped where there is none."""
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium is on the PATH: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is missing")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, chromium_sandbox=False)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, server):
    """Opens visits to the shipped model's server, or to another."""
    with contextlib.ExitStack() as visits:
        def make(other=None, **options):
            return visits.enter_context(Visitor(browser, (other or server).url, **options))
        yield make
