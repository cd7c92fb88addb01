"""The job ``follow`` through Dagster: what a run committed is parsed and judged, as the assets do it, and it ends by itself."""

from pathlib import Path

import dagster as dg
import pytest

from ocr_assets.definitions import build_definitions
from ocr_assets.programs.published import limits, stdin_test
from ocr_assets.schema import R1_TRACES
from resources.lake import RunInfo
from resources.lake.at_work import StageLock, progress_of
from resources.settings import LakeResource, SandboxResource
from tests.support.lakes import new_lake
from tests.support.rows import problem, put_problems, row_of

SUM = "a, b = map(int, input().split())\nprint(a {} b)"


@pytest.mark.long
def test_what_is_committed_is_parsed_and_judged_and_the_job_ends(tmp_path: Path) -> None:
    tests = [stdin_test(0, "2 3\n", "5\n", "official")]
    references = [{"language": "python", "code": SUM.format("+"), "correct": True, "source": "x"}]
    rows = [problem(n, suite_id=f"suite_{n}", tests=tests, limits=limits(), reference_solutions=references) for n in range(2)]
    contents = {"resp_a": SUM.format("+"), "resp_b": SUM.format("-"), "resp_c": None}
    with new_lake(tmp_path / "lake") as lake, lake.write(RunInfo("test"), "r1_traces") as write:
        put_problems(write, rows)
        for name, code in contents.items():
            said = f"<think>x</think>\n```python\n{code}\n```" if code else "<think>x</think>\nNo."
            answer = {"response_id": name, "problem_id": rows[0]["problem_id"], "language": "python", "content": said}
            write.append(R1_TRACES, [row_of(R1_TRACES, **answer, finish_reason="stop")])
    definitions = build_definitions(lake=LakeResource(home=str(tmp_path)), sandbox=SandboxResource(kind="docker", workers=2))
    job = definitions.resolve_job_def("follow")
    config = {"suite_validation": {"mutants": 1}, "pause_s": 0.1, "patience_s": 0.0}
    done = job.execute_in_process({"ops": {"parse_and_judge": {"config": config}}})
    assert done.success
    with new_lake(tmp_path / "lake") as lake:
        judged = lake.rows("SELECT response_id, verdict FROM verdicts JOIN solutions USING (solution_id) ORDER BY ALL")
        assert [tuple(row.values()) for row in judged] == [("resp_a", "accepted"), ("resp_b", "wrong_answer")]
        assert lake.scalar("SELECT count(DISTINCT problem_id) FROM suite_validation") == 1, "only of problems with responses"
        assert lake.rows("SELECT status FROM suite_quality ORDER BY problem_id") == [
            {"status": "qualified"},
            {"status": "unknown"},
        ]
        edges = lake.rows("SELECT parent, reason FROM record_edge WHERE stage = 'solutions' ORDER BY ALL")
        assert [tuple(row.values()) for row in edges] == [("resp_a", "ok"), ("resp_b", "ok"), ("resp_c", "no_fence")]
        assert lake.scalar("SELECT count(*) FROM run WHERE job = 'follow'") == 1
        version = lake.version("r1_traces")
    told = progress_of(tmp_path / "lake" / "journal", "follow")
    assert told is not None and (told["judged_up_to"], told["done"], told["working"]) == (version, 2, False)
    seen = [event for event in done.all_events if event.event_type == dg.DagsterEventType.ASSET_OBSERVATION]
    assert [event.asset_key for event in seen] == [dg.AssetKey("verdicts")]
    with StageLock(tmp_path / "lake" / "journal", "follow"):
        assert not job.execute_in_process({"ops": {"parse_and_judge": {"config": config}}}, raise_on_error=False).success
