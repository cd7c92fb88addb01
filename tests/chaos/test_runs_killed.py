"""A killed run is found dead and marked failed, so that the lane it had is free again; one at work is left alone."""

import logging
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration

from resources.runs import is_dead
from tests.support.graph import ROOT

# A run as ``ocr-assets run`` makes one: in its own process, by the settings of the project's instance.
RUN = """
import sys, time
import dagster as dg
from resources.settings import LakeResource

@dg.asset
def endless(lake: LakeResource) -> None:
    print("at work", flush=True)
    time.sleep(float(sys.argv[2]))

with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    dg.materialize([endless], instance=instance, resources={"lake": LakeResource(home=sys.argv[1])}, tags={"ocr/lane": "refresh"})
"""


def start(home: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUN, str(home), str(seconds)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None and process.stdout.readline() == "at work\n"
    return process


def test_a_killed_run_does_not_hold_its_lane_for_ever(tmp_path: Path) -> None:
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    dead = start(tmp_path, 600)
    dead.kill()
    dead.communicate()
    living = start(tmp_path, 600)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        at_work, killed = (run.run_id for run in instance.get_runs())
        workspace: Any = SimpleNamespace(instance=instance, create_request_context=lambda: None)
        errors = list(execute_run_monitoring_iteration(workspace, logging.getLogger(__name__), cast(Any, None)))
        assert errors == [None, None]
        status = {run.run_id: run.status for run in instance.get_runs()}
        assert status == {at_work: dg.DagsterRunStatus.STARTED, killed: dg.DagsterRunStatus.FAILURE}
        living.kill()
        living.communicate()
        done = start(tmp_path, 0)
        done.communicate()
        assert not is_dead(instance, instance.get_runs(limit=1)[0].run_id), "it ended by itself"
        assert instance.get_runs(limit=1)[0].status == dg.DagsterRunStatus.SUCCESS
