"""Whether a few slow programs hold up the others: programs near a limit, whose tests are repeated, and one that takes very long.

Both figures are ratios over the same programs measured in turns, so that whatever else the machine does meets both.
"""

import functools
import itertools
import statistics
import sys
import time
from collections.abc import Sequence

from ocr_assets.grading.grade import grade
from ocr_assets.programs.suites import Suite, suite_from_json
from resources.sandbox.docker_pool import DockerSandbox
from tests.benchmarks.sandbox import Meter

BURN = """import time
end = time.process_time() + float(input())
while time.process_time() < end:
    pass
print(1)
"""
COUNT, ROUNDS = 60, 3
LONG_S, MANY = 15.0, 1_500
_serial = iter(range(sys.maxsize))  # no program is ever the same twice


def _suite(seconds: Sequence[float], limit: float) -> Suite:
    tests = [{"kind": "stdin", "input": str(burn), "output": "1"} for burn in seconds]
    return suite_from_json({"tests": tests, "limits": {"cpu_s": limit, "language_factor": {"python": 1}}})


def _grade(pool: DockerSandbox, suite: Suite) -> str:
    return grade(pool, "python", f"{BURN}# {next(_serial)}\n", suite)["verdict"]


def near(pool: DockerSandbox) -> float:
    """Programs a second with one of ten near its limit (in one of its ten tests, which takes half of its time), by programs a
    second with all limits far off."""
    seconds = [0.025] * 9 + [0.25]
    work = {"far": [_suite(seconds, 2.0)] * COUNT, "near": [_suite(seconds, 2.0 if n % 10 else 0.26) for n in range(COUNT)]}
    ratios = []
    for turn in range(ROUNDS):
        took = {}
        for name in ("far", "near") if turn % 2 else ("near", "far"):
            start = time.perf_counter()
            for _ in pool.completed(functools.partial(_grade, pool), work[name]):
                pass
            took[name] = time.perf_counter() - start
        ratios.append(took["far"] / took["near"])
    return statistics.median(ratios)


def long(pool: DockerSandbox) -> float:
    """CPU seconds that all programs get a second while many quick ones are graded with a long one at their head, which is near its
    limit and so is repeated, by those that they get without it: what is missing is a core that waits for somebody."""
    quick, slow = _suite([0.005], 2.0), _suite([LONG_S], LONG_S * 1.02)
    meter, rates = Meter(), []
    for work in ([quick] * MANY, [slow] + [quick] * MANY):
        results = pool.completed(functools.partial(_grade, pool), work)
        wall, _, used, _ = meter.read()
        for _ in itertools.islice(results, MANY):
            pass
        ended, _, used_now, _ = meter.read()
        rates.append((used_now - used) / (ended - wall))
        for _ in results:
            pass
    return rates[1] / rates[0]


def main() -> None:
    """Two lines."""
    with DockerSandbox() as pool:
        list(pool.map(functools.partial(_grade, pool), [_suite([0.001], 2.0)] * 8))
        print(f"\n{'with slow programs among others, as fast as without':<57}{'ratio':>8}{'':13}{'target':>8}")
        for name, measure, target in (
            ("one in ten near its limit", near, 0.8),
            (f"one of {LONG_S:g} s among {MANY:,}", long, 0.95),
        ):
            ratio = measure(pool)
            print(f"{name:<57}{ratio:7.2f}x{'':13}{target:7g}x  {'met' if ratio >= target else 'NOT MET'}", flush=True)


if __name__ == "__main__":
    main()
