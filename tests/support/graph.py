"""The graph run once on the bundled corpus, for all tests that only look at the result."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from ocr_assets.platform.lake import project_lake
from resources.lake import Lake

ROOT = Path(__file__).resolve().parents[2]


def command(*arguments: str, home: Path, **environment: str) -> tuple[list[str], Mapping[str, str]]:
    """The ``ocr-assets`` command line and its environment; settings of the caller's shell are left out."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OCR_", "DAGSTER_"))}
    return [sys.executable, "-m", "ocr_assets.cli", *arguments], {**clean, "OCR_HOME": str(home), **environment}


def run(*arguments: str, home: Path, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    line, env = command(*arguments, home=home, **environment)
    done = subprocess.run(line, env=env, cwd=ROOT, capture_output=True, text=True, timeout=900)
    if check and done.returncode:
        pytest.fail(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-5000:]}")
    return done


def only(*names: str) -> list[str]:
    """Words of the command line that choose these assets."""
    return [word for name in names for word in ("--only", name)]


# The way from problems to the release of traces, without synthesized problems, training and evaluation.
TO_THE_RELEASE = (
    "raw_problems", "deduped_problems", "contamination_report", "clean_problems", "r1_traces", "solutions", "suite_validation",
    "suite_quality", "verdicts", "verified_triplets", "token_statistics", "sft_dataset",
)  # fmt: skip


def open_lake(home: Path) -> Lake:
    """The lake of a home, with the project's tables and macros."""
    return project_lake(home / "lake")


def undeclared_reads(lake: Lake) -> list[tuple[str, str]]:
    """Pairs of an asset and a table that it read in a run, though no path of the graph's dependencies leads from what writes the
    table to the asset.

    Exempt are tables that no asset wrote in any run (decisions of people; an index that nothing needed yet), and the job that
    samples more traces where verdicts say so: it reads what its last run led to.
    """
    from ocr_assets.definitions import build_definitions

    graph = build_definitions().resolve_asset_graph()
    reaches = {
        key.to_user_string(): {key.to_user_string(), *(parent.to_user_string() for parent in graph.get_ancestor_asset_keys(key))}
        for key in graph.get_all_asset_keys()
    }
    writers: dict[str, set[str]] = {}
    for row in lake.rows("SELECT DISTINCT stage, dataset FROM run_io WHERE direction = 'output'"):
        writers.setdefault(row["dataset"], set()).add(row["stage"])
    return [
        (row["stage"], row["dataset"])
        for row in lake.rows(
            "SELECT DISTINCT stage, dataset FROM run_io JOIN run USING (run_id) "
            "WHERE direction = 'input' AND job <> 'sample_until_passing' ORDER BY ALL"
        )
        if row["stage"] in reaches and row["dataset"] in writers and not writers[row["dataset"]] & reaches[row["stage"]]
    ]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A home in which the whole graph ran on the bundled corpus, and what the run printed."""
    home = tmp_path_factory.mktemp("demo")
    return home, run("run", home=home, OCR_SANDBOX="docker")
