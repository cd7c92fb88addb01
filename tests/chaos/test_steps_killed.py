"""kill -9 of each asset's step at random moments: the tables and releases of a run that nobody disturbed."""

import json
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.e2e.test_ui import of_two_problems
from tests.support.graph import ROOT, TO_THE_RELEASE, command, only, open_lake, run
from tests.support.size import size

KILLS = size(3, 6)
STEPS = (*TO_THE_RELEASE, "synthetic_questions", "kodcode_v1")  # with a release of no rows
KILLED = (
    "raw_problems", "verified_triplets", "sft_dataset", "deduped_problems", "contamination_report", "clean_problems",
    "r1_traces", "solutions", "suite_quality", "verdicts", "sft_dataset", "kodcode_v1",
)[:KILLS]  # fmt: skip
LONGEST_S = 6.0  # that a step is left alive; most take less

# Of each run its own: names and times, what was measured, and the number of a commit.
OWN_TABLES = {"run", "run_io", "stage_count", "dataset_version"}
OWN_COLUMNS = {
    "created_at", "run_id", "snapshot", "endpoint", "latency_s", "attempts", "cpu_s", "memory_mb", "host_speed", "python_need_s",
    "cpp_need_s", "wall_s", "graded_at",
}  # fmt: skip


def lasting(value: Any) -> Any:
    """What two runs have in common of a value."""
    if isinstance(value, dict):
        return {name: lasting(part) for name, part in value.items() if name not in OWN_COLUMNS}
    return [lasting(part) for part in value] if isinstance(value, list) else value


def tables(home: Path) -> dict[str, Any]:
    """Every table, and how many rows the funnel counts and the versions say."""
    with open_lake(home) as lake:
        names = [
            row["table_name"]
            for row in lake.rows(
                "SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake' AND NOT temporary ORDER BY table_name"
            )
        ]
        assert {"raw_problems", "record_edge", "released_row"} <= set(names)
        found = {
            name: sorted(json.dumps(lasting(row), default=str, sort_keys=True) for row in lake.rows(f"FROM {name}"))
            for name in names
            if name not in OWN_TABLES
        }
        found["funnel"] = lake.rows("FROM funnel ORDER BY ALL")
        for name, data_version in lake.versions().items():
            if name in found:
                assert lake.state(name) == (len(found[name]), data_version), name
        return found


def released(home: Path) -> dict[str, Any]:
    """Every file of every release, and where ``current`` leads."""
    folder = home / "releases"
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.suffix == ".parquet":
            found[name] = lasting(pq.read_table(path).to_pylist())
        elif path.name == "manifest.json":
            found[name] = lasting(json.loads(path.read_text()))
            del found[name]["files"]  # hashes of what is compared here
        elif path.is_file():
            found[name] = ""  # the card: times and names of runs among its text
    return found


def kill_step(step: str, home: Path, chance: random.Random, **environment: str) -> bool:
    """Run the graph up to a step and kill it a random while after the step began; whether it was still alive then."""
    upto = STEPS[: STEPS.index(step) + 1]
    line, env = command("run", *only(*upto), home=home, **environment)
    process = subprocess.Popen(line, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    said = []
    for text in process.stdout:
        said.append(text)
        if text.split()[:2] == ["▸", step]:
            time.sleep(chance.uniform(0, LONGEST_S))
            break
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    if not alive and process.returncode != 0:
        pytest.fail(f"it failed before it was killed: {''.join(said)[-3000:]}")
    return alive


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_a_graph_whose_steps_are_killed_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    source, undisturbed, killed = tmp_path / "source", tmp_path / "undisturbed", tmp_path / "killed"
    source.mkdir()
    environment = {**of_two_problems(source), "OCR_SANDBOX": "docker"}
    run("run", *only(*STEPS), home=undisturbed, **environment)
    chance = random.Random(5)
    hits = sum(kill_step(step, killed, chance, **environment) for step in KILLED)
    assert hits >= len(KILLED) / 2, "most kills came too late"
    run("run", *only(*STEPS), home=killed, **environment)
    for found, wanted in ((tables(killed), tables(undisturbed)), (released(killed), released(undisturbed))):
        assert found.keys() == wanted.keys()
        for name, rows in wanted.items():
            assert found[name] == rows, name
    assert not list((killed / "lake" / "journal").rglob("*.jsonl"))
