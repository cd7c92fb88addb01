"""A month in minutes, over the real daemon: sources grow, shrink and change, settings change, releases are made, a run is killed.

What is asked of the teacher is counted at its server; at the end every released row of every version leads to a line of a file,
and each stage has accounted for each row.
"""

import json
import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_teacher import FakeTeacher
from tests.support.graph import TO_THE_RELEASE, command, only, open_lake, run
from tests.support.ui import browser_page, running_ui

pytestmark = pytest.mark.long

ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts" / "month"
SIGNS = {"sum": "+", "product": "*", "difference": "-", "remainder": "%", "quotient": "//", "power": "**"}


class Project:
    """A project folder with ``ocr.toml``, own problems, and a teacher that counts what it is asked."""

    def __init__(self, folder: Path, teacher: str) -> None:
        self.folder, self.home, self._teacher = folder, folder / "home", teacher
        (folder / "problems").mkdir(parents=True)
        self.home.mkdir()
        self.samples = 2
        self.releases = {"everything": "", "passing": 'keep = "accepted"\n'}
        self.settings = {"OCR_PROJECT": str(folder / "ocr.toml")}

    def write(self) -> None:
        """``ocr.toml`` as the settings are now."""
        releases = "".join(f'\n[releases.{name}]\nprofile = "ocr"\n{more}' for name, more in self.releases.items())
        (self.folder / "ocr.toml").write_text(
            f'[lake]\nhome = "home"\n\n[sources]\ntaco = ""\napps = ""\ncode_contests = ""\ncodeforces = ""\nlocal = "problems"\n\n'
            f'[teacher]\nkind = "endpoint"\nurl = "{self._teacher}"\nmodel = "r1"\nmax_requests = 60\n\n'
            f"[r1_traces]\npython_samples = {self.samples}\ncpp_samples = 0\n\n"
            f'[automation]\nwatch = "local"\n{releases}',
            encoding="utf-8",
        )

    def put(self, **wordings: str) -> None:
        """The problems of the source: name → what the statement calls it."""
        lines = [json.dumps(_problem(name, wording)) for name, wording in wordings.items()]
        (self.folder / "problems" / "train.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")

    def run(self, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return run("run", *words, home=self.home, **{**self.settings, **settings})

    def ask(self, query: str) -> list[dict[str, Any]]:
        with open_lake(self.home) as lake:
            return lake.rows(query)


def _problem(name: str, wording: str) -> dict[str, Any]:
    tests = [
        {"kind": "stdin", "input": f"{a} {b}\n", "output": f"{eval(f'{a} {SIGNS[name]} {b}')}\n"} for a, b in ((7, 2), (9, 4))
    ]
    return {"problem_id": name, "statement": f"Read two numbers, print their {wording}.", "license": "CC0-1.0", "tests": tests}


class Teacher:
    """Answers rightly the first time it is asked for a problem, wrongly the next. ``asked``: statement → how often."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def __call__(self, body: dict[str, Any]) -> str:
        (wording,) = re.findall(r"print their (\w+(?: \w+)*)\.", json.dumps(body["messages"]))
        self.asked[wording] += 1
        sign = next(sign for name, sign in SIGNS.items() if name in wording)
        shown = "a, b" if self.asked[wording] == 2 else f"a {sign} b"
        return f"<think>The {wording}.</think>\n```python\na, b = map(int, input().split())\nprint({shown})\n```"


@contextmanager
def teacher() -> Iterator[tuple[Teacher, str]]:
    answers = Teacher()
    with FakeTeacher(answers) as server:
        yield answers, server.url


def until(project: Project, query: str, wanted: object, seconds: float = 420) -> None:
    """Wait until the query's first value is as wanted."""
    deadline = time.monotonic() + seconds
    found: object = None
    while time.monotonic() < deadline:
        if (project.home / "lake" / "catalog.sqlite").is_file():
            rows = project.ask(query)
            found = next(iter(rows[0].values())) if rows else None
            if found == wanted:
                return
        time.sleep(3)
    pytest.fail(f"{query}: {found}, not {wanted}; the UI's log:\n{(project.home / 'ui.log').read_text()[-4000:]}")


def killed(project: Project, *words: str, when: Callable[[], bool]) -> None:
    """A run whose process is killed when something is so."""
    line, environment = command("run", *words, home=project.home, **project.settings)
    process = subprocess.Popen(
        line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while not when():
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.05)
    time.sleep(0.5)  # an answer is on disk a moment after it was sent
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


RELEASED = "SELECT rows FROM release_version WHERE release = '{}' ORDER BY number DESC LIMIT 1"
CHAIN = [*TO_THE_RELEASE[:-1], "everything", "passing"]


@pytest.mark.timeout(2400)
def test_a_month(tmp_path: Path) -> None:
    with teacher() as (answers, url):
        project = Project(tmp_path / "project", url)
        project.write()
        project.put(sum="sum", product="product", difference="difference")

        with running_ui(project.home, **project.settings) as address:
            # Week one: the folder is seen, read and released by itself.
            until(project, RELEASED.format("everything"), 6)
            assert answers.asked == {"sum": 2, "product": 2, "difference": 2}

            # Week two: one problem more, one gone, one reworded, by itself again.
            project.put(sum="sum", difference="difference of both", remainder="remainder")
            until(project, "SELECT count(*) FROM release_version WHERE release = 'everything'", 2)
            _photograph(address)
        expected = {"sum": 2, "product": 2, "difference": 2, "difference of both": 2, "remainder": 2}
        assert answers.asked == expected

        # Week three: more samples, and a release of its own; what exists is left alone.
        versions = project.ask("SELECT release, number, version FROM release_version ORDER BY ALL")
        project.samples = 3
        project.releases["shortest"] = 'keep = "accepted"\nper_problem = 1\nprefer = "shortest"\n'
        project.write()
        project.run(*only(*CHAIN, "shortest"))
        expected |= {"sum": 3, "difference of both": 3, "remainder": 3}
        assert answers.asked == expected
        assert project.ask(RELEASED.format("shortest"))[0]["rows"] == 3
        kept = project.ask("SELECT release, number, version FROM release_version ORDER BY ALL")
        assert all(version in kept for version in versions)

        # Week four: a run is killed when its answers have come; the next one pays for nothing again.
        project.put(sum="sum", difference="difference of both", remainder="remainder", power="power")
        killed(project, *only(*CHAIN), when=lambda: answers.asked["power"] == 3)
        project.run(*only(*CHAIN, "shortest"))
        expected["power"] = 3
        assert answers.asked == expected
        project.run(*only(*CHAIN, "shortest"))
        assert answers.asked == expected

        _all_released_rows_lead_to_a_line(project)
        _each_stage_accounts_for_each_row(project)
        gone = project.ask("SELECT why FROM row_gone WHERE dataset = 'raw_problems'")
        assert len(gone) == 2, "product, and the old wording of difference"


def _photograph(address: str) -> None:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    with browser_page() as page:
        for name, path in (
            ("assets", "asset-groups"),
            ("runs", "runs"),
            ("automation", "automation"),
            ("release", "assets/everything"),
        ):
            page.goto(f"{address}/{path}")
            page.wait_for_timeout(4000)
            page.screenshot(path=ARTIFACTS / f"{name}.png")


def _all_released_rows_lead_to_a_line(project: Project) -> None:
    rows = project.ask("SELECT DISTINCT release, id FROM released_row ORDER BY ALL")
    assert len(rows) >= 3 * 4 + 2 * 4
    with open_lake(project.home) as lake:
        for row in rows:
            steps = lake.rows("FROM trace_of(?)", [row["id"]])
            # Of what left its source meanwhile, it is said where it stood.
            assert any(re.search(r"train\.jsonl row \d|row \d+ of train\.jsonl", str(step["stands_in"])) for step in steps), row
    for release in project.releases:
        folder = project.home / "releases" / release
        assert (folder / "current" / "manifest.json").is_file()
        for version in project.ask(f"SELECT number, rows, folder FROM release_version WHERE release = '{release}'"):
            data = project.home / version["folder"] / "data"
            with open_lake(project.home) as lake:
                assert lake.scalar(f"SELECT count(*) FROM read_parquet('{data}/*.parquet')") == version["rows"]
                held = lake.scalar(
                    "SELECT count(*) FROM released_row WHERE release = ? AND ? BETWEEN from_number AND coalesce(to_number, ?)",
                    [release, version["number"], version["number"]],
                )
            assert held == version["rows"]


def _each_stage_accounts_for_each_row(project: Project) -> None:
    unbalanced = project.ask(
        "SELECT stage, sum(rows) FILTER (outcome = 'in') AS came, sum(rows) FILTER (outcome <> 'in') AS went "
        "FROM funnel GROUP BY ALL HAVING came IS DISTINCT FROM went"
    )
    assert not unbalanced
