"""The arithmetic of the model of many machines (``tests/benchmarks/cluster.py``), where it can be worked out by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.benchmarks.cluster import Costs, saturates_at, simulate


def test_without_overhead_cores_share_the_work_evenly() -> None:
    free = Costs(0, 0, 0, [2.0], latency_s=0)
    assert simulate(free, 1, 4, 40).seconds == pytest.approx(40 * 2 / 4)
    assert simulate(free, 4, 4, 320).seconds == pytest.approx(320 * 2 / 16)
    assert simulate(free, 2, 2, 40).cores == pytest.approx(1) and simulate(free, 2, 2, 40).driver == 0


def test_with_cores_enough_the_driver_is_the_bound() -> None:
    costs = Costs(0.002, 0.5, 0.001, [0.01], latency_s=0)
    found = simulate(costs, 8, 16, 20_000, batch=1_000)
    assert costs.driver_s(1_000) == pytest.approx(0.0035)
    assert found.rate == pytest.approx(1 / 0.0035, rel=0.02) and found.driver == pytest.approx(1, abs=0.02)


def test_the_driver_is_full_where_the_cores_bring_as_much_as_it_takes() -> None:
    costs = Costs(0.004, 0, 0.001, [1.0], latency_s=0)
    assert saturates_at(costs) == pytest.approx(200)
    below, above = simulate(costs, 10, 10, 4_000), simulate(costs, 40, 10, 4_000)
    assert below.cores > 0.9 and below.driver == pytest.approx(0.5, abs=0.06)
    assert above.driver > 0.9 and above.cores == pytest.approx(0.5, abs=0.06)


def test_latency_is_hidden_by_what_is_at_hand() -> None:
    far = Costs(0, 0, 0, [1.0], latency_s=1.0)
    assert simulate(far, 2, 4, 800).cores > 0.97


@settings(max_examples=30)
@given(
    call=st.floats(0, 0.1), row=st.floats(0, 0.1), suites=st.lists(st.floats(0.01, 5), min_size=1, max_size=5),
    nodes=st.integers(1, 4), cores=st.integers(1, 4), verdicts=st.integers(1, 200), batch=st.integers(1, 50),
)  # fmt: skip
def test_nobody_works_more_than_there_is_time(
    call: float, row: float, suites: list[float], nodes: int, cores: int, verdicts: int, batch: int
) -> None:
    costs = Costs(call, 0.01, row, suites)
    found = simulate(costs, nodes, cores, verdicts, batch)
    least = max(verdicts * min(suites) / (nodes * cores), verdicts * (call + row))
    most = verdicts * (max(suites) + call + row + 0.01 + 1) + 1
    assert least <= found.seconds * (1 + 1e-9) <= most
    assert 0 <= found.driver <= 1 + 1e-9 and 0 < found.cores <= 1 + 1e-9
