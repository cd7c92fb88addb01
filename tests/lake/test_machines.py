"""Two machines on one lake: homes of their own, one catalog in PostgreSQL. One pays for a stage, the other says who does."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocr_assets.platform.following import judged_up_to, somebody_asks
from ocr_assets.platform.lake import project_lake
from resources.lake import Lake, RunInfo, at_work
from resources.lake.at_work import Busy, Journals, StageLock, is_held
from resources.lake.journal import Journal
from resources.settings import LakeResource
from tests.support.chaos import Chaos
from tests.support.postgres import Postgres, sessions_end
from tests.support.rows import problem, put_problems

ROOT = Path(__file__).resolve().parents[2]
PROBLEMS, SAMPLES = 20, 9  # and one in C++ each
PLANNED = PROBLEMS * (SAMPLES + 1)

pytestmark = pytest.mark.slow

HOLD = """
import sys, time
from pathlib import Path
from resources.lake.at_work import Journals, StageLock
with StageLock(Journals(Path(sys.argv[1]), sys.argv[2]), "verdicts"):
    print("held", flush=True)
    time.sleep(120)
"""


@pytest.fixture
def server(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in postgres.environment.items():
        monkeypatch.setenv(name, value)
    return postgres.database()


def machine(folder: Path, server: str) -> Journals:
    return LakeResource(home=str(folder), catalog=server).journals


def test_a_lock_holds_on_all_machines_and_goes_with_its_process(server: str, tmp_path: Path) -> None:
    one, two = machine(tmp_path / "one", server), machine(tmp_path / "two", server)
    assert one.folder != two.folder and not is_held(two, "verdicts")
    line = [sys.executable, "-c", HOLD, str(one.folder), str(one.server)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        assert is_held(two, "verdicts") and not is_held(two, "solutions")
        named = f"verdicts is being written by process {process.pid} on {os.uname().nodename}"[:60]
        with pytest.raises(Busy, match=named):
            StageLock(two, "verdicts").__enter__()
        said: list[str] = []

        def told(text: str) -> None:
            said.append(text)
            process.kill()

        with StageLock(two, "verdicts", told):
            assert said == [text for text in said if f"process {process.pid} on" in text and "waiting" in text] and len(said) == 1
            assert is_held(one, "verdicts")
    assert not is_held(one, "verdicts")


def test_who_asks_is_seen_from_everywhere_and_who_follows_from_its_own_machine(server: str, tmp_path: Path) -> None:
    one, two = machine(tmp_path / "one", server), machine(tmp_path / "two", server)
    with StageLock(one, "r1_traces"), StageLock(one, "follow"):
        assert somebody_asks(two) and judged_up_to(one) == "" and judged_up_to(two) is None


def test_a_lock_whose_session_the_server_ended_is_taken_again_or_given_up(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_work, "CONFIRM_S", 0)
    one, two = machine(tmp_path / "one", server), machine(tmp_path / "two", server)
    with Journal(one, "r1_traces") as journal:
        assert sessions_end(server, "true") == 1
        journal.append({"id": "a"})
        with pytest.raises(Busy, match="is being written by process"):
            StageLock(two, "r1_traces").__enter__()
        assert sessions_end(server, "true") == 1
        with StageLock(two, "r1_traces"), pytest.raises(Busy, match="ended this process's session, and process"):
            journal.append({"id": "b"})
    with Journal(one, "r1_traces") as journal:
        assert [row["id"] for row in journal.recovered()] == ["a", "b"], "what was kept is not lost"


# ---- a stage that pays, started on both ---------------------------------------------------------------------------


def asking(home: Path, url: str, server: str, data: Path) -> subprocess.Popen:
    """A machine whose home is ``home``, asking for what the lake lacks."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.asking", str(home), url, str(SAMPLES), "8"],
        cwd=ROOT, env={**os.environ, "OCR_CATALOG": server, "OCR_DATA_PATH": str(data)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@contextlib.contextmanager
def shared_lake(home: Path, server: str, data: Path) -> Iterator[Lake]:
    with project_lake(LakeResource(home=str(home), catalog=server, data_path=str(data))) as lake:
        yield lake


def test_of_two_machines_one_pays_and_a_journal_replayed_late_doubles_nothing(server: str, tmp_path: Path) -> None:
    data, homes = tmp_path / "data", [tmp_path / "one", tmp_path / "two"]
    with shared_lake(homes[0], server, data) as lake, lake.write(RunInfo("test"), "clean_problems") as write:
        put_problems(write, [problem(number) for number in range(PROBLEMS)])
    counted = "SELECT count(*) AS rows, count(DISTINCT response_id) AS ids FROM r1_traces"
    with Chaos(delay_s=0.25) as teacher:
        both = [asking(home, teacher.url, server, data) for home in homes]
        ended = {process.communicate()[0]: process.returncode for process in both}
        assert sorted(ended.values()) == [0, 1], ended
        assert teacher.asked.total() == PLANNED
        (refused,) = (said for said, code in ended.items() if code)
        assert "Busy: r1_traces is being written by process" in refused.strip().splitlines()[-1]
    with shared_lake(homes[0], server, data) as lake:
        assert lake.rows(counted) == [{"rows": PLANNED, "ids": PLANNED}]
        with lake.write(RunInfo("test"), "clean_problems") as write:  # as many again
            put_problems(write, [problem(number) for number in range(2 * PROBLEMS)])
    with Chaos(delay_s=0.1) as teacher:
        killed = asking(homes[0], teacher.url, server, data)
        while teacher.asked.total() < PLANNED // 2:
            time.sleep(0.02)
        killed.kill()
        killed.communicate()
        left = sum(path.read_bytes().count(b"\n") for path in (homes[0] / "journal").rglob("*.jsonl"))
        with shared_lake(homes[1], server, data) as lake:
            committed = lake.scalar("SELECT count(*) FROM r1_traces") - PLANNED
        assert left and committed + left >= PLANNED // 2 - 16
        done = asking(homes[1], teacher.url, server, data)
        assert done.communicate()[0].count(f"{PLANNED - committed} teacher requests") and done.returncode == 0
        late = asking(homes[0], teacher.url, server, data)
        assert "0 teacher requests" in late.communicate()[0] and late.returncode == 0
    with shared_lake(homes[1], server, data) as lake:
        assert lake.rows(counted) == [{"rows": 2 * PLANNED, "ids": 2 * PLANNED}]
        assert lake.state("r1_traces")[0] == 2 * PLANNED
    assert not list((homes[0] / "journal").rglob("*.jsonl"))
