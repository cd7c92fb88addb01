"""Attempts, conversions and responses, killed at random moments: the tables are those of an undisturbed run, and only what was in
flight is asked again."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ocr_assets.schema import QUESTION_SCREENING, SELF_VERIFICATION, SYNTHETIC_ATTEMPTS, SYNTHETIC_QUESTIONS, SYNTHETIC_TRIPLETS
from resources.lake import RunInfo
from tests.support.asking_answers import PLAN
from tests.support.chaos import FAULTS, Chaos
from tests.support.killing import kill_and_finish, said_at_the_end
from tests.support.lakes import new_lake
from tests.support.rows import row_of
from tests.support.size import size

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS, SAMPLES, CONCURRENCY, KILLS = 40, 4, 8, size(4, 6)
KINDS = tuple(kind for kind in FAULTS if kind != "late")  # those would only make the sweep longer
SOLUTION = "def add(a, b):\n    return a + b\n"
TESTS = "from solution import add\n\ndef test_add():\n    assert add(1, 2) == 3\n"


def filled(home: Path) -> Path:
    """Clean questions, each with a verified attempt by another model, so that all three kinds have something to ask about."""
    with new_lake(home / "lake") as lake, lake.write(RunInfo("test"), "question_screening") as write:
        for number in range(QUESTIONS):
            key, attempt = f"syn_{number:020x}", f"att_{number:020x}"
            code = {"solution": SOLUTION, "test": TESTS}
            write.append(
                SYNTHETIC_QUESTIONS, [row_of(SYNTHETIC_QUESTIONS, question_id=key, status="kept", question=f"Add {number}.")]
            )
            write.append(QUESTION_SCREENING, [row_of(QUESTION_SCREENING, question_id=key, fate="clean")])
            write.append(
                SYNTHETIC_ATTEMPTS, [row_of(SYNTHETIC_ATTEMPTS, attempt_id=attempt, question_id=key, parse_status="ok", **code)]
            )
            write.append(
                SELF_VERIFICATION,
                [
                    row_of(
                        SELF_VERIFICATION,
                        verification_id=attempt,
                        subject_id=attempt,
                        question_id=key,
                        plan=PLAN,
                        status="verified",
                    )
                ],
            )
            write.append(
                SYNTHETIC_TRIPLETS,
                [
                    row_of(
                        SYNTHETIC_TRIPLETS,
                        triplet_id=f"ktrip_{number}",
                        question_id=key,
                        style="instruct",
                        status="verified",
                        **code,
                    )
                ],
            )
    return home  # fmt: skip


def asking(home: Path, url: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.asking_answers", str(home), url, str(SAMPLES), str(CONCURRENCY)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def tables(home: Path) -> list[list[dict[str, Any]]]:
    measured = "endpoint, latency_s, attempts, created_at"
    with new_lake(home / "lake") as lake:
        return [
            *(
                lake.rows(f"SELECT * EXCLUDE ({measured}) FROM {table} ORDER BY ALL")
                for table in ("synthetic_attempts", "style_conversions", "kodcode_responses")
            ),
            lake.rows("SELECT * FROM prompts ORDER BY ALL"),
            lake.rows("SELECT child, parent, relation, reason, stage FROM record_edge ORDER BY ALL"),
        ]


@pytest.mark.long
def test_kills_at_random_moments_change_nothing(tmp_path: Path) -> None:
    with Chaos(delay_s=0.005) as server:
        undisturbed = filled(tmp_path / "undisturbed")
        said_at_the_end(asking(undisturbed, server.url))
        planned = len(server.asked)
        assert planned == 3 * QUESTIONS * SAMPLES

    killed = filled(tmp_path / "killed")
    with Chaos(faults=0.1, delay_s=0.03, kinds=KINDS, seed=7) as server:
        kill_and_finish(server, lambda: asking(killed, server.url), KILLS, CONCURRENCY, planned, most_between=planned // KILLS)
        asked = server.asked.total()
        assert said_at_the_end(asking(killed, server.url)).count("0 teacher requests") == 3
        assert server.asked.total() == asked
    assert tables(killed) == tables(undisturbed)
    assert list((killed / "journal").rglob("*.jsonl")) == []
