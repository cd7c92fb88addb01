"""Few rows at once: DuckLake would keep them in its catalog, where structs lose their backslashes and lists cannot hold a NUL."""

from pathlib import Path
from typing import Any

import pytest

from ocr_assets.programs.suites import suite_from_json, suite_row
from ocr_assets.schema import SOLUTIONS, TEST_SUITES, VERDICTS
from resources.lake import RunInfo
from tests.support.lakes import new_lake
from tests.support.rows import row_of

RUN = RunInfo("test")
TEXTS = ["a\\n", "\\", "\\\\", "'", '"', "\\'", "{'a': 1}", "[1, 2]", "NULL", " x ", "a\nb\tc", ", : =", "a\0b"]


def a_suite(text: str) -> dict[str, Any]:
    tests = [{"kind": "stdin", "input": text, "output": text}]
    checker = {"language": "cpp", "source": text, "protocol": "testlib"}
    return dict(suite_row(suite_from_json({"tests": tests, "compare": None, "checker": checker})))


@pytest.mark.slow
@pytest.mark.parametrize("text", TEXTS)
def test_one_row_comes_back_as_it_was(tmp_path: Path, text: str) -> None:
    suite = a_suite(text)
    with new_lake(tmp_path / "lake") as lake:
        with lake.write(RUN, "x") as write:
            write.append(TEST_SUITES, [suite])
            write.append(SOLUTIONS, [row_of(SOLUTIONS, solution_id="s", labels=[text])])
        assert lake.rows("FROM test_suites") == [suite]
        assert lake.rows("SELECT labels FROM solutions") == [{"labels": [text]}]


@pytest.mark.slow
def test_suites_that_lost_their_backslashes_are_forgotten_with_their_verdicts(tmp_path: Path) -> None:
    """A lake as it was written before: two suites came alone, one of them with a backslash."""
    whole, damaged = a_suite("plain"), a_suite('printf("%d\\n", 1)')
    with new_lake(tmp_path / "lake") as lake:
        with lake.cursor() as cursor:
            cursor.execute("CALL lake.set_option('data_inlining_row_limit', 10, table_name => 'test_suites')")
            cursor.execute("DELETE FROM schema_version WHERE version >= 5")
            cursor.execute("INSERT INTO schema_version VALUES (4, 'as it was', '', now())")
        for suite in (whole, damaged):
            with lake.write(RUN, "x") as write:
                write.append(TEST_SUITES, [suite])
        verdicts = [row_of(VERDICTS, verdict_id=suite["suite_id"], suite_id=suite["suite_id"]) for suite in (whole, damaged)]
        with lake.write(RUN, "verdicts") as write:
            write.append(VERDICTS, verdicts)
        assert damaged not in lake.rows("FROM test_suites"), "else there is nothing to be mended any more: the option can go"
    with new_lake(tmp_path / "lake") as lake:
        assert lake.rows("FROM test_suites") == [whole]
        assert [row["suite_id"] for row in lake.rows("FROM verdicts")] == [whole["suite_id"]]
        with lake.write(RUN, "x") as write:
            write.append(TEST_SUITES, [damaged])
        assert damaged in lake.rows("FROM test_suites")
