"""Sandboxes on a Ray cluster: the same verdicts as here, each once, whichever machines come, go, or are another driver's."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ocr_assets.grading.batch import Item, grade_many
from ocr_assets.programs.suites import Suite, suite_from_json
from resources.ray_cluster import ClusterUnavailable, connected
from resources.sandbox import ray_machine, ray_pool
from resources.sandbox.api import Outcome, Program, Run, RunLimits, SandboxFault, SandboxUnavailable
from resources.sandbox.docker_pool import DockerSandbox
from resources.sandbox.ray_pool import RayPool
from resources.settings.sandbox import SandboxResource
from tests.support.ray_cluster import Nodes, ray_nodes
from tests.support.size import size

pytestmark = pytest.mark.slow

ADD = suite_from_json(
    {"tests": [{"kind": "stdin", "input": f"{n} {n}", "output": str(2 * n)} for n in range(4)], "limits": {"cpu_s": 0.3}}
)
CALLED = suite_from_json({"tests": [{"kind": "call", "entry_point": "add", "args": [n, 1], "expected": n + 1} for n in range(3)]})
PROGRAMS = {
    "right": "print(sum(map(int, input().split())))",
    "wrong": "print(len(input()))",
    "half right": "a, b = map(int, input().split())\nprint(a + b if a < 2 else 0)",
    "dies": "a, b = map(int, input().split())\nprint(a + b if a < 1 else 1 // 0)",
    "too slow": "while True: pass",
    "no program": "print((",
    "too large": "x = [bytearray(1 << 26) for _ in range(99)]",
}
CPP = "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }"
COMPARED = ("solution_id", "verdict", "tests_passed", "tests_total", "first_failure", "message", "cpu_limit_s", "image", "isolation_level", "grader_version", "flags", "untrusted_reason")  # fmt: skip


def item(name: str, code: str, suite: Suite, language: Any = "python") -> tuple[Item, Suite]:
    suite_id = "called" if suite is CALLED else "add"
    return {"solution_id": name, "problem_id": suite_id, "suite_id": suite_id, "language": language, "code": code}, suite


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with ray_nodes() as nodes:
        yield nodes


def opened(nodes: Nodes, **fields: Any) -> RayPool:
    pool = SandboxResource(kind="ray", ray_address=nodes.address, **fields).opened()
    assert isinstance(pool, RayPool)
    return pool


def naps(count: int, seconds: float) -> list[tuple[Item, Suite]]:
    """Programs that take their time and no core, all different."""
    return [
        item(f"nap {n}", f"import time\ntime.sleep({seconds})\nprint(sum(map(int, input().split())))  # {n}", ADD)
        for n in range(count)
    ]


def where(sandbox: Any, number: int) -> tuple[int, int]:
    """Of a call: its number and the process that it ran in."""
    time.sleep(0.1)
    return number, os.getpid()


def test_verdicts_are_those_of_this_machine(nodes: Nodes, sandbox: DockerSandbox) -> None:
    work = [item(f"{name} {n}", f"{code}\n# {n}", ADD) for n in range(size(2, 24)) for name, code in PROGRAMS.items()]
    work += [item("called", "def add(a, b): return a + b", CALLED), item("called wrongly", "def add(a, b): return a - b", CALLED)]
    work += [item("C++", CPP, ADD, "cpp"), item("equal to another", PROGRAMS["right"] + "\n# 0", ADD)]

    def found(pool: Any) -> list[dict[str, Any]]:
        rows = [{name: row[name] for name in COMPARED} for row in grade_many(pool, work)]  # type: ignore[literal-required]
        return sorted(rows, key=lambda row: row["solution_id"])

    with opened(nodes) as pool:
        theirs = found(pool)
        assert pool.faults == 0 and pool.image == sandbox.image and pool.isolation_level == sandbox.isolation_level
        assert len({process for _, process in pool.completed(lambda n: pool.call(where, n), range(12))}) == 2
    ours = found(sandbox)
    assert theirs == ours
    assert {row["verdict"] for row in ours} >= {"accepted", "wrong_answer", "runtime_error", "time_limit", "compile_error"}


def test_what_is_run_as_it_is_runs_there_too(nodes: Nodes) -> None:
    with opened(nodes) as pool:
        shown: list[bytes] = []
        program = Program("python", "print(int(input()) * 2)", [Run(stdin=b"%d" % n) for n in range(5)], RunLimits())
        outcome: Outcome = pool.execute(program, lambda place, run: shown.append(run.stdout) is not None or place == 2)
        assert shown == [b"0\n", b"2\n", b"4\n"] and len(outcome.runs) == 3
        with pytest.raises(ZeroDivisionError):
            pool.call(fails)
        assert list(pool.map(lambda n: pool.call(where, n)[0], range(9))) == list(range(9))


def fails(sandbox: Any) -> None:
    raise ZeroDivisionError("on another machine")


def test_machines_that_die_and_come_lose_and_double_nothing(nodes: Nodes) -> None:
    """One is killed while both are at work; then one is added, and used."""
    extra = nodes.add()
    work = naps(size(30, 200), 0.1)
    verdicts: list[Any] = []
    with opened(nodes) as pool:
        begun = pool.workers
        for verdict in grade_many(pool, work):
            verdicts.append(verdict)
            if len(verdicts) == 4:
                nodes.kill(extra)
        assert begun == 3 and pool.faults >= 1
        nodes.add()
        processes = set[int]()
        deadline = time.monotonic() + 120
        while len(processes) < 3 and time.monotonic() < deadline:
            processes |= {process for _, process in pool.completed(lambda n: pool.call(where, n), range(12))}
    assert Counter(verdict["solution_id"] for verdict in verdicts) == Counter(one["solution_id"] for one, _ in work)
    assert {verdict["verdict"] for verdict in verdicts} == {"accepted"}
    assert len(processes) >= 3, "the new machine has work, beside the two that were left"


def test_a_second_driver_waits_for_machines_and_gets_its_verdicts(nodes: Nodes, tmp_path: Path) -> None:
    problem = {"problem_id": "p", "tests": [{"kind": "stdin", "input": "10 2", "output": "12"}]}
    solutions = [
        {"solution_id": name, "problem_id": "p", "language": "python", "code": code}
        for name, code in PROGRAMS.items()
        if name in ("right", "wrong")
    ]
    (tmp_path / "problems.jsonl").write_text(json.dumps(problem) + "\n")
    (tmp_path / "solutions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in solutions))
    command = [sys.executable, "-m", "ocr_assets.cli", "verify", "problems.jsonl", "solutions.jsonl"]
    environment = {**os.environ, "OCR_SANDBOX": "ray", "OCR_RAY_ADDRESS": nodes.address, "OCR_HOME": str(tmp_path)}
    with opened(nodes) as pool:
        first = grade_many(pool, naps(20, 0.1))
        next(first)
        second = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert len(list(first)) == 19
    said, complained = second.communicate(timeout=300)
    rows = [json.loads(line) for line in said.splitlines()]
    assert [(row["solution_id"], row["verdict"]) for row in rows] == [("right", "accepted"), ("wrong", "wrong_answer")], (
        complained
    )


def test_without_machines_that_have_sandboxes_it_is_said(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_pool, "RESOURCE", "docker_nowhere")
    with pytest.raises(SandboxUnavailable, match=r"no machine of the Ray cluster has sandboxes: .*ray start"), opened(nodes):
        pass


def test_a_machine_with_other_code_judges_nothing(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_machine, "code_digest", lambda: "another")
    with opened(nodes) as pool, pytest.raises(SandboxUnavailable, match="install the same version"):
        list(grade_many(pool, naps(1, 0)))


def test_an_image_that_no_machine_has_is_named_with_the_remedy(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        opened(nodes, image="ocr-assets/sandbox:0@sha256:0") as pool,
        pytest.raises(SandboxUnavailable, match="sandbox load FILE"),
    ):
        list(grade_many(pool, naps(1, 0)))


def test_when_all_machines_are_gone_it_is_said(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (ray_machine, ray_pool):
        monkeypatch.setattr(module, "RESOURCE", "docker_here")
    only = nodes.add(docker_here=1)
    with opened(nodes, engine_wait_s=1) as pool:
        rows = grade_many(pool, naps(200, 0.2))
        next(rows)
        nodes.kill(only)
        with pytest.raises(SandboxUnavailable, match="for 1 s no machine of the Ray cluster had sandboxes"):
            list(rows)


def test_a_process_works_on_one_cluster(nodes: Nodes) -> None:
    connected(nodes.address)
    with pytest.raises(ClusterUnavailable, match="connected to the Ray cluster at"):
        connected("127.0.0.1:1")


def test_what_cannot_be_a_cluster_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClusterUnavailable, match=r"OCR_RAY_ADDRESS=ray://head:10001: .*on a node of the cluster"):
        connected("ray://head:10001")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SandboxUnavailable, match=r"pip install 'ocr-assets\[ray\]'"), SandboxResource(kind="ray").opened():
        pass


class Losing:
    """A sandbox all of whose machines are lost."""

    online_judge = True

    def call(self, function: Any, *args: Any) -> Any:
        raise SandboxFault("5 machines were lost that ran this")

    def completed(self, function: Any, items: Any) -> Any:
        return map(function, items)


def test_a_program_that_no_machine_survives_has_no_verdict() -> None:
    (verdict,) = grade_many(Losing(), naps(1, 0))  # type: ignore[arg-type]
    assert (verdict["verdict"], verdict["message"]) == ("sandbox_error", "5 machines were lost that ran this")
