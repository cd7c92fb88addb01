"""Dagster's UI over a home, a browser to look at it with, and the pictures of it that docs/ shows.

``python -m tests.support.ui HOME FOLDER`` (``make screenshots``) takes the pictures of a home in which the graph has run.
"""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.support.graph import ROOT, command

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
BYTES_OF_A_PICTURE = 200_000  # in docs/, which everyone clones


@contextlib.contextmanager
def running_ui(home: Path, **settings: str) -> Iterator[str]:
    """The address of ``ocr-assets ui`` in this home, which is stopped afterwards; ``settings`` are environment variables of ours.
    Raises ``RuntimeError`` if it does not start."""
    port = free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OCR_", "DAGSTER_"))}
    log = home / "ui.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "ocr_assets.cli", "ui", "--port", str(port)],
            env={**clean, "OCR_HOME": str(home), **settings},
            cwd=ROOT, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(180):
            try:
                urllib.request.urlopen(f"{address}/server_info", timeout=2).close()
                break
            except (urllib.error.URLError, OSError):
                if process.poll() is not None:
                    raise RuntimeError(f"the UI ended: {log.read_text()[-3000:]}") from None
                time.sleep(1)
        else:
            raise RuntimeError("the UI does not answer after three minutes")
        yield address
    finally:
        # Its daemon waits a minute for its threads; nothing that a test looks at comes of it.
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def graphql(address: str, query: str, **variables: object) -> dict[str, Any]:
    """What the UI's server answers."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{address}/graphql", body, {"Content-Type": "application/json"})
    answer = json.load(urllib.request.urlopen(request, timeout=60))
    assert "errors" not in answer, answer
    data: dict[str, Any] = answer["data"]
    return data


def wait_for_runs(address: str, jobs: int, timeout_s: float = 300) -> None:
    """Until as many runs as ``jobs`` were started there by a person, and have ended well. Raises ``RuntimeError``."""
    query = (
        '{ runsOrError(filter: {tags: [{key: "dagster/from_ui", value: "true"}]}) { ... on Runs { results { runId status } } } }'
    )
    deadline = time.monotonic() + timeout_s
    while True:
        states = [run["status"] for run in graphql(address, query)["runsOrError"]["results"]]
        if {"FAILURE", "CANCELED"} & {*states} or time.monotonic() > deadline:
            raise RuntimeError(f"runs ended as {states}")
        if len(states) >= jobs and {*states} == {"SUCCESS"}:
            return
        time.sleep(1)


@contextlib.contextmanager
def running_viewer(home: Path) -> Iterator[str]:
    """The address of ``ocr-assets view`` over this home, which is stopped afterwards. Raises ``RuntimeError`` if it does not start."""
    port = free_port()
    line, environment = command("view", "--port", str(port), home=home)
    log = home / "viewer.log"
    with log.open("wb") as file:
        process = subprocess.Popen(line, env=environment, cwd=ROOT, stdout=file, stderr=file, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
                break
            except (urllib.error.URLError, OSError):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the viewer did not start: {log.read_text()[-3000:]}") from None
                time.sleep(0.2)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def free_port() -> int:
    """A port of this machine that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def browser_page(width: int = 1600, height: int = 1000) -> Iterator[Page]:
    """A page of the system's Chromium, headless."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "pictures of the UI need chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def take_pictures(page: Page, address: str, folder: Path) -> None:
    """The pictures of docs/: the graph, and what an asset shows of its last materialization."""
    folder.mkdir(parents=True, exist_ok=True)
    size = page.viewport_size
    page.set_viewport_size({"width": 2800, "height": 2200})  # in a smaller one the graph is drawn too small for names
    page.goto(f"{address}/asset-groups")
    page.get_by_role("button", name=re.compile("Materialize", re.I)).first.wait_for()
    page.wait_for_timeout(3000)
    page.keyboard.press("Alt+e")  # opens all groups
    page.get_by_text("deduped_problems").first.wait_for()
    page.wait_for_timeout(5000)  # the graph slides into its place
    save(page.screenshot(), folder / "graph.png")
    page.set_viewport_size(size or {"width": 1600, "height": 1000})
    for asset, name in (("clean_problems", "rows by outcome"), ("verified_triplets", "verdicts by source")):
        page.goto(f"{address}/assets/{asset}")
        entry = page.locator("tr").filter(has_text=name).last
        entry.scroll_into_view_if_needed()
        page.wait_for_timeout(2000)
        if asset == "clean_problems":  # its table of what was kept and dropped
            save(page.screenshot(), folder / f"{asset}.png")
            continue
        entry.get_by_text("[Show Markdown]").first.click()
        page.wait_for_timeout(3000)
        save(page.screenshot(), folder / f"{asset}.png")


def take_viewer_picture(page: Page, address: str, name: str, folder: Path) -> None:
    """The picture of the viewer: a problem's responses side by side. ``name``: any of the problem's names."""
    folder.mkdir(parents=True, exist_ok=True)
    page.goto(f"{address}/?problem={name}")
    page.get_by_text("side by side").first.wait_for()
    page.wait_for_timeout(4000)
    page.get_by_text("side by side").first.evaluate("place => place.scrollIntoView()")
    page.wait_for_timeout(1000)
    save(page.screenshot(), folder / "viewer.png")


def save(png: bytes, path: Path) -> None:
    """Write a picture with at most 64 colours: small, and a page of text loses nothing by it."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(64).save(buffer, "PNG", optimize=True)
    assert buffer.tell() <= BYTES_OF_A_PICTURE, f"{path.name} would have {buffer.tell():,} bytes"
    path.write_bytes(buffer.getvalue())


if __name__ == "__main__":
    home, folder = map(Path, sys.argv[1:])
    with running_ui(home.resolve()) as address, browser_page(1600, 900) as page:
        take_pictures(page, address, folder)
    with running_viewer(home.resolve()) as address, browser_page(1600, 1000) as page:
        take_viewer_picture(page, address, "taco/train/0", folder)
