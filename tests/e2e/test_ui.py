"""A person opens the UI, materializes the graph and watches it end: headless Chromium against a real `dagster dev`."""

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.graph import ROOT, open_lake
from tests.support.ui import browser_page, running_ui, take_pictures

ARTIFACTS = ROOT / "artifacts"
JOB_STATUS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The UI's address and the home it works in. One source is enough: the whole corpus goes through the graph in test_demo.py."""
    home = tmp_path_factory.mktemp("ui")
    without = {f"OCR_{name}": " " for name in ("APPS", "CODE_CONTESTS", "CODEFORCES")}
    with running_ui(home, **without) as address:
        yield address, home


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
    with browser_page() as page:
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
        take_pictures(page, address, ARTIFACTS / "pictures")
    with open_lake(home) as lake:
        assert lake.scalar("SELECT count(*) FROM verified_triplets") >= 50
    assert (home / "releases" / "sft_dataset" / "README.md").is_file()
