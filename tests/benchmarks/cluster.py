"""How many machines one driver keeps busy: verdicts over 1 to 64 nodes, as a discrete-event model (SimPy) of measured costs.

``python -m tests.benchmarks.cluster [HOME]`` measures (``cluster_costs.py``), holds the model against one and two real workers and Ray nodes,
and predicts. The driver finds what is owed, sends it, journals what comes back and commits it: Python, and so one core. A node has
cores, and a few calls more than those at hand, as ``resources/sandbox/ray_machine.py`` has it.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import simpy

TESTS, PROBLEMS, SAMPLES, TESTS_A_PROBLEM = 22_100_000, 28_904, 25, 30
WINDOW = 3  # calls a core that a node has at hand, and one more
SLICE_S = 0.02  # a commit shares the driver's core with what else it does
NODE_CORES = 16


@dataclass(frozen=True)
class Costs:
    """Seconds of one core.

    ``call_s``: of the driver, a verdict: found, sent, received, journalled. ``commit_s``: of the driver, a commit; ``row_s``: and
    each row of it. ``suites``: of a node, each a verdict with all its tests; drawn from with replacement. ``latency_s``: between
    driver and node, in which nobody works.
    """

    call_s: float
    commit_s: float
    row_s: float
    suites: Sequence[float]
    latency_s: float = 0.002

    def driver_s(self, batch: int = 2_000) -> float:
        """Of the driver, a verdict in all. Its inverse is the most that one driver does in a second."""
        return self.call_s + self.row_s + self.commit_s / batch

    @property
    def suite_s(self) -> float:
        return sum(self.suites) / len(self.suites)


@dataclass(frozen=True)
class Predicted:
    """``driver`` and ``cores``: the share of the time in which they worked."""

    seconds: float
    verdicts: int
    driver: float
    cores: float

    @property
    def rate(self) -> float:
        return self.verdicts / self.seconds


def simulate(costs: Costs, nodes: int, cores: int, verdicts: int, batch: int = 2_000, seed: int = 0) -> Predicted:
    """Have so many verdicts made by so many nodes of so many cores."""
    env = simpy.Environment()
    draw = random.Random(seed)
    driver, committer = simpy.Resource(env, 1), simpy.Resource(env, 1)
    machines = [simpy.Resource(env, cores) for _ in range(nodes)]
    room: simpy.Store = simpy.Store(env)
    room.items.extend(node for _ in range(WINDOW * cores + 1) for node in range(nodes))
    worked = {"driver": 0.0, "cores": 0.0}
    waiting, under_way = [0], []

    def work(resource: simpy.Resource, seconds: float, whose: str) -> Iterator[Any]:
        with resource.request() as turn:
            yield turn
            yield env.timeout(seconds)
            worked[whose] += seconds

    def commit(rows: int) -> Iterator[Any]:
        left = costs.commit_s + rows * costs.row_s
        with committer.request() as turn:
            yield turn
            while left > 0:
                yield from work(driver, min(SLICE_S, left), "driver")
                left -= SLICE_S

    def judged(node: int, seconds: float) -> Iterator[Any]:
        yield env.timeout(costs.latency_s / 2)
        yield from work(machines[node], seconds, "cores")
        yield env.timeout(costs.latency_s / 2)
        room.put(node)
        yield from work(driver, costs.call_s / 2, "driver")
        waiting[0] += 1
        if waiting[0] == batch:
            waiting[0] = 0
            under_way.append(env.process(commit(batch)))

    def drive() -> Iterator[Any]:
        calls = []
        for _ in range(verdicts):
            node = yield room.get()
            yield from work(driver, costs.call_s / 2, "driver")
            calls.append(env.process(judged(node, draw.choice(costs.suites))))
        yield env.all_of(calls)
        if waiting[0]:
            under_way.append(env.process(commit(waiting[0])))
        yield env.all_of(under_way)

    env.run(env.process(drive()))
    return Predicted(env.now, verdicts, worked["driver"] / env.now, worked["cores"] / (env.now * nodes * cores))


def saturates_at(costs: Costs) -> float:
    """How many cores keep one driver busy all the time."""
    return costs.suite_s / costs.driver_s()


def predictions(costs: Costs) -> None:
    """One line for 1, 2, 4 … 64 nodes of sixteen cores."""
    print(f"\na verdict: {1000 * costs.driver_s():.2f} ms of the driver, {1000 * costs.suite_s:.0f} ms of a node's core")
    print(f"one driver does at most {1 / costs.driver_s():,.0f} verdicts/s; {saturates_at(costs):,.0f} cores keep it busy")
    print(f"{'nodes':>6} {'cores':>6} {'verdicts/s':>11} {'driver':>8} {'cores at work':>14}")
    for nodes in (1, 2, 4, 8, 16, 32, 64):
        found = simulate(costs, nodes, NODE_CORES, min(150_000, 400 * nodes * NODE_CORES))
        print(f"{nodes:>6} {nodes * NODE_CORES:>6} {found.rate:>11,.0f} {found.driver:>8.0%} {found.cores:>14.0%}")


def sizing(costs: Costs) -> None:
    """Hours for the 22.1 million tests of OpenCodeReasoning's 28,904 problems, 25 samples each."""
    verdicts = PROBLEMS * SAMPLES
    print(f"\n{verdicts:,} verdicts of {TESTS_A_PROBLEM} tests: hours, if a verdict takes so much of a core")
    print(f"{'a verdict':>10} " + " ".join(f"{cores:>12,} cores" for cores in (2, 16, 128, 1_024)) + f" {'driver full at':>16}")
    for suite_s in (costs.suite_s, 1.0, 3.0):
        hours = [max(verdicts * suite_s / cores, verdicts * costs.driver_s()) / 3600 for cores in (2, 16, 128, 1_024)]
        bound = f"{suite_s / costs.driver_s():>10,.0f} cores"
        print(f"{suite_s:>8.2f} s " + " ".join(f"{hour:>18,.1f}" for hour in hours) + f" {bound:>16}")


def main(arguments: Sequence[str]) -> None:
    """``arguments``: the home of a lake whose verdicts say what programs take; none: usual solutions on small inputs."""
    from tests.benchmarks import cluster_costs

    costs = cluster_costs.measured(Path(arguments[0]) if arguments else None)
    cluster_costs.compare(costs)
    predictions(costs)
    sizing(costs)


if __name__ == "__main__":
    main(sys.argv[1:])
