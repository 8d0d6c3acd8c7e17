# SPDX-License-Identifier: Apache-2.0
"""The pictures of docs/tour.md. With TEMPER_TOUR=docs they are written anew."""

import os
import pathlib

import pytest
from browser import finish, run, set_lever

SIZE = {"width": 1180, "height": 900}


@pytest.fixture
def picture(tmp_path):
    folder = pathlib.Path(os.environ.get("TEMPER_TOUR", tmp_path))

    def take(page, name):
        path = folder / f"tour-{name}.jpg"
        page.screenshot(path=path, type="jpeg", quality=72)
        assert 10_000 < path.stat().st_size < 250_000
    return take


def test_complete(visit, picture):
    page = visit(**SIZE).open()
    page.locator("#prompt").fill("Once upon a time there was a little girl who")
    for name, value in {"seed": "7", "max_tokens": "70", "top_p": "0.9", "ignore_eos": "true"}.items():
        set_lever(page, name, value)
    run(page)
    page.locator("complete-view token-text .t").nth(9).click()
    page.locator(".alternative:not(.taken)").nth(1).click()
    page.locator(".run").nth(1).get_by_text("length").wait_for()
    page.locator("complete-view token-text .t").nth(40).click()
    page.locator("token-panel .alternative").nth(2).hover()
    picture(page, "complete")


def test_compare(visit, picture):
    page = visit(width=SIZE["width"], height=1760).open("#compare")
    page.get_by_role("button", name="Compare", exact=True).click()
    page.locator(".figures table").first.wait_for()
    page.locator("lane-card").nth(2).locator(".t").nth(8).click()
    page.get_by_role("button", name="Plot this place").click()
    page.locator("distribution-plot svg").wait_for()
    page.locator(".lane-tools").evaluate("tools => tools.scrollIntoView()")
    picture(page, "compare")


def test_shots(visit, picture):
    page = visit(width=SIZE["width"], height=1560).open("#shots")
    page.locator(".assembled .span").first.wait_for()
    page.get_by_role("button", name="Measure each example").click()
    page.locator("td.influence").first.wait_for()
    page.get_by_role("button", name="Draw the curve").click()
    page.locator("shot-curve tbody tr").nth(4).wait_for()
    page.locator("shot-curve", has_not_text="so far").wait_for()
    picture(page, "shots")
