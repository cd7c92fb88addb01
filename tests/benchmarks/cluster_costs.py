"""What the model of many machines (``cluster.py``) stands on, measured: the driver's CPU seconds a verdict with as many calls in
flight as many machines have, those of a commit, of a suite in a sandbox, and how long real pools of one and two take.

The driver is measured as it is, with problems, solutions, journal and commits; only the machines are threads that sleep, so that
its CPU seconds can be told from theirs.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from ocr_assets.grading.batch import grade_many
from ocr_assets.grading.grade import Graded, grade
from ocr_assets.grading.settings import GradingSettings
from ocr_assets.platform.lake import project_lake
from ocr_assets.programs.published import limits, stdin_test
from ocr_assets.programs.suites import Suite, suite_from_json
from ocr_assets.schema import SOLUTIONS
from ocr_assets.verification.judging import Workplace, judge_new
from ocr_assets.verification.storing import store_verdicts
from resources.lake import Lake, RunInfo
from resources.sandbox.docker_pool import DockerSandbox
from resources.sandbox.pool import IN_FLIGHT, Pool
from resources.sandbox.process import ProcessSandbox
from resources.settings import SandboxResource
from tests.benchmarks import programs
from tests.benchmarks.cluster import TESTS_A_PROBLEM, Costs, simulate
from tests.benchmarks.sandbox import Meter
from tests.support.lakes import new_lake
from tests.support.ray_cluster import ray_nodes
from tests.support.rows import problem, put_problems, row_of

SAMPLES = 25
NAP_S, NAPS = 0.2, 4  # a program that takes time and no core: how long, and how many tests
ALL = GradingSettings(stop_at_first_failure=False)
# A program that fails a test is not put to those after it.
OF_A_LAKE = """SELECT list_sum(times) * CASE verdict WHEN 'accepted' THEN $tests / len(times) ELSE 1 END AS s, len(times) AS runs
    FROM (SELECT verdict, list_transform(tests, lambda test: test.cpu_s) AS times FROM verdicts WHERE len(tests) > 0)"""


class SleepingMachines(Pool):
    """A pool of so many cores elsewhere: what is called there is answered after ``seconds`` with ``verdict``."""

    image, isolation_level = "none", "none"

    def __init__(self, workers: int, seconds: float, verdict: Graded) -> None:
        super().__init__()
        self.workers, self.reserved, self.faults = workers, 1, 0
        self._seconds, self._verdict = seconds, verdict

    def __enter__(self) -> Self:
        self._executor = ThreadPoolExecutor(IN_FLIGHT * self.workers)
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._executor is not None
        self._executor.shutdown()

    def call(self, function: Any, *arguments: Any, **named: Any) -> Any:
        time.sleep(random.uniform(0.5, 1.5) * self._seconds)
        return self._verdict

    def execute(self, *arguments: Any, **named: Any) -> Any:
        raise NotImplementedError


def suite(tests: int) -> Suite:
    return suite_from_json(
        {"tests": [{"kind": "stdin", "input": f"{n} {n}", "output": str(2 * n)} for n in range(tests)], "limits": {"cpu_s": 4}}
    )


def fill(lake: Lake, verdicts: int) -> None:
    """Problems with thirty tests, and 25 solutions of each."""
    tests = [stdin_test(index, f"{index}\n" * 20, f"{index}\n", "official") for index in range(TESTS_A_PROBLEM)]
    numbers = range(-(-verdicts // SAMPLES))
    plain = {"language": "python", "code": "print(sum(map(int, input().split())))\n" * 40}
    with lake.write(RunInfo("bench"), "bench") as write:
        put_problems(write, (problem(n, suite_id=f"suite_{n:020x}", tests=tests, limits=limits()) for n in numbers))
        solutions = (
            row_of(SOLUTIONS, solution_id=f"sol_{n}_{sample}", problem_id=f"prob_{n:020x}", **plain)
            for n in numbers
            for sample in range(SAMPLES)
        )
        write.sync(SOLUTIONS, solutions)


NAPPED = suite(NAPS)


def a_verdict() -> Graded:
    """On thirty tests, as a real one."""
    with ProcessSandbox(1) as sandbox:
        return grade(sandbox, "python", "print(sum(map(int, input().split())))", suite(TESTS_A_PROBLEM))


def driver_s(workers: int, verdicts: int, verdict: Graded, seconds: float) -> float:
    """CPU seconds of the driver a verdict, commits among them, with so many cores elsewhere, each busy so long at a time."""
    with tempfile.TemporaryDirectory() as folder, new_lake(Path(folder) / "lake") as lake:
        fill(lake, verdicts)
        pool = SleepingMachines(workers, seconds, verdict)
        place = Workplace(lake, RunInfo("bench"), Path(folder) / "journal", pool, False, lambda line: None)
        begin = time.process_time()
        with place.journal("verdicts") as journal:
            counts, _ = judge_new(place, journal, GradingSettings())
        assert counts.total() == verdicts
        return (time.process_time() - begin) / verdicts


def commits(verdict: Graded, known: int = 20_000) -> tuple[float, float]:
    """CPU seconds of a commit, and of each of its rows, into a table of so many verdicts."""
    numbers = itertools.count()

    def rows(count: int) -> list[dict[str, Any]]:
        ids = [f"{next(numbers):020x}" for _ in range(count)]
        common = {"suite_id": "suite_0", "problem_id": "prob_0", "language": "python", "created_at": datetime.now(UTC)}
        return [{"verdict_id": f"ver_{one}", "solution_id": f"sol_{one}", **common, **verdict} for one in ids]

    with tempfile.TemporaryDirectory() as folder, new_lake(Path(folder) / "lake") as lake:
        store_verdicts(lake, RunInfo("bench"), rows(known))
        took: dict[int, list[float]] = {200: [], 2_000: []}
        for _ in range(5):
            for count, seconds in took.items():
                made = rows(count)
                begin = time.process_time()
                store_verdicts(lake, RunInfo("bench"), made)
                seconds.append(time.process_time() - begin)
    few, many = (statistics.median(seconds) for seconds in took.values())
    row_s = (many - few) / 1_800
    return max(0.0, few - 200 * row_s), row_s


def suites(home: Path | None) -> list[float]:
    """Core seconds of verdicts on thirty tests, of everybody who works on a node for them.

    What the sandbox adds to a run is measured on usual solutions. What programs take of themselves: those, or the verdicts of the
    lake in ``home``, as many tests as were run brought to thirty.
    """
    own, runs = [], 0
    with DockerSandbox(1) as sandbox:
        meter, before = Meter(), (0.0, 0.0, 0.0, 0.0)
        for number in range(-1, 12):
            code, inputs = programs.PYTHON[number % len(programs.PYTHON)]
            tests = [{"kind": "stdin", "input": text.decode(), "output": ""} for text in inputs * 3]
            judged = grade(sandbox, "python", f"{code}\n# {number}", suite_from_json({"tests": tests}), ALL)["tests"]
            if number < 0:
                before = meter.read()  # the first has waited for the sandbox
            else:
                own.append(sum(test["cpu_s"] for test in judged))
                runs += len(judged)
        used = sum(after - earlier for after, earlier in zip(meter.read()[1:], before[1:], strict=True))
    added, runs_of = (used - sum(own)) / runs, [TESTS_A_PROBLEM] * len(own)
    if home is not None:
        with project_lake(home / "lake") as lake:
            rows = lake.rows(OF_A_LAKE, {"tests": TESTS_A_PROBLEM})
        own, runs_of = [row["s"] for row in rows], [max(row["runs"], TESTS_A_PROBLEM * (row["runs"] > 5)) for row in rows]
    shown = "verdicts of the lake" if home else "usual solutions"
    print(f"{shown}: {statistics.mean(own):.2f} s of CPU a verdict; the sandbox adds {1000 * added:.1f} ms a run")
    return [seconds + added * count for seconds, count in zip(own, runs_of, strict=True)]


def measured(home: Path | None = None) -> Costs:
    """All costs, in one run. What Ray adds to a call is measured with what takes no core there."""
    verdict = a_verdict()
    commit_s, row_s = commits(verdict)
    totals = {workers: driver_s(workers, 5_000, verdict, workers / 400) for workers in (16, 256, 1_024)}
    for workers, total in totals.items():
        print(f"{workers:>5} cores elsewhere: {1000 * total:.2f} ms of the driver's CPU a verdict")
    print(f"of a commit of 2,000: {1000 * (row_s + commit_s / 2_000):.2f} ms a verdict")
    ray_s = sending(verdict)
    print(f"Ray adds {1000 * ray_s:.2f} ms to a call that comes back with {TESTS_A_PROBLEM} tests")
    call_s = max(0.0, max(totals.values()) - row_s - commit_s / 2_000) + ray_s
    return Costs(call_s, commit_s, row_s, suites(home))


def answered(sandbox: Any, code: str, verdict: Graded) -> Graded:
    """What a node is asked where only the way there and back is measured."""
    return {**verdict, "message": code[:1]}


def sending(verdict: Graded, calls: int = 3_000) -> float:
    """CPU seconds of the driver that Ray adds to a call: beside sleeping threads, with the program sent and the verdict sent back."""

    def driver(pool: Pool) -> float:
        list(pool.completed(lambda n: pool.call(answered, f"{n}" * 400, verdict), range(100)))
        begin = time.process_time()
        list(pool.completed(lambda n: pool.call(answered, f"{n}" * 400, verdict), range(calls)))
        return (time.process_time() - begin) / calls

    # As many calls in flight as large machines have: their answers come together. No sandbox is started for them.
    with ray_nodes(2) as nodes, SandboxResource(kind="ray", ray_address=nodes.address, workers=64).opened() as pool:
        over_ray = driver(pool)
    with SleepingMachines(128, 0.0, verdict) as pool:
        return max(0.0, over_ray - driver(pool))


def napping(kind: str, size: int, verdicts: int = 8, rounds: int = 4) -> float:
    """Wall seconds a verdict of programs that take time and no core, on a pool of so many workers here, or on so many Ray nodes of
    one core: of the best of several rounds, since others use this machine too."""
    with contextlib.ExitStack() as stack:
        pool: Pool = DockerSandbox(size)
        if kind == "ray":
            nodes = stack.enter_context(ray_nodes(size))
            pool = stack.enter_context(SandboxResource(kind="ray", ray_address=nodes.address).opened())
        else:
            stack.enter_context(pool)

        def work(count: int, what: str) -> list[Any]:
            code = f"import time\ntime.sleep({NAP_S})\nprint(sum(map(int, input().split())))"
            same = {"problem_id": "p", "suite_id": "s", "language": "python"}
            naps = [({"solution_id": str(n), "code": f"{code}  # {what} {n}", **same}, NAPPED) for n in range(count)]
            found = list(grade_many(pool, naps, GradingSettings()))  # type: ignore[arg-type]
            assert {verdict["verdict"] for verdict in found} == {"accepted"}
            return found

        work(4 * size, "warm")
        took = []
        for number in range(rounds):
            begin = time.perf_counter()
            work(verdicts * size, f"round {number}")
            took.append((time.perf_counter() - begin) / (verdicts * size))
        return min(took)


def compare(costs: Costs) -> None:
    """The model beside real pools: what a verdict takes is told by one worker, what two do is predicted."""
    alone = napping("local", 1)
    nap = Costs(costs.call_s, 0, 0, [alone], costs.latency_s)
    print(f"\nprograms that take {NAPS} × {NAP_S} s and no core; one worker: {alone:.3f} s a verdict")
    for name, kind, size in (("2 workers here", "local", 2), ("1 Ray node", "ray", 1), ("2 Ray nodes", "ray", 2)):
        real, predicted = 1 / napping(kind, size), simulate(nap, size, 1, 8 * size).rate
        print(f"{name:>15}: {real:.3f} verdicts/s, predicted {predicted:.3f} ({predicted / real - 1:+.1%})")
