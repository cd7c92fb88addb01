"""The assets of the verification stage: ``suite_validation``, ``suite_quality``, ``verdicts``, ``verified_triplets``."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import dagster as dg

from ocr_assets.grading.settings import GradingSettings
from ocr_assets.grading.version import GRADER_VERSION, PARTS
from ocr_assets.grading.version import parameters as version_parameters
from ocr_assets.platform import plots, publish
from ocr_assets.platform.assets import Results, in_force, lake_asset
from ocr_assets.platform.publish import picture, run_info
from ocr_assets.schema import SUITE_QUALITY, SUITE_VALIDATION, VERDICTS, VERIFIED_TRIPLETS
from ocr_assets.verification.judging import Workplace, judge_new, sum_up_quality, validate_new
from ocr_assets.verification.settings import QualitySettings, ValidationSettings
from ocr_assets.verification.triplets import BY_GROUP, DISTRIBUTION, TRIPLET_EDGES, TRIPLETS
from ocr_assets.verification.validation.quality import STATUSES, STRENGTH
from resources.lake import Lake, Write
from resources.settings import LakeResource, SandboxResource, SourcesResource, from_environment


class ValidationConfig(ValidationSettings, dg.Config):
    """``ValidationSettings`` as the asset's configuration."""


class QualityConfig(QualitySettings, dg.Config):
    """``QualitySettings`` as the asset's configuration."""


class VerdictsConfig(GradingSettings, dg.Config):
    """``GradingSettings`` as the asset's configuration."""


# What a verdict depends on beside program and suite; limits that a problem states itself win over the settings.
GRADER = {"grader": GRADER_VERSION, "parts": PARTS, "online_judge": from_environment(SandboxResource).online_judge}


def workplace(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    store: Lake,
    lake: LakeResource,
    sources: SourcesResource,
    sandbox: SandboxResource,
) -> Workplace:
    """Where the programs of a run are judged."""
    pool = sandbox.opened(trusted=sources.only_bundled and not _holds_published(store))
    return Workplace(store, run_info(context), lake.journals, pool, sandbox.online_judge, context.log.info)


def _holds_published(store: Lake) -> bool:
    """Whether programs are in the lake that others published, whatever the settings are now. No input of the stage."""
    with closing(store.plain_cursor()) as cursor:
        return cursor.execute("SELECT 1 FROM r1_traces WHERE origin IS NOT NULL LIMIT 1").fetchone() is not None


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

    def gather(store: Lake, write: Write) -> Mapping[str, Any]:
        place = workplace(context, store, lake, sources, sandbox)
        with place.journal("suite_validation") as journal:
            counts, figures = validate_new(place, journal, config)
        context.log.info(f"suite_validation: {sum(counts.values()):,} sandbox runs")
        faults = sum(count for name, count in counts.items() if name.endswith(" sandbox_error"))
        return {"sandbox runs": sum(counts.values()), "new programs": dict(counts), publish.LEFT: faults, **figures}

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

    def sum_up(store: Lake, write: Write) -> Mapping[str, Any]:
        sum_up_quality(write, config)
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
        place = workplace(context, store, lake, sources, sandbox)
        with place.journal("verdicts") as journal:
            counts, figures = judge_new(place, journal, config)
        context.log.info(f"verdicts: {sum(counts.values()):,} sandbox runs")
        done = {"sandbox runs": sum(counts.values()), "new verdicts": dict(counts)}
        return {**done, publish.LEFT: counts["sandbox_error"], **figures}

    def pictures(store: Lake) -> Mapping[str, Any]:
        counts = {row["verdict"]: row["rows"] for row in store.rows(DISTRIBUTION, {"grader": GRADER_VERSION})}
        return {"verdict distribution": picture(plots.bars(counts, "Verdicts of this grader", "programs"), "verdicts")}

    yield from publish.append(context, lake, VERDICTS, judge, after=pictures)


@lake_asset(
    VERIFIED_TRIPLETS,
    deps=[verdicts, suite_quality, "r1_traces", "solutions", "clean_problems", "deduped_problems"],
    decided_by=GRADER,
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
