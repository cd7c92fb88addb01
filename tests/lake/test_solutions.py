"""Responses become solutions once; another version of the parser parses again, and other code is another solution."""

from pathlib import Path

import pytest

from ocr_assets.generation import parse as parser
from ocr_assets.schema import R1_TRACES, SOLUTIONS, VERDICTS, content_id
from ocr_assets.traces import solutions
from ocr_assets.traces.solutions import parse_new
from resources.lake import Lake, RunInfo
from tests.support.lakes import new_lake
from tests.support.rows import problem, put_problems, row_of

RUN = RunInfo("test")
ANSWER = "<think>x</think>\n```python\ndef f(x): return x\n```\nUse:\n```python\nprint(f(1))\n```\n"


def responses(*contents: str) -> list[dict]:
    return [
        row_of(R1_TRACES, response_id=f"resp_{n}", problem_id=problem(1)["problem_id"], language="python", content=content,
               finish_reason="stop")
        for n, content in enumerate(contents)
    ]  # fmt: skip


def hold(lake: Lake, rows: list[dict]) -> None:
    with lake.write(RUN, "test") as write:
        put_problems(write, [problem(1)])
        write.append(R1_TRACES, rows)


def test_each_response_is_parsed_once(tmp_path: Path) -> None:
    with new_lake(tmp_path) as lake:
        hold(lake, responses(ANSWER, "no end"))
        assert parse_new(lake, RUN, print) == 0
        rows = lake.rows("FROM solutions ORDER BY response_id")
        assert [row["solution_id"] for row in rows] == [content_id("sol", "resp_0"), content_id("sol", "resp_1")]
        assert [row["parse_status"] for row in rows] == ["ok", "no_think_close"]
        assert lake.rows(solutions.UNPARSED, {"parser": parser.PARSER_VERSION}) == []


@pytest.mark.slow
def test_a_killed_run_keeps_what_it_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At full size a commit of everything would be gigabytes at once, and a kill would cost all of it."""
    monkeypatch.setattr(solutions, "COMMIT_ROWS", 2)
    parsed = iter([1, 2, 3])  # a fourth response is never parsed

    def dying(response: dict) -> dict:
        next(parsed)
        return parser.solution_row(response)

    with new_lake(tmp_path) as lake:
        hold(lake, responses(*[ANSWER] * 5))
        with monkeypatch.context() as killed:
            killed.setattr(solutions, "solution_row", dying)
            with pytest.raises(RuntimeError):
                parse_new(lake, RUN, print)
        assert lake.scalar("SELECT count(*) FROM solutions") == 2
        assert parse_new(lake, RUN, print) == 0
        assert lake.scalar("SELECT count(*) FROM solutions") == 5
        assert lake.scalar("SELECT count(*) FROM record_edge WHERE stage = 'solutions'") == 5


@pytest.mark.slow
def test_a_verdict_of_other_code_is_not_the_new_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with new_lake(tmp_path) as lake:
        hold(lake, responses(ANSWER, ANSWER.replace("f(1)", "g(1)")))
        parse_new(lake, RUN, print)
        before = {row["response_id"]: row for row in lake.rows("FROM solutions")}
        with lake.write(RUN, "test") as write:  # as an earlier parser chose: the usage example for the first
            write.upsert(
                SOLUTIONS, [{**before["resp_0"], "code": "print(f(1))", "code_hash": "code_other", "parser_version": "0"}]
            )
            write.upsert(SOLUTIONS, [{**before["resp_1"], "parser_version": "0"}])
            write.append(VERDICTS, [row_of(VERDICTS, verdict_id="v", solution_id=before["resp_0"]["solution_id"])])
        assert parse_new(lake, RUN, print) == 1
        after = {row["response_id"]: row for row in lake.rows("FROM solutions")}
        assert len(lake.rows("FROM solutions")) == 2 and after["resp_1"] == before["resp_1"]
        assert after["resp_0"]["code"] == "def f(x): return x"
        assert lake.rows("FROM solutions JOIN verdicts USING (solution_id)") == []
        monkeypatch.setattr(solutions, "PARSER_VERSION", "3")
        monkeypatch.setattr(parser, "PARSER_VERSION", "3")
        assert parse_new(lake, RUN, print) == 0, "the same code keeps its id"
        assert {row["solution_id"] for row in lake.rows("FROM solutions")} == {row["solution_id"] for row in after.values()}
