# SPDX-License-Identifier: Apache-2.0

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Models"))


@pytest.fixture(scope="session")
def sample():
    """Some documents of every source."""
    from corpus.draw import Draw
    from corpus.mixture import SOURCES

    return {name: [make(Draw(5, name, number)) for number in range(400)] for name, (make, _) in SOURCES.items()}
