"""A person opens the UI, materializes the graph and watches it end: headless Chromium against a real `dagster dev`."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.graph import ROOT, open_lake
from tests.support.ui import browser_page, graphql, running_ui, take_pictures

ARTIFACTS = ROOT / "artifacts"
pytestmark = pytest.mark.long  # each step is a process of four seconds; one asset of the demo is materialized in test_demo.py


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The UI's address and the home it works in. Two problems are enough: the whole corpus goes through the graph in test_demo.py."""
    home = tmp_path_factory.mktemp("ui")
    with running_ui(home, **of_two_problems(home)) as address:
        yield address, home


def of_two_problems(home: Path) -> dict[str, str]:
    """Settings of a project with two problems and an answer to each, and nothing answered that is asked for besides."""
    (home / "problems").mkdir()
    (home / "answers").mkdir()
    with (home / "problems" / "train.jsonl").open("w") as problems, (home / "answers" / "r1.jsonl").open("w") as answers:
        for name, sign in (("sum", "+"), ("product", "*")):
            results = [str(eval(f"{a} {sign} {b}")) for a, b in ((2, 3), (7, 5))]
            tests = [
                {"kind": "stdin", "input": f"{numbers}\n", "output": f"{result}\n"}
                for numbers, result in zip(("2 3", "7 5"), results, strict=True)
            ]
            row = {
                "problem_id": name,
                "statement": f"Read two numbers and print their {name}.",
                "license": "CC0-1.0",
                "tests": tests,
            }
            problems.write(json.dumps(row) + "\n")
            content = f"<think>The {name}.</think>\n```python\na, b = map(int, input().split())\nprint(a {sign} b)\n```"
            answers.write(json.dumps({"alias": f"local/train/{name}|python|0", "content": content}) + "\n")
    return {
        **{f"OCR_{name}": " " for name in ("TACO", "APPS", "CODE_CONTESTS", "CODEFORCES")},
        "OCR_LOCAL": str(home / "problems"),
        "OCR_RECORDINGS": str(home / "answers"),
    }


def wait_for_all_assets(address: str, timeout_s: float = 540) -> None:
    """Until each asset has been materialized, whichever runs that took; fails with a run that failed."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        nodes = graphql(address, "{ assetNodes { assetKey { path } assetMaterializations(limit: 1) { timestamp } } }")[
            "assetNodes"
        ]
        missing = [node["assetKey"]["path"] for node in nodes if not node["assetMaterializations"]]
        runs = graphql(address, "{ runsOrError { ... on Runs { results { runId jobName status } } } }")["runsOrError"]["results"]
        assert not {run["status"] for run in runs} & {"FAILURE", "CANCELED"}, runs
        if not missing and all(run["status"] == "SUCCESS" for run in runs):
            return
        time.sleep(2)
    pytest.fail(f"not materialized: {missing}; runs: {runs}")


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
        wait_for_all_assets(address)
        page.goto(f"{address}/asset-groups")
        page.wait_for_timeout(3000)
        page.screenshot(path=ARTIFACTS / "graph-after.png")
        page.goto(f"{address}/assets/verified_triplets")
        expect(page.get_by_text("verdicts by source").first).to_be_visible()
        page.screenshot(path=ARTIFACTS / "verified_triplets.png")
        take_pictures(page, address, ARTIFACTS / "pictures")
    with open_lake(home) as lake:
        assert lake.rows("SELECT verdict, count(*) AS rows FROM verified_triplets GROUP BY ALL") == [
            {"verdict": "accepted", "rows": 2}
        ]
    assert (home / "releases" / "sft_dataset" / "current" / "README.md").is_file()
