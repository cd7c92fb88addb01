"""The assets of the verification stage: ``suite_validation``, ``suite_quality``, ``verdicts``, ``verified_triplets``."""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import dagster as dg

from ocr_assets.grading.batch import grade_many
from ocr_assets.grading.settings import GradingSettings
from ocr_assets.grading.version import GRADER_VERSION, PARTS
from ocr_assets.grading.version import parameters as version_parameters
from ocr_assets.platform import plots, publish
from ocr_assets.platform.assets import Results, in_force, lake_asset
from ocr_assets.platform.progress import Progress
from ocr_assets.platform.publish import picture, run_info
from ocr_assets.platform.sandboxed import run_and_store
from ocr_assets.schema import SUITE_QUALITY, SUITE_VALIDATION, VERDICTS, VERIFIED_TRIPLETS
from ocr_assets.verification.settings import QualitySettings, ValidationSettings
from ocr_assets.verification.storing import store_validation, store_verdicts
from ocr_assets.verification.triplets import BY_GROUP, DISTRIBUTION, TRIPLET_EDGES, TRIPLETS
from ocr_assets.verification.ungraded import UNGRADED, ungraded
from ocr_assets.verification.validation.quality import QUALITY, STATUSES, STRENGTH, UNVALIDATED
from ocr_assets.verification.validation.validate import candidate, plan_salt, validate
from resources.lake import Lake, Write
from resources.lake.journal import Journal
from resources.sandbox.pool import Pool
from resources.settings import LakeResource, SandboxResource, SourcesResource, from_environment


class ValidationConfig(ValidationSettings, dg.Config):
    """``ValidationSettings`` as the asset's configuration."""


class QualityConfig(QualitySettings, dg.Config):
    """``QualitySettings`` as the asset's configuration."""


class VerdictsConfig(GradingSettings, dg.Config):
    """``GradingSettings`` as the asset's configuration."""


# What a verdict depends on beside program and suite; limits that a problem states itself win over the settings.
GRADER = {"grader": GRADER_VERSION, "parts": PARTS, "online_judge": from_environment(SandboxResource).online_judge}


@lake_asset(
    SUITE_VALIDATION,
    deps=["clean_problems", "deduped_problems"],
    kinds={"docker", "duckdb"},
    decided_by=lambda: {"settings": in_force(ValidationConfig), **GRADER},
)
def suite_validation(
    context: dg.AssetExecutionContext,
    config: ValidationConfig,
    lake: LakeResource,
    sources: SourcesResource,
    sandbox: SandboxResource,
) -> Results:
    """What the suites say of programs whose worth is known: reference solutions, right and wrong, and mutants.

    Only suites are run that were not validated yet by this grader with these reference solutions.
    """
    parameters = {"salt": plan_salt(config), **version_parameters(online_judge=sandbox.online_judge)}

    def gather(store: Lake, write: Write) -> Mapping[str, Any]:
        counts: Counter[str] = Counter()

        def graded(pool: Pool, progress: Progress) -> Iterator[list[Any]]:
            candidates = store.stream(UNVALIDATED, parameters)
            for rows in pool.completed(lambda row: validate(pool, candidate(row), config), candidates):
                counts.update(f"{row['role']} {row['verdict']}" for row in rows)
                progress.add(1)
                yield rows

        pool = sandbox.opened(trusted=sources.only_bundled)
        progress = partial(Progress, "suite_validation", log=context.log.info, unit="suites")
        with Journal(lake.journals, "suite_validation") as journal:
            owed = (UNVALIDATED, parameters)
            speed = run_and_store(store, run_info(context), journal, pool, owed, graded, store_validation, progress)
        context.log.info(f"suite_validation: {sum(counts.values()):,} sandbox runs")
        return {"sandbox runs": sum(counts.values()), "new programs": dict(counts), **speed}

    def pictures(store: Lake) -> Mapping[str, Any]:
        rows = store.rows("SELECT role AS value, verdict, count(*) AS rows FROM suite_validation GROUP BY ALL")
        if not rows:
            return {}
        plot = plots.stacked_verdicts(rows, "Verdicts of programs of known worth", "programs")
        return {"verdicts by role": picture(plot, "verdicts by role")}

    yield from publish.append(context, lake, SUITE_VALIDATION, gather, after=pictures)


