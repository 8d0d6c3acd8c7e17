# SPDX-License-Identifier: Apache-2.0
"""What the page costs a browser, measured against a real server: frames while lanes of 2,000 tokens stream, memory over many
runs, and the first paint. Prints the figures; exits with 1 if one misses its mark."""

import argparse
import contextlib
import json
import pathlib
import platform
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Tests/EndToEnd"))

from browser import Visitor, find_browser, finish, run, set_lever
from playwright.sync_api import sync_playwright
from random_model import write_random_model
from support import Server

TOKENS = 2000
# Notes the time of every frame from the click to the end of the last lane.
FRAMES = """async (button) => {
    const frames = [];
    let isOn = true;
    const note = (now) => { frames.push(now); if (isOn) requestAnimationFrame(note); };
    requestAnimationFrame(note);
    const buttons = [...document.querySelectorAll("button")].filter((one) => one.checkVisibility());
    buttons.find((one) => one.textContent === button).click();
    while (!(DONE)) await new Promise((resolve) => setTimeout(resolve, 50));
    isOn = false;
    return frames;
}"""


def frame_figures(frames):
    """Frames per second over the whole time and in the slowest second, and the longest frame in ms."""
    gaps = [after - before for before, after in zip(frames, frames[1:])]
    if frames[-1] - frames[0] < 2000:
        raise SystemExit(f"{TOKENS} tokens came in {frames[-1] - frames[0]:.0f} ms, too fast to count frames: more --layers")
    slowest, start = float("inf"), 0
    for end, time in enumerate(frames):
        while time - frames[start] > 1000:
            start += 1
        if time - frames[0] >= 1000:
            slowest = min(slowest, (end - start) * 1000 / (time - frames[start]))
    return {
        "seconds": (frames[-1] - frames[0]) / 1000, "mean_fps": 1000 * len(gaps) / (frames[-1] - frames[0]),
        "slowest_second_fps": slowest, "longest_frame_ms": max(gaps),
        "frames_over_20_ms": sum(gap > 20 for gap in gaps) / len(gaps),
    }


def measure_frames(visitor):
    """Two lanes of 2,000 tokens beside one another, then one such answer in Complete."""
    found = {}
    page = visitor.open("#compare")
    page.get_by_label("Prompt", exact=True).locator("visible=true").fill("Once")
    page.get_by_label("Tokens at most").locator("visible=true").fill(str(TOKENS))
    page.get_by_label("Samples a lane").fill("1")
    page.get_by_role("button", name="Remove lane C").click()
    for letter in "AB":
        page.get_by_role("button", name=f"Levers of lane {letter}").click()
        for name, value in {"temperature": "1", "ignore_eos": "true"}.items():
            set_lever(page, name, value, view="dialog")
        page.get_by_role("button", name="Use these").click()
    found["compare"] = frame_figures(page.evaluate(
        FRAMES.replace("DONE", "document.querySelector('.figures table') !== null"), "Compare"))
    assert page.locator("lane-card .t").count() == 2 * TOKENS
    page = visitor.open("#complete")
    page.locator("#prompt").fill("Once")
    for name, value in {"max_tokens": str(TOKENS), "ignore_eos": "true"}.items():
        set_lever(page, name, value)
    found["complete"] = frame_figures(page.evaluate(
        FRAMES.replace("DONE", "document.querySelector('complete-view .facts').textContent.includes('ended by')"), "Run"))
    assert page.locator("complete-view .result token-text .t").count() == TOKENS
    return found


def measure_memory(visitor, runs):
    """Bytes of the heap and nodes per run that is kept, over `runs` runs of 32 tokens, with the first ten left out."""
    page = visitor.open()
    page.locator("#prompt").fill("Once upon a time")
    set_lever(page, "max_tokens", "32")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    taken = []
    for number in range(runs):
        run(page)
        finish(page)
        if number % 10 == 9:
            session.send("HeapProfiler.collectGarbage")
            found = {entry["name"]: entry["value"] for entry in session.send("Performance.getMetrics")["metrics"]}
            taken.append((found["JSHeapUsedSize"], found["Nodes"], found["JSEventListeners"]))
    # Then all of them are removed: what is left must be about what was there at the start.
    while page.locator(".run").count():
        page.locator("run-tree .clear").first.click()
    session.send("HeapProfiler.collectGarbage")
    found = {entry["name"]: entry["value"] for entry in session.send("Performance.getMetrics")["metrics"]}
    count = runs - 10
    return {
        "heap_bytes": [heap for heap, _, _ in taken], "heap_bytes_per_run": (taken[-1][0] - taken[0][0]) / count,
        "nodes_per_run": (taken[-1][1] - taken[0][1]) / count, "listeners_per_run": (taken[-1][2] - taken[0][2]) / count,
        "heap_bytes_without_runs": found["JSHeapUsedSize"],
    }


def measure_paint(browser, url, visits=15):
    """Milliseconds from navigation to the first paint with content, and until the levers stand there, cache empty."""
    paints, forms = [], []
    for _ in range(visits):
        with Visitor(browser, url) as visitor:
            page = visitor.page
            page.add_init_script("""new MutationObserver((_, observer) => {
                if (!document.querySelector("lever-form .lever")) return;
                requestAnimationFrame(() => { window.formReady = performance.now(); });
                observer.disconnect();
            }).observe(document, { childList: true, subtree: true });""")
            visitor.open()
            page.wait_for_function("window.formReady !== undefined")
            page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
            paints.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
            forms.append(page.evaluate("window.formReady"))
    return {"first_paint_ms": statistics.median(paints), "first_paint_ms_most": max(paints),
            "levers_ready_ms": statistics.median(forms), "levers_ready_ms_most": max(forms)}


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=50, help="runs over which memory is watched")
    options.add_argument("--layers", type=int, default=8, help="of the random model: how slowly it writes")
    options.add_argument("--json", type=pathlib.Path, help="a file for the figures")
    options = options.parse_args()
    if options.runs < 20:
        raise SystemExit("--runs: at least 20")
    program = find_browser()
    if program is None:
        raise SystemExit("no Chromium is on the PATH: apt-get install chromium")
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model = write_random_model(folder, width=512, layers=options.layers, context=4096)
        # one core for the model, so that the browser has another
        server = stack.enter_context(Server(model, arguments=["--threads", "1"]))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=program, chromium_sandbox=False)
        stack.callback(browser.close)
        figures = {"browser": browser.version, "machine": platform.machine()}
        figures["paint"] = measure_paint(browser, server.url)
        for name, work in {"frames": measure_frames, "memory": lambda visitor: measure_memory(visitor, options.runs)}.items():
            with Visitor(browser, server.url, width=1600) as visitor:
                figures[name] = work(visitor)
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    marks = [
        ("frames per second in the slowest second, two lanes", figures["frames"]["compare"]["slowest_second_fps"], ">=", 50),
        ("frames per second in the slowest second, one answer", figures["frames"]["complete"]["slowest_second_fps"], ">=", 50),
        ("first paint in ms, median", figures["paint"]["first_paint_ms"], "<", 300),
        ("heap per kept run in kB", figures["memory"]["heap_bytes_per_run"] / 1000, "<", 400),
    ]
    missed = 0
    for name, value, sign, mark in marks:
        is_met = value >= mark if sign == ">=" else value < mark
        missed += not is_met
        print(f"{'met   ' if is_met else 'MISSED'} {name}: {value:.1f} {sign} {mark}")
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()
