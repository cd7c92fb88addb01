"""A lake for the viewer's tests and measurements: problems, responses to them, verdicts, and texts that would do harm on a page."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ocr_assets.programs.published import limits, stdin_test
from ocr_assets.schema import (
    CONTAMINATION_REPORT,
    JUDGE_VOTES,
    R1_TRACES,
    SOLUTIONS,
    TOKEN_COUNTS,
    VERDICTS,
    VERIFIED_TRIPLETS,
)
from resources.lake import RunInfo
from resources.lake.reading import ReadOnlyLake
from tests.support.lakes import new_lake
from tests.support.rows import problem, put_problems, row_of

RUN = RunInfo("viewed")
OUTCOMES = ("accepted", "wrong_answer", None, "time_limit")


def hostile(where: str) -> str:
    """A text that marks the page it is run in, and asks a server for a picture, in every way a page may fall for."""
    return (
        f"<script>window.harmed='{where}'</script><img src=x onerror=\"window.harmed='{where}'\">"
        f"</code></pre><svg onload=window.harmed=1></svg>![{where}](http://192.0.2.1/{where}.png) "
        f"[{where}](javascript:window.harmed=1) <iframe srcdoc='<script>parent.harmed=1</script>'></iframe> "
        f":material/home: $\\href{{javascript:window.harmed=1}}{{x}}$ **{where}**"
    )


def rows_of(number: int, answers: int, text: str = "") -> dict[Any, list[dict[str, Any]]]:
    """The rows of a problem and of responses to it, by table; ``text`` stands in every text of theirs that others wrote."""
    tests = [stdin_test(i, f"{i}\n{text}", f"{i}\n{text}", "official") for i in range(3)]
    asked = problem(number, suite_id=f"suite_{number}", tests=tests, limits=limits(), title=text or None)
    if text:
        asked |= {"statement": text, "starter_code": text, "source": text, "difficulty": text, "tags": [text], "url": text}
    tables: dict[Any, list[dict[str, Any]]] = {
        table: [] for table in (R1_TRACES, SOLUTIONS, VERDICTS, VERIFIED_TRIPLETS, TOKEN_COUNTS)
    }
    for n in range(answers):
        name = f"{number:05}_{n:03}"
        ids = {"problem_id": asked["problem_id"], "response_id": f"resp_{name}", "language": ("python", "cpp")[n % 2]}
        solved = {**ids, "solution_id": f"sol_{name}"}
        verdict = OUTCOMES[n % len(OUTCOMES)]
        code = f"print({n})\n{text}"
        said = {"content": text or "said", "model": text or "r1", "served_model": text or None, "teacher": text or "endpoint"}
        tables[R1_TRACES].append(row_of(R1_TRACES, **ids, **said, sample_index=n))
        tables[SOLUTIONS].append(
            row_of(SOLUTIONS, **solved, parse_status="ok", reasoning=f"Let me think. {text}", answer=text or "so", code=code)
        )
        reason = f"{verdict}: {text}" if verdict != "accepted" else verdict
        found = {"suite_id": asked["suite_id"], "verdict": verdict, "tests_passed": n % 3, "tests_total": 3}
        if verdict:
            one = {"cpu_s": 0.1, "wall_s": 0.1, "memory_mb": 1.0, "exit_code": 0, "signal": None, "stderr_head": text or None}
            ran = [
                {"index": 0, "verdict": "accepted", "message": "", "stdout_head": None, **one},
                {"index": 1, "verdict": verdict, "message": text, "stdout_head": text or "got", **one},
            ]
            tables[VERDICTS].append(row_of(VERDICTS, **solved, **found, verdict_id=f"ver_{name}", tests=ran, message=text))
        triplet = {**solved, **found, "triplet_id": f"trip_{name}", "verdict_id": f"ver_{name}" if verdict else None}
        shown = {"dataset": asked["dataset"], "source": asked["source"], "difficulty": asked["difficulty"], "question": "q"}
        tables[VERIFIED_TRIPLETS].append(row_of(VERIFIED_TRIPLETS, **triplet, **shown, reason=reason, trusted=n % 5 > 0))
        tables[TOKEN_COUNTS].append(row_of(TOKEN_COUNTS, triplet_id=f"trip_{name}", response_tokens=100 * n))
    return {"problem": [asked], **tables}


def fill(folder: Path, problems: int, answers: int, text: str = "") -> None:
    """Have a new lake hold so many problems with so many responses each; the first one's texts are ``text``."""
    with new_lake(folder) as lake, lake.write(RUN, "verified_triplets") as write:
        staged = [rows_of(number, answers, text if number == 0 else "") for number in range(problems)]
        put_problems(write, [rows["problem"][0] for rows in staged])
        for table in (R1_TRACES, SOLUTIONS, VERDICTS, VERIFIED_TRIPLETS, TOKEN_COUNTS):
            write.append(table, (row for rows in staged for row in rows[table]))
        pair = {"pair_id": "pair_0", "problem_id": staged[0]["problem"][0]["problem_id"]}
        write.append(CONTAMINATION_REPORT, [row_of(CONTAMINATION_REPORT, **pair, benchmark="b", item_question=text or "item")])
        write.append(
            JUDGE_VOTES, [row_of(JUDGE_VOTES, pair_id="pair_0", vote_id="v", judge=text or "judge", answer=text or "yes")]
        )


@contextmanager
def read(folder: Path) -> Iterator[ReadOnlyLake]:
    """The lake, to be read."""
    with ReadOnlyLake(folder) as lake:
        yield lake
