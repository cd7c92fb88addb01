"""The assets of the traces stage: ``r1_traces`` and ``solutions``."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from ocr_assets import samples
from ocr_assets.analysis import plots
from ocr_assets.progress import Progress
from ocr_assets.publishing import Results, declared, described, picture, publish, run_info
from ocr_assets.records import R1_TRACES, SOLUTIONS, Response, Solution
from ocr_assets.traces.collect import Collected, collect
from ocr_assets.traces.parsing import PARSER_VERSION, solution_row
from ocr_assets.traces.planning import Wanted, count_wanted, plan
from ocr_assets.traces.prompts import load_templates
from resources.journal import Journal
from resources.lake import Edge, Lake, Write
from resources.settings import LakeResource, TeacherResource
from resources.teacher.api import ChatAnswer, Sampling


class TracesConfig(dg.Config):
    """What is asked of the teacher. Changing the sampling, a template or the model asks anew; raising n asks for more."""

    python_samples: int = Field(6, ge=0, description="Python responses a problem")
    cpp_samples: int = Field(2, ge=0, description="C++ responses a problem (stdin problems only)")
    temperature: float = Field(0.6, ge=0)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(16_384, ge=1)
    templates: str | None = Field(None, description="Folder whose <name>.jinja files replace the prompts")


@dg.asset(
    group_name="traces",
    deps=["clean_problems"],
    check_specs=declared(R1_TRACES),
    metadata=described(R1_TRACES),
    kinds={"vllm", "duckdb"},
)
def r1_traces(context: dg.AssetExecutionContext, config: TracesConfig, lake: LakeResource, teacher: TeacherResource) -> Results:
    """The teacher's raw responses. Only what the lake does not hold is asked; each answer is on disk the moment it arrives."""

    def ask(store: Lake, write: Write) -> Mapping[str, Any]:
        write.reads("clean_problems")
        model = teacher.opened(samples.RESPONSES)
        sampling = Sampling(config.temperature, config.top_p, config.max_tokens)
        wanted = Wanted({"python": config.python_samples, "cpp": config.cpp_samples}, sampling, model.model)
        templates = load_templates(Path(config.templates) if config.templates else None)
        with Journal(lake.journals, "r1_traces") as journal:
            _keep(store, context, list(journal.recovered()))
            journal.clear()
            known = {row["response_id"] for row in store.stream("SELECT response_id FROM r1_traces", size=8192)}
            total = count_wanted(store.stream("SELECT entry FROM clean_problems", size=8192), wanted)
            problems = store.stream(
                "SELECT problem_id, statement, starter_code, entry, origins FROM clean_problems ORDER BY problem_id"
            )
            with Progress("r1_traces", max(0, total - len(known)), context.log.info, "responses") as progress:

                def watch(answer: ChatAnswer, so_far: Collected) -> None:
                    progress.add(1, f"{so_far.tokens:,} tokens" + (f", failed: {so_far.failed}" if so_far.failed else ""))

                done = asyncio.run(
                    collect(
                        model,
                        plan(problems, wanted, templates, known),
                        wanted,
                        journal,
                        lambda rows: _keep(store, context, rows),
                        watch,
                    )
                )
        context.log.info(
            f"r1_traces: {done.answered + sum(done.failed.values()):,} teacher requests, {done.unanswered:,} unanswered"
        )
        return {
            "teacher requests": done.answered + sum(done.failed.values()),
            "unanswered": done.unanswered,
            "failed": done.failed,
            "completion tokens": done.tokens,
        }

    yield from publish(context, lake, R1_TRACES, ask)


def _keep(store: Lake, context: dg.AssetExecutionContext, rows: list[Any]) -> None:
    """Responses and their lineage into the lake, in one transaction."""
    if not rows:
        return
    unique: dict[str, Response] = {row["response_id"]: row for row in rows}
    edges: list[Edge] = [
        {"child": row["response_id"], "parent": row["problem_id"], "relation": "derived", "reason": f"asked {row['model']}"}
        for row in unique.values()
    ]
    with store.write(run_info(context), "r1_traces") as write:
        write.append(R1_TRACES, unique.values())
        write.edges(edges, replace=False)


# Responses not parsed yet, or parsed by another version of the parser.
UNPARSED = """
SELECT r.*, p.entry FROM r1_traces r JOIN deduped_problems p USING (problem_id)
ANTI JOIN (SELECT response_id FROM solutions WHERE parser_version = $parser) s USING (response_id)
WHERE r.failure IS NULL
"""

SOLUTION_EDGES = """
SELECT solution_id AS child, response_id AS parent, 'derived' AS relation,
       CASE WHEN parses = false THEN 'syntax error' ELSE parse_status END AS reason
FROM solutions
"""


@dg.asset(
    group_name="traces",
    deps=[r1_traces],
    check_specs=declared(SOLUTIONS),
    metadata=described(SOLUTIONS),
    kinds={"duckdb"},
)
def solutions(context: dg.AssetExecutionContext, lake: LakeResource) -> Results:
    """Responses taken apart: reasoning, answer, code, and whether the code parses; every response keeps its reason code."""

    def parse(store: Lake, write: Write) -> Mapping[str, Any]:
        write.reads("r1_traces")

        def rows() -> Iterator[Solution]:
            with Progress("solutions", None, context.log.info, "responses") as progress:
                for response in store.stream(UNPARSED, {"parser": PARSER_VERSION}):
                    yield solution_row(response)
                    progress.add()

        with store.write(run_info(context), "solutions") as parsed:
            parsed.upsert(SOLUTIONS, rows())
        write.edges_query(SOLUTION_EDGES)
        return {}

    def pictures(store: Lake) -> Mapping[str, Any]:
        counts = store.rows("SELECT parse_status, count(*) AS rows FROM solutions GROUP BY ALL ORDER BY rows DESC")
        png = plots.bars({row["parse_status"]: row["rows"] for row in counts}, "Parse status", "responses")
        return {"parse status": picture(png, "parse status")}

    yield from publish(context, lake, SOLUTIONS, parse, after=pictures)
