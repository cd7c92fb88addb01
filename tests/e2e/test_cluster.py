"""The graph with its programs and its counting on a Ray cluster: the same tables as on one machine."""

from pathlib import Path

import pytest

from tests.support.graph import TO_THE_RELEASE, only, open_lake, run
from tests.support.ray_cluster import ray_nodes

pytestmark = pytest.mark.long

# Tables in which nothing is measured, by data version.
SAME = ("solutions", "token_counts", "token_statistics")
VERDICTS = """
SELECT solution_id, suite_id, verdict, tests_passed, tests_total, first_failure, message, image, isolation_level, grader_version, flags
FROM verdicts ORDER BY ALL
"""


def test_tables_are_those_of_one_machine(tmp_path: Path) -> None:
    steps = ("run", *only(*TO_THE_RELEASE))
    run(*steps, home=tmp_path / "here", OCR_SANDBOX="docker")
    with ray_nodes() as nodes:
        run(*steps, home=tmp_path / "there", OCR_SANDBOX="ray", OCR_WORK="ray", OCR_RAY_ADDRESS=nodes.address)
    with open_lake(tmp_path / "here") as here, open_lake(tmp_path / "there") as there:
        ours, theirs = here.rows(VERDICTS), there.rows(VERDICTS)
        assert theirs == ours and len(theirs) > 50
        for table in SAME:
            assert there.version(table) == here.version(table), table
