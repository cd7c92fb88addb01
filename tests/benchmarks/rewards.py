"""Verdicts a second through HTTP beside the pool's own, in one run, and how long a full server lets one wait.

Rounds: in each, every way judges as many different programs, one after another, so that whatever else the machine does meets all of
them; a ratio is the median over the rounds. The server and the pool's own way share one pool; the client is a process of its own,
on the same cores, so what it costs counts as well. Beside the rate stands the CPU time of all who worked (server and pool, client,
containers), which on a machine that does other things says more: ``python -m tests.benchmarks.rewards [rounds] [programs]``.
"""

import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ocr_assets.grading.grade import grade
from ocr_assets.grading.settings import GradingSettings
from ocr_assets.programs.suites import suite_from_json
from ocr_assets.rewards import RewardServer
from resources.sandbox.docker_pool import DockerSandbox
from tests.benchmarks.sandbox import Meter
from tests.support.reward_server import serving

ROUNDS, PROGRAMS = 7, 600
CODE = "print(sum(map(int, input().split())))  # {}"
AT_ONCE = 16  # requests of clients that send one program each
number = itertools.count()


def problem(tests: int) -> dict[str, object]:
    return {
        "problem_id": "sum", "tests": [{"kind": "stdin", "input": f"{n} {n}\n", "output": f"{2 * n}\n"} for n in range(tests)],
    }  # fmt: skip


def client(url: str, way: str, tests: int, first: int, count: int) -> None:
    """What the client's process does; prints the seconds and CPU seconds it took, of "overload" also status and seconds of each."""
    codes = [CODE.format(f"{way} {first + n}") for n in range(count)]
    server, what = RewardServer(url), problem(tests)
    if way == "batch":
        solutions = [{"problem_id": "sum", "language": "python", "code": code} for code in codes]
        start, cpu = time.perf_counter(), time.process_time()
        rows = server.verdicts([what], solutions)
        assert all(row["verdict"] == "accepted" for row in rows)
        print(json.dumps([time.perf_counter() - start, time.process_time() - cpu, []]))
        return

    def verdict(code: str) -> None:
        [row] = server.verdicts([what], [{"problem_id": "sum", "language": "python", "code": code}])
        assert row["verdict"] == "accepted"

    def run(code: str) -> tuple[int, float]:
        start = time.perf_counter()
        body = {"code": code, "stdin": "1 1\n", "language": "python", "run_timeout": 5, "files": {}, "fetch_files": []}
        status, answer, _ = server._post("/run_code", body)
        assert status == 504 or answer["run_result"]["stdout"] == "2\n", answer
        return status, time.perf_counter() - start

    work: Callable[[str], object] = verdict if way == "single" else run
    with ThreadPoolExecutor(64 if way == "overload" else AT_ONCE) as threads:
        start, cpu = time.perf_counter(), time.process_time()
        found = list(threads.map(work, codes))
        print(json.dumps([time.perf_counter() - start, time.process_time() - cpu, found if way == "overload" else []]))


def asked(url: str, way: str, tests: int, count: int) -> tuple[float, float, list[tuple[int, float]]]:
    """A client's word."""
    first = next(number) * 1_000_000
    command = [sys.executable, "-m", "tests.benchmarks.rewards", url, way, str(tests), str(first), str(count)]
    took, cpu, found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return took, cpu, found


def throughput(pool: DockerSandbox, url: str, tests: int, ways: tuple[str, ...], rounds: int, count: int) -> None:
    suite, settings, meter = suite_from_json(problem(tests)), GradingSettings(), Meter()
    rates: dict[str, list[float]] = {way: [] for way in ("pool", *ways)}
    costs: dict[str, list[float]] = {way: [] for way in rates}

    def own() -> tuple[float, float]:
        first = next(number) * 1_000_000
        codes = [CODE.format(f"pool {first + n}") for n in range(count)]
        start = time.perf_counter()
        graded = list(pool.completed(lambda code: grade(pool, "python", code, suite, settings), codes))
        assert all(one["verdict"] == "accepted" for one in graded)
        return time.perf_counter() - start, 0.0

    for _ in range(rounds):
        for way in rates:
            before = time.process_time() + meter.read()[2]
            took, cpu = own() if way == "pool" else asked(url, way, tests, count)[:2]
            costs[way].append((cpu + time.process_time() + meter.read()[2] - before) / count)
            rates[way].append(count / took)
    for way, found in rates.items():
        ratio = statistics.median(one / base for one, base in zip(found, rates["pool"], strict=True))
        cost = statistics.median(base / one for one, base in zip(costs[way], costs["pool"], strict=True))
        print(
            f"{tests:2} tests a program, {way:8} {statistics.median(found):6.0f} programs/s, {ratio:.2f} of the pool's own; "
            f"{1000 * statistics.median(costs[way]):5.2f} ms of CPU a program, {cost:.2f} by that",
            flush=True,
        )


def overload(pool: DockerSandbox, count: int) -> None:
    """64 clients that ask on and on, of a server that lets nobody wait longer than a tenth of a second, and of a patient one."""
    for wait_s in (0.1, 60.0):
        with serving(pool, wait_s=wait_s) as served:
            asked(served.address, "run", 1, 50)  # so that the server knows how long programs take
            said = asked(served.address, "overload", 1, count)[2]
        for status, name in ((200, "answered"), (504, "refused")):
            times = sorted(seconds for told, seconds in said if told == status)
            if times:
                half, most = times[len(times) // 2], times[int(len(times) * 0.99)]
                print(
                    f"64 at once, wait_s {wait_s:4g}: {len(times):5,} {name:8}, median {1000 * half:6.1f} ms, "
                    f"99 % within {1000 * most:6.1f} ms",
                    flush=True,
                )


def main(rounds: int = ROUNDS, count: int = PROGRAMS) -> None:
    with DockerSandbox(workers=2) as pool, serving(pool, wait_s=60) as served:
        asked(served.address, "batch", 1, 50)  # containers made, modules loaded
        throughput(pool, served.address, 1, ("batch", "single", "run"), rounds, count)
        throughput(pool, served.address, 10, ("batch", "single"), rounds, count // 2)
        overload(pool, 5 * count)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1].startswith("http"):
        client(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
    else:
        main(*map(int, sys.argv[1:]))
