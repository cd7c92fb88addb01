"""A person opens the UI, materializes the graph and watches it end: headless Chromium against a real `dagster dev`."""

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

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.support.graph import ROOT, open_lake

ARTIFACTS = ROOT / "artifacts"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
JOB_STATUS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The UI's address and the home it works in."""
    home = tmp_path_factory.mktemp("ui")
    (home / "dagster").mkdir()
    shutil.copyfile(ROOT / "dagster.yaml", home / "dagster" / "dagster.yaml")
    port = free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OCR_", "DAGSTER_"))}
    log = (home / "ui.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)],
        env={**clean, "OCR_HOME": str(home), "DAGSTER_HOME": str(home / "dagster"), "DAGSTER_DISABLE_TELEMETRY": "1"},
        cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(180):
            try:
                urllib.request.urlopen(f"{address}/server_info", timeout=2)
                break
            except (urllib.error.URLError, OSError):
                if process.poll() is not None:
                    pytest.fail(f"the UI ended: {(home / 'ui.log').read_text()[-3000:]}")
                time.sleep(1)
        else:
            pytest.fail("the UI does not answer after three minutes")
        yield address, home
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def graphql(address: str, query: str, **variables: object) -> dict:
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{address}/graphql", body, {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=30))["data"]


def all_runs(address: str) -> list[dict]:
    found = graphql(address, "{ runsOrError { ... on Runs { results { runId jobName status } } } }")
    return found["runsOrError"]["results"]


def wait_for_runs(address: str, count: int, timeout_s: float = 420) -> list[dict]:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        runs = all_runs(address)
        if len(runs) >= count and all(run["status"] in ("SUCCESS", "FAILURE", "CANCELED") for run in runs):
            return runs
        time.sleep(2)
    pytest.fail(f"runs did not end: {all_runs(address)}")


def test_the_graph_is_materialized_from_the_browser(ui: tuple[str, Path]) -> None:
    address, home = ui
    ARTIFACTS.mkdir(exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "the UI test needs chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.set_default_timeout(60_000)
        page.goto(f"{address}/asset-groups")
        page.get_by_role("button", name=re.compile("Materialize", re.I)).first.wait_for()
        page.screenshot(path=ARTIFACTS / "graph-before.png")
        page.get_by_role("button", name=re.compile("Materialize all", re.I)).first.click()
        dialog = page.locator(".dagster-portal").filter(has_text="Partition selection")
        dialog.get_by_role("button", name="All", exact=True).click()  # all partitions: every source
        launch = dialog.get_by_role("button", name=re.compile("^Launch", re.I))
        launch.wait_for()
        page.screenshot(path=ARTIFACTS / "launch.png")
        launch.click()
        runs = wait_for_runs(address, 2)
        assert {run["status"] for run in runs} == {"SUCCESS"}, runs
        page.goto(f"{address}/asset-groups")
        page.wait_for_timeout(3000)
        page.screenshot(path=ARTIFACTS / "graph-after.png")
        page.goto(f"{address}/assets/verified_triplets")
        expect(page.get_by_text("verdicts by source").first).to_be_visible()
        page.screenshot(path=ARTIFACTS / "verified_triplets.png")
        browser.close()
    with open_lake(home) as lake:
        assert lake.scalar("SELECT count(*) FROM verified_triplets") >= 160
    assert (home / "releases" / "sft_dataset" / "README.md").is_file()
