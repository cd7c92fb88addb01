"""The teacher's part of ``make bench``: planning, the endpoint client, and the pipeline around vLLM. Figures, no test.

Each comparison is taken in one run on the same machine. vLLM's part needs vLLM (``make`` installs its CPU build for tests).
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

from ocr_assets.attempts import Fixed
from ocr_assets.lineage import MACROS
from ocr_assets.prompts import load_templates, prompt_hash
from ocr_assets.records import CLEAN_PROBLEMS, TABLES
from ocr_assets.traces.planning import Wanted, plan
from ocr_assets.traces.prompts import NAMES, solution_prompt
from resources.lake import Lake, RunInfo
from resources.teacher.api import Sampling

PROBLEMS, PYTHON, WITH_CPP = 28_904, 25, 14_112  # 28,904 × 25 Python and 14,112 C++ responses: OpenCodeReasoning's 736,712


def peak_mb() -> float:
    """The most memory this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def problem(number: int) -> dict:
    """A problem row of ordinary size; only stdin problems are asked in C++."""
    row: dict = {column.name: None for column in CLEAN_PROBLEMS.columns}
    lists = ("tags", "tests", "reference_solutions", "raw_ids", "origins")
    row.update({name: [] for name in lists})
    row.update({column.name: "x" for column in CLEAN_PROBLEMS.columns if not column.nullable and row[column.name] is None})
    limits = dict.fromkeys(("cpu_s", "wall_s", "memory_mb", "output_mb", "processes", "python_factor", "cpp_factor"))
    row.update(
        problem_id=f"prob_{number:020x}", dataset="taco", contamination="clean", limits=limits, question_tokens=400,
        test_conflicts=0, tests_left_out=0, statement=f"Problem {number}. " + "Given are n numbers and q questions. " * 40,
        entry=None if number < WITH_CPP else "solve", origins=[f"taco/train/{number}"],
    )  # fmt: skip
    return row


def planning() -> None:
    """736,712 requests against a lake that holds all but 1 %."""
    wanted = Wanted({"python": Fixed(PYTHON), "cpp": Fixed(1)}, Sampling(), "deepseek-ai/DeepSeek-R1", load_templates(NAMES))
    with tempfile.TemporaryDirectory() as folder, Lake(Path(folder), tables=TABLES, setup_sql=MACROS) as store:
        with store.write(RunInfo("bench"), "bench") as write:
            write.append(CLEAN_PROBLEMS, (problem(number) for number in range(PROBLEMS)))
        fill(store, wanted)
        before, start = peak_mb(), time.perf_counter()
        with plan(store, wanted) as todo:
            planned, asked = time.perf_counter() - start, sum(1 for _ in todo.requests)
        seconds = time.perf_counter() - start
        assert asked == todo.missing
        print(
            f"planning {todo.wanted:,} requests, {asked:,} missing: {planned:.1f} s to the first request, {seconds:.1f} s in all; "
            f"peak memory {before:,.0f} -> {peak_mb():,.0f} MiB"
        )


def fill(store: Lake, wanted: Wanted) -> None:
    """All responses but every hundredth, short ones, straight into the table."""
    import pyarrow as pa

    prompts: dict[str, list] = {"problem_id": [], "language": [], "template_hash": [], "prompt_hash": [], "samples": []}
    for number in range(PROBLEMS):
        row = problem(number)
        for language, samples in (("python", PYTHON), ("cpp", 1 if number < WITH_CPP else 0)):
            if not samples:
                continue
            template = wanted.templates["cpp_stdin" if language == "cpp" else "python_call" if row["entry"] else "python_stdin"]
            values = (row["problem_id"], language, template.hash, prompt_hash(solution_prompt(template, row)), samples)
            for name, value in zip(prompts, values, strict=True):
                prompts[name].append(value)
    with store.cursor() as cursor:
        cursor.register("prompts_held", pa.table(prompts))
        cursor.execute(
            """
            INSERT INTO lake.r1_traces BY NAME
            SELECT 'resp_' || left(md5(prompt_hash || language || i), 20) AS response_id, problem_id, language,
                   i AS sample_index, 'x' AS template, template_hash, prompt_hash, $model AS model, 'endpoint' AS teacher,
                   'template' AS think_mode, 'closing_tag' AS think_form, $sampling AS sampling,
                   repeat('thought ', 50) || md5(prompt_hash || i) AS content, 'server' AS tokens_from, 1 AS attempts,
                   now() AS created_at, 10 AS prompt_tokens, 100 AS completion_tokens
            FROM (SELECT *, unnest(range(samples)) AS i FROM prompts_held)
            WHERE hash(prompt_hash, i) % 100 <> 0
            """,
            {"model": wanted.model, "sampling": wanted.sampling_json},
        )


PARTS = {"planning": planning}


def main(names: list[str] | None = None) -> None:
    """Run all parts, or the named ones."""
    for name in names or list(PARTS):
        PARTS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
