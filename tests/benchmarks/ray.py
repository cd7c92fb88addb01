"""What Ray costs: two machines of one core beside one pool of two workers, on the same two cores, in turns; and what a verdict
costs the driver, which bounds how many machines it can keep busy.
"""

import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

from ocr_assets.grading.batch import Item, grade_many
from ocr_assets.programs.suites import Suite, suite_from_json
from resources.sandbox.docker_pool import DockerSandbox
from resources.sandbox.pool import Pool
from resources.sandbox.ray_pool import RayPool
from tests.support.ray_cluster import ray_nodes

PROBLEMS, SOLUTIONS, TESTS, ROUNDS = 5, 12, 10, 5
INPUT_KB = 4  # of each test
CALLS = 3_000
_serial = iter(range(sys.maxsize))  # no program is ever the same twice


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


def judged(pool: Pool, items: Sequence[tuple[Item, Suite]]) -> tuple[float, float]:
    """Seconds, and CPU seconds of this process, a verdict."""
    wall, cpu = time.perf_counter(), time.process_time()
    assert [verdict["verdict"] for verdict in grade_many(pool, items)] == ["accepted"] * len(items)
    return (time.perf_counter() - wall) / len(items), (time.process_time() - cpu) / len(items)


def nothing(sandbox: Any, suite: Suite, number: int) -> int:
    """A call that judges nothing."""
    return number


def main() -> None:
    """Three lines."""
    from tests.benchmarks.ray import nothing  # by a name that other processes know, too

    with ray_nodes(2) as nodes, RayPool(nodes.address) as far, DockerSandbox(workers=2) as near:
        pools: dict[str, Pool] = {"near": near, "far": far}
        for pool in pools.values():
            judged(pool, work())
        took: dict[str, list[tuple[float, float]]] = {"near": [], "far": []}
        for turn in range(ROUNDS):
            for name in ("near", "far") if turn % 2 else ("far", "near"):
                took[name].append(judged(pools[name], work()))
        ratio = statistics.median(near[0] / far[0] for near, far in zip(took["near"], took["far"], strict=True))
        print(f"\n{'verdicts a second on two machines by one pool of two':<57}{'ratio':>8}{'':13}{'target':>8}")
        print(
            f"{f'{TESTS} tests, {SOLUTIONS} solutions a problem':<57}{ratio:7.2f}x{'':13}{0.9:7g}x  {'met' if ratio >= 0.9 else 'NOT MET'}"
        )
        cpu = {name: 1000 * statistics.median(one[1] for one in rounds) for name, rounds in took.items()}
        print(f"the driver's CPU a verdict: {cpu['far']:.2f} ms with Ray, {cpu['near']:.2f} ms with sandboxes of its own")
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
