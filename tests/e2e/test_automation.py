"""A folder changes and the real daemon takes notice: its sensor has the source read, conditions carry on, and then all is quiet."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_ui import graphql, of_two_problems
from tests.support.graph import open_lake
from tests.support.ui import running_ui

# The conditions of the whole graph are driven by ticks in tests/unit/test_automation_ticks.py; here it is the daemon that counts.
RUNS = "{ runsOrError { ... on Runs { results { runId jobName status tags { key value } } } } }"
MADE = "{ assetNodes { assetKey { path } assetMaterializations(limit: 100) { runId partition } } }"


def runs(address: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = graphql(address, RUNS)["runsOrError"]["results"]
    assert not {run["status"] for run in found} & {"FAILURE", "CANCELED"}, found
    return found


def until(address: str, condition: Callable[[list[dict[str, Any]]], bool], timeout_s: float = 500) -> list[dict[str, Any]]:
    """The runs, as soon as they are as wanted."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = runs(address)
        if condition(found):
            return found
        time.sleep(3)
    pytest.fail(f"not as wanted after {timeout_s} s: {runs(address)}")


def sensed(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The runs that the source's sensor asked for."""
    return [run for run in found if {"key": "dagster/sensor_name", "value": "watch_local"} in run["tags"]]


def all_ended(found: list[dict[str, Any]]) -> bool:
    return bool(found) and {run["status"] for run in found} == {"SUCCESS"}


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_a_changed_folder_is_read_and_what_follows_is_refreshed_once(tmp_path: Path) -> None:
    settings = {**of_two_problems(tmp_path), "OCR_EVALUATED": "none", "OCR_SANDBOX": "docker"}
    with running_ui(tmp_path, **settings, OCR_WATCH="local", OCR_CONDITIONS="true") as address:
        until(address, lambda found: len(sensed(found)) == 1 and all_ended(found))
        with open_lake(tmp_path) as lake:
            assert lake.rows("SELECT verdict, count(*) AS rows FROM verified_triplets GROUP BY ALL") == [
                {"verdict": "accepted", "rows": 2}
            ]
        made = {node["assetKey"]["path"][0]: node["assetMaterializations"] for node in graphql(address, MADE)["assetNodes"]}
        assert {event["partition"] for event in made["raw_problems"]} == {"taco", "apps", "code_contests", "codeforces", "local"}
        assert not made["synthetic_questions"] and not made["finetuned_model"], "a person decides about these"

        file = tmp_path / "problems" / "train.jsonl"
        rows = file.read_text().splitlines()
        third = {**json.loads(rows[0]), "problem_id": "difference", "statement": "Read two numbers and print their difference."}
        file.write_text("\n".join([*rows, json.dumps(third)]) + "\n")
        until(address, lambda found: len(sensed(found)) == 2 and all_ended(found))
        with open_lake(tmp_path) as lake:
            assert lake.scalar("SELECT count(*) FROM clean_problems") == 3
        time.sleep(45)  # a tick of each sensor: what follows the change may start
        before = until(address, all_ended)
        time.sleep(70)  # two more: then all is quiet
        assert len(runs(address)) == len(before)
        assert len(sensed(before)) == 2, "one at the first sight of the folder, one for the change"
