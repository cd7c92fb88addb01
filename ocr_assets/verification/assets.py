"""The assets of the verification stage: ``verdicts`` and ``verified_triplets``."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import dagster as dg
from pydantic import Field

from ocr_assets.analysis import plots
from ocr_assets.progress import Progress
from ocr_assets.publishing import Results, declared, described, picture, publish, run_info
from ocr_assets.records import VERDICTS, VERIFIED_TRIPLETS
from ocr_assets.suites import Suite
from ocr_assets.verification.grade import GRADER_VERSION, GradeSettings, grade_many
from ocr_assets.verification.triplets import BY_GROUP, TRIPLET_EDGES, TRIPLETS, UNJUDGED
from resources.journal import Journal
from resources.lake import Edge, Lake, Write
from resources.settings import LakeResource, SandboxResource, SourcesResource

COMMIT_ROWS, COMMIT_S = 2_000, 60.0


class VerdictsConfig(dg.Config):
    """Defaults for what a problem leaves open."""

    cpu_s: float = Field(2.0, gt=0, description="CPU seconds a test, for C++")
    memory_mb: float = Field(256, gt=0)
    python_factor: float = Field(3.0, gt=0, description="How much more CPU time Python gets")
    cpp_factor: float = Field(1.0, gt=0)
    stop_at_first_failure: bool = True


@dg.asset(
    group_name="verification",
    deps=["solutions", "clean_problems"],
    check_specs=declared(VERDICTS),
    metadata=described(VERDICTS),
    kinds={"docker", "duckdb"},
)
def verdicts(
    context: dg.AssetExecutionContext,
    config: VerdictsConfig,
    lake: LakeResource,
    sources: SourcesResource,
    sandbox: SandboxResource,
) -> Results:
    """What the sandbox found: one verdict for each solution, suite and grader version; only new ones are run.

    A verdict is journalled the moment it is there, so a killed run loses none. A fault of the sandbox is kept as
    ``sandbox_error``, which is no verdict: it is run again next time.
    """

    def judge(store: Lake, write: Write) -> Mapping[str, Any]:
        write.reads("solutions", "clean_problems")
        settings = GradeSettings(**config.model_dump())
        found: Counter[str] = Counter()
        with Journal(lake.journals, "verdicts") as journal:
            _keep(store, context, list(journal.recovered()))
            journal.clear()
            owed = store.scalar(f"SELECT count(*) FROM ({UNJUDGED})", {"grader": GRADER_VERSION})
            if owed:
                start = last = time.monotonic()
                rows: list[Any] = []
                with (
                    sandbox.opened(trusted=sources.only_bundled) as pool,
                    Progress("verdicts", owed, context.log.info, "programs") as progress,
                ):
                    items: Any = store.stream(UNJUDGED, {"grader": GRADER_VERSION})
                    try:
                        for verdict in grade_many(pool, items, lambda problem: _suite(store, problem), settings):
                            journal.append(verdict)
                            rows.append(verdict)
                            found[verdict["verdict"]] += 1
                            progress.add(1, ", ".join(f"{n} {name}" for name, n in found.most_common(4)))
                            if len(rows) >= COMMIT_ROWS or time.monotonic() - last >= COMMIT_S:
                                _keep(store, context, rows)
                                journal.clear()
                                rows, last = [], time.monotonic()
                    finally:
                        _keep(store, context, rows)
                        journal.clear()
                    faults = pool.faults
                seconds = time.monotonic() - start
                speed = {"programs a second": round(owed / seconds, 1), "sandbox faults": faults}
            else:
                speed = {"sandbox faults": 0}
        context.log.info(f"verdicts: {sum(found.values()):,} sandbox runs")
        return {"sandbox runs": sum(found.values()), "new verdicts": dict(found), **speed}

    yield from publish(context, lake, VERDICTS, judge)


def _suite(store: Lake, problem_id: str) -> Suite:
    row = store.rows("SELECT tests, compare, checker, interactor, limits FROM clean_problems WHERE problem_id = ?", [problem_id])
    return row[0]  # type: ignore[return-value]


def _keep(store: Lake, context: dg.AssetExecutionContext, rows: list[Any]) -> None:
    """Verdicts and their lineage into the lake, in one transaction."""
    if not rows:
        return
    unique = {row["verdict_id"]: row for row in rows}
    edges: list[Edge] = [
        {"child": row["verdict_id"], "parent": row["solution_id"], "relation": "derived", "reason": row["verdict"]}
        for row in unique.values()
    ]
    with store.write(run_info(context), "verdicts") as write:
        write.upsert(VERDICTS, unique.values())
        write.edges(edges, replace=False)


@dg.asset(
    group_name="verification",
    deps=[verdicts, "solutions", "clean_problems"],
    check_specs=declared(VERIFIED_TRIPLETS),
    metadata=described(VERIFIED_TRIPLETS),
    kinds={"duckdb"},
)
def verified_triplets(context: dg.AssetExecutionContext, lake: LakeResource) -> Results:
    """Question, solution and suite with their verdict: every solution of a clean problem, whatever became of it."""

    def join(store: Lake, write: Write) -> Mapping[str, Any]:
        write.reads("verdicts", "solutions", "clean_problems")
        write.sync_query(VERIFIED_TRIPLETS, TRIPLETS, {"grader": GRADER_VERSION})
        write.edges_query(TRIPLET_EDGES, {"grader": GRADER_VERSION})
        return {}

    def pictures(store: Lake) -> Mapping[str, Any]:
        drawn = {}
        for column in ("source", "difficulty", "language"):
            rows = store.rows(BY_GROUP.format(column=f"coalesce({column}, 'unknown')"))
            drawn[f"verdicts by {column}"] = picture(plots.stacked_verdicts(rows, f"Verdicts by {column}"), f"by {column}")
        return drawn

    yield from publish(context, lake, VERIFIED_TRIPLETS, join, after=pictures)