@lake_asset(
    SUITE_QUALITY,
    deps=[suite_validation, "clean_problems", "deduped_problems"],
    decided_by=lambda: {"settings": in_force(QualityConfig), "grader": GRADER_VERSION},
)
def suite_quality(context: dg.AssetExecutionContext, config: QualityConfig, lake: LakeResource) -> Results:
    """How far each suite's verdicts can be trusted: the share of reference solutions it accepts, of rejected submissions and
    mutants it does not; quarantined where reference solutions fail. Summed up from ``suite_validation``: another threshold
    runs nothing."""
    parameters = {"grader": GRADER_VERSION, "min_tpr": config.min_true_positive_rate}

    def sum_up(store: Lake, write: Write) -> Mapping[str, Any]:
        write.sync_query(SUITE_QUALITY, QUALITY, parameters)
        return {}

    def pictures(store: Lake) -> Mapping[str, Any]:
        statuses = {row["status"]: row["rows"] for row in store.rows(STATUSES)}
        strength = [row["rate"] for row in store.rows(STRENGTH)]
        drawn: dict[str, Any] = {"suites": picture(plots.bars(statuses, "Suites by status", "problems"), "suites by status")}
        if strength:
            plot = plots.histogram(strength, "Wrong programs that suites find", "true-negative rate")
            drawn["strength"] = picture(plot, "strength of suites")
        return drawn

    yield from publish.replace(context, lake, SUITE_QUALITY, sum_up, after=pictures)


@lake_asset(
    VERDICTS,
    deps=["solutions", "clean_problems", "deduped_problems", suite_quality],
    kinds={"docker", "duckdb"},
    decided_by=lambda: {"settings": in_force(VerdictsConfig), **GRADER},
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
        counts: Counter[str] = Counter()

        def graded(pool: Pool, progress: Progress) -> Iterator[list[Any]]:
            for verdict in grade_many(pool, ungraded(store, config, online_judge=sandbox.online_judge), config):
                counts[verdict["verdict"]] += 1
                progress.add(1, ", ".join(f"{n} {name}" for name, n in counts.most_common(4)))
                yield [verdict]

        pool = sandbox.opened(trusted=sources.only_bundled)
        progress = partial(Progress, "verdicts", log=context.log.info, unit="programs")
        with Journal(lake.journals, "verdicts") as journal:
            owed = (UNGRADED, version_parameters(online_judge=sandbox.online_judge))
            speed = run_and_store(store, run_info(context), journal, pool, owed, graded, store_verdicts, progress)
        context.log.info(f"verdicts: {sum(counts.values()):,} sandbox runs")
        return {"sandbox runs": sum(counts.values()), "new verdicts": dict(counts), **speed}

    def pictures(store: Lake) -> Mapping[str, Any]:
        counts = {row["verdict"]: row["rows"] for row in store.rows(DISTRIBUTION, {"grader": GRADER_VERSION})}
        return {"verdict distribution": picture(plots.bars(counts, "Verdicts of this grader", "programs"), "verdicts")}

    yield from publish.append(context, lake, VERDICTS, judge, after=pictures)


@lake_asset(
    VERIFIED_TRIPLETS, deps=[verdicts, suite_quality, "solutions", "clean_problems", "deduped_problems"], decided_by=GRADER
)
def verified_triplets(context: dg.AssetExecutionContext, lake: LakeResource, sandbox: SandboxResource) -> Results:
    """Question, solution and suite with their verdict: every solution of a clean problem, whatever became of it."""
    parameters = version_parameters(online_judge=sandbox.online_judge)

    def join(store: Lake, write: Write) -> Mapping[str, Any]:
        write.sync_query(VERIFIED_TRIPLETS, TRIPLETS, parameters)
        write.edges_query(TRIPLET_EDGES, parameters)
        return {}

    def pictures(store: Lake) -> Mapping[str, Any]:
        drawn = {}
        for column in ("source", "difficulty", "language"):
            rows = store.rows(BY_GROUP.format(column=f"coalesce({column}, 'unknown')"))
            drawn[f"verdicts by {column}"] = picture(plots.stacked_verdicts(rows, f"Verdicts by {column}"), f"by {column}")
        return drawn

    yield from publish.replace(context, lake, VERIFIED_TRIPLETS, join, after=pictures)
