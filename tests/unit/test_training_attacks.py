"""Attacks on training that need no model: processes left behind, wrong definitions, rows that are not as they should be."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ocr_assets.training.process import Training, TrainingFailed, TrainingRuns, train
from tests.support.graph import ROOT

# A launcher as accelerate's: the trainer is a process of its own, in a session of its own, which inherits nothing.
LAUNCHER = """
import subprocess, sys, pathlib
sleeps = "import time; time.sleep(600)"
trainer = subprocess.Popen([sys.executable, "-c", sleeps], start_new_session=True)
pathlib.Path(sys.argv[0]).with_name("trainer").write_text(str(trainer.pid))
sys.exit(int(sys.argv[1])) if len(sys.argv[1]) < 2 else trainer.wait()
"""


def until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_a_trainer_ends_with_us_though_its_launcher_forgets_it(tmp_path: Path) -> None:
    (tmp_path / "launcher.py").write_text(LAUNCHER)
    program = (
        "from pathlib import Path; from ocr_assets.training.process import Training, train\n"
        f"training = Training(Path({str(tmp_path)!r}))\n"
        f"with training.locked() as lock: train(training, lock, {f'{sys.executable} {tmp_path}/launcher.py'!r}, None, print)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    try:
        until(lambda: (tmp_path / "trainer").exists() and (tmp_path / "trainer").read_text())
        trainer = int((tmp_path / "trainer").read_text())
        with pytest.raises(TrainingRuns), Training(tmp_path).locked():
            pass
    finally:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()

    def is_free() -> bool:
        try:
            with Training(tmp_path).locked():
                assert not lives(trainer), "another training could begin beside this one"
                return True
        except TrainingRuns:
            return False

    until(is_free)


def test_a_launcher_that_fails_leaves_no_trainer_behind(tmp_path: Path) -> None:
    (tmp_path / "launcher.py").write_text(LAUNCHER.replace("sys.argv[1]", "'3'"))
    training = Training(tmp_path)
    with training.locked() as lock, pytest.raises(TrainingFailed, match="TRL ended with 3"):
        train(training, lock, f"{sys.executable} {tmp_path}/launcher.py", None, print)
    assert not lives(int((tmp_path / "trainer").read_text()))


def test_keys_of_models_do_not_reach_the_trainer_and_the_hubs_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OCR_TEACHER_KEY", "OCR_JUDGE_KEY", "OCR_EVALUATED_KEY", "HF_TOKEN"):
        monkeypatch.setenv(name, f"secret-of-{name}")
    (tmp_path / "says.py").write_text("import os; print(dict(os.environ)); print('secret-of-OCR_JUDGE_KEY')")
    training = Training(tmp_path)
    with training.locked() as lock:
        train(training, lock, f"{sys.executable} {tmp_path}/says.py", None, print)
    log = training.log.read_text()
    assert "secret-of" not in log and "OCR_TEACHER_KEY" not in log and "'HF_TOKEN': '***'" in log
