"""Plain functions over rows: in this process, in others, or on a Ray cluster; the rows are the same."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ocr_assets.analysis.tokens import count_new
from ocr_assets.problems.dedup import near
from ocr_assets.schema import R1_TRACES, VERIFIED_TRIPLETS
from ocr_assets.traces.solutions import SHARD, parse_new
from resources import work as work_module
from resources.lake import RunInfo
from resources.ray_cluster import ClusterUnavailable
from resources.settings.work import WorkSettings
from resources.tokenizer import QwenTokenizer
from resources.work import HERE, Processes, RayTasks, Work
from tests.support.lakes import new_lake
from tests.support.ray_cluster import ray_nodes
from tests.support.rows import problem, put_problems, row_of
from tests.support.size import size

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayTasks]:
    with ray_nodes() as nodes:
        yield RayTasks(nodes.address)


def doubled(number: int) -> int:
    return 2 * number


def failing(number: int) -> int:
    if number == 3:
        raise ZeroDivisionError("the third")
    return number


def ending(number: int) -> int:
    raise StopIteration


def process_of(number: int) -> int:
    return os.getpid()


@pytest.mark.parametrize("kind", ["here", "processes", "ray"])
def test_results_come_in_order_and_faults_come_out(kind: str, cluster: RayTasks) -> None:
    work: Work = {"here": HERE, "processes": Processes(2), "ray": cluster}[kind]
    assert list(work.map(doubled, iter(range(50)))) == [2 * number for number in range(50)]
    assert list(work.map(doubled, [])) == []
    with pytest.raises(ZeroDivisionError):
        list(work.map(failing, range(9)))
    with pytest.raises(RuntimeError):
        list(work.map(ending, range(9)))
    drawn: list[int] = []
    results = work.map(doubled, (drawn.append(number) or number for number in range(100)))
    assert next(results) == 0 and len(drawn) <= 2 * work.jobs + 2, "a bounded number is in memory"


def test_a_machine_with_other_code_works_on_nothing(cluster: RayTasks, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cluster.jobs == 2 and os.getpid() not in cluster.map(process_of, range(4))
    monkeypatch.setattr(work_module, "code_digest", lambda: "another")
    with pytest.raises(ClusterUnavailable, match="install the same version"):
        list(cluster.map(doubled, range(2)))


def test_where_is_a_setting(cluster: RayTasks) -> None:
    assert WorkSettings().opened(processes=False) is HERE and isinstance(WorkSettings().opened(), Processes)
    assert isinstance(WorkSettings(kind="ray").opened(), RayTasks)


def test_tables_are_those_of_one_process(cluster: RayTasks, tmp_path: Path) -> None:
    """Parsed, and their tokens counted: by data version."""
    count = size(3 * SHARD, 40 * SHARD)
    answers = ["<think>\nhm {}\n</think>\n```python\nprint({})\n```", "<think>\nno end {}", "def broken({}:"]
    traces = [
        row_of(R1_TRACES, response_id=f"resp_{n}", problem_id=problem(1)["problem_id"], language="python", content=answers[n % 3].format(n, n), finish_reason="stop")
        for n in range(count)
    ]  # fmt: skip

    def versions(name: str, work: Work) -> list[Any]:
        with new_lake(tmp_path / name) as lake:
            with lake.write(RunInfo("test"), "test") as write:
                put_problems(write, [problem(1)])
                write.append(R1_TRACES, traces)
            parse_new(lake, RunInfo("test"), lambda line: None, work)
            with lake.write(RunInfo("test"), "test") as write:
                write.append(
                    VERIFIED_TRIPLETS,
                    [
                        row_of(VERIFIED_TRIPLETS, triplet_id=f"trip_{n}", problem_id=row["problem_id"], solution_id=row["solution_id"], question="Print it.")
                        for n, row in enumerate(lake.rows("FROM solutions ORDER BY solution_id"))
                    ],
                )  # fmt: skip
            assert count_new(lake, RunInfo("test"), QwenTokenizer(), lambda line: None, work) == count
            return [lake.version("solutions"), lake.version("token_counts"), lake.version("record_edge")]

    assert versions("cluster", cluster) == versions("here", HERE)


def test_signatures_and_pairs_are_those_of_one_process(cluster: RayTasks) -> None:
    minhash = near.MinHash()
    statements = [[f"Given {n % 7} numbers, print the sum of all of them and then the product, case {n // 7}" for n in range(start, start + 20)] for start in range(0, 100, 20)]  # fmt: skip

    def found(work: Work) -> tuple[list[str], Any, list[Any]]:
        keys, bands = [], []
        for _, some, signatures in near.prepared_in_parallel(((None, part) for part in statements), minhash, work):
            keys += some
            bands.append(signatures)
        hashes = np.concatenate(bands)
        flat = [text for part in statements for text in part]
        pairs = near.candidates(hashes, np.ones(len(flat), bool), minhash.agree)
        return keys, hashes.tolist(), sorted(near.measured(pairs, lambda rows: [flat[row] for row in rows], minhash, work=work))

    there, here = found(cluster), found(HERE)
    assert there == here and here[2], "some pairs share their wording"


@pytest.mark.long
def test_vectors_are_those_of_one_process(cluster: RayTasks, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sentence_transformers")
    from resources import embedder
    from resources.embedder import Embedder

    monkeypatch.setattr(embedder, "SHARD", 8)
    texts = [f"the sum of {n} numbers " * (1 + n % 5) for n in range(24)]
    there, here = Embedder(work=cluster).embed(texts), Embedder(work=HERE).embed(texts)
    assert np.abs(there - here).max() < 1e-6
    assert np.array_equal(there, Embedder(work=cluster).embed(texts))
