"""What Ray costs: two machines of one core beside one pool of two workers, on the same two cores, in turns; and what a verdict
costs the driver, which bounds how many machines it can keep busy.

Where other work is on the cores, the ratio by CPU says what the one by the clock would be without it: what Ray's processes use while
nothing happens is taken from the cores, and verdicts a second are as many as the other CPU seconds a verdict are few.
"""

import os
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import psutil

from ocr_assets.grading.batch import Item, grade_many
from ocr_assets.programs.suites import Suite, suite_from_json
from resources.sandbox.docker_pool import DockerSandbox
from resources.sandbox.images import engine
from resources.sandbox.pool import Pool
from resources.sandbox.ray_pool import RayPool
from tests.support.ray_cluster import ray_nodes

PROBLEMS, SOLUTIONS, TESTS, ROUNDS = 4, 12, 30, 3
CORES, IDLE_S = 2, 10.0
INPUT_KB = 4  # of each test
CALLS = 3_000
WORKERS = 16  # of a machine that is asked for nothing but calls
_serial = iter(range(sys.maxsize))  # no program is ever the same twice


class Spent(NamedTuple):
    """Seconds a verdict: by the clock, of CPU, and of this process's CPU."""

    wall: float
    cpu: float
    driver: float


def work() -> list[tuple[Item, Suite]]:
    """A few problems with suites of a few tests, and their solutions, which take some milliseconds a test."""
    made = []
    for problem in range(PROBLEMS):
        tests = [{"kind": "stdin", "input": f"{n}\n" + "x" * 1024 * INPUT_KB, "output": str(n * n)} for n in range(TESTS)]
        suite = suite_from_json({"tests": tests})
        for _ in range(SOLUTIONS):
            name = f"{next(_serial)}"
            code = f"n = int(input())\nprint(n * n + sum(range(20000)) * 0)  # {name}"
            item = Item(solution_id=name, problem_id=f"{problem}", suite_id=f"{problem}", language="python", code=code)
            made.append((item, suite))
    return made


def judged(pool: Pool, items: Sequence[tuple[Item, Suite]], *, cluster: bool) -> Spent:
    """What these verdicts cost. ``cluster``: its processes, which are children of this one, and their containers, count too."""

    def read() -> tuple[float, float, float]:
        theirs = {str(one.pid) for one in psutil.Process().children(recursive=True)}
        used = time.process_time() + (cluster_cpu() if cluster else 0.0)
        for box in client.containers.list(filters={"name": "ocr-sandbox-"}, ignore_removed=True):
            if box.name.split("-")[2] in (theirs if cluster else {str(os.getpid())}):
                used += client.api.stats(box.id, stream=False, one_shot=True)["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
        return time.perf_counter(), used, time.process_time()

    client = engine()
    try:
        before = read()
        assert [verdict["verdict"] for verdict in grade_many(pool, items)] == ["accepted"] * len(items)
        return Spent(*((after - earlier) / len(items) for after, earlier in zip(read(), before, strict=True)))
    finally:
        client.close()


def cluster_cpu() -> float:
    """CPU seconds that the cluster's processes have used."""
    return sum(sum(one.cpu_times()[:2]) for one in psutil.Process().children(recursive=True) if one.is_running())


def nothing(sandbox: Any, suite: Suite, number: int) -> int:
    """A call that judges nothing."""
    return number


def main() -> None:
    """Four lines."""
    from tests.benchmarks.ray import nothing  # by a name that other processes know, too

    with ray_nodes(2) as nodes:
        with RayPool(nodes.address) as far, DockerSandbox(workers=2) as near:
            pools: dict[str, Pool] = {"near": near, "far": far}
            for name, pool in pools.items():
                judged(pool, work(), cluster=name == "far")
            time.sleep(5)
            idle = cluster_cpu(), time.perf_counter()
            time.sleep(IDLE_S)
            idle_cores = (cluster_cpu() - idle[0]) / (time.perf_counter() - idle[1])
            took: dict[str, list[Spent]] = {"near": [], "far": []}
            for turn in range(ROUNDS):
                for name in ("near", "far") if turn % 2 else ("far", "near"):
                    took[name].append(judged(pools[name], work(), cluster=name == "far"))
        median = {name: Spent(*map(statistics.median, zip(*spent, strict=True))) for name, spent in took.items()}
        print(f"\n{'verdicts a second on two machines by one pool of two':<57}{'ratio':>8}{'':13}{'target':>8}")
        at_work = median["far"].cpu - idle_cores * median["far"].wall
        for how, ratio in (
            ("by CPU", median["near"].cpu / at_work * (CORES - idle_cores) / CORES),
            ("by the clock", median["near"].wall / median["far"].wall),
        ):
            name = f"{TESTS} tests, {SOLUTIONS} solutions a problem, {how}"
            print(f"{name:<57}{ratio:7.2f}x{'':13}{0.9:7g}x  {'met' if ratio >= 0.9 else 'NOT MET'}")
        for name, spent in median.items():
            print(f"  {name}: {1000 * spent.cpu:.1f} ms of CPU a verdict, the driver's {1000 * spent.driver:.2f} ms")
        print(f"  Ray's processes while nothing happens: {idle_cores:.3f} cores")
        with RayPool(nodes.address, {"workers": WORKERS}) as far:
            suite = work()[0][1]
            wall, used = time.perf_counter(), time.process_time()
            for _ in far.completed(lambda number: far.call(nothing, suite, number), range(CALLS)):
                pass
            wall, used = time.perf_counter() - wall, time.process_time() - used
        print(
            f"a call that does nothing: {1000 * used / CALLS:.2f} ms of the driver's CPU, {CALLS / wall:,.0f} calls/s on two machines"
        )


if __name__ == "__main__":
    main()
