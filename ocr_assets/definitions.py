"""The code location: assets, jobs, schedules and resources put together. Nothing else.

Each setting of the outside world is a field of a resource (``resources/settings``) and can be given as an environment
variable; what is not given keeps its default.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from ocr_assets.analysis.asked_assets import critiques, reasoning_patterns
from ocr_assets.analysis.assets import subsets, token_statistics
from ocr_assets.automation import JOBS, governed, schedules, sensors, upkeep_schedule
from ocr_assets.evaluation.assets import (
    benchmark_problems,
    evaluation_comparison,
    evaluation_samples,
    evaluation_verdicts,
    evaluations,
)
from ocr_assets.exports.assets import RELEASE_ASSETS
from ocr_assets.platform.sections import refuse_unknown
from ocr_assets.platform.terminal import terminal
from ocr_assets.problems.assets import clean_problems, contamination_report, deduped_problems, raw_problems
from ocr_assets.synthesis.answer_assets import (
    kodcode_responses,
    self_verification,
    style_conversions,
    synthetic_attempts,
    synthetic_triplets,
)
from ocr_assets.synthesis.assets import question_screening, synthetic_questions
from ocr_assets.traces.assets import r1_traces, solutions
from ocr_assets.training.assets import finetuned_model, packed_sft, training_mix
from ocr_assets.verification.assets import suite_quality, suite_validation, verdicts, verified_triplets
from resources.settings import (
    AutomationSettings,
    OpenLineageSettings,
    UpkeepSettings,
    WorkSettings,
    WrongSetting,
    from_environment,
    read_project,
    resources_from_environment,
)

ASSETS = [
    raw_problems,
    deduped_problems,
    contamination_report,
    clean_problems,
    synthetic_questions,
    question_screening,
    synthetic_attempts,
    self_verification,
    style_conversions,
    synthetic_triplets,
    kodcode_responses,
    r1_traces,
    solutions,
    suite_validation,
    suite_quality,
    verdicts,
    verified_triplets,
    token_statistics,
    subsets,
    reasoning_patterns,
    critiques,
    *RELEASE_ASSETS,
    training_mix,
    packed_sft,
    finetuned_model,
    benchmark_problems,
    evaluation_samples,
    evaluation_verdicts,
    evaluations,
    evaluation_comparison,
]


def build_definitions(**overrides: Any) -> dg.Definitions:
    """The definitions, with resources replaced by name: ``build_definitions(teacher=TeacherResource(kind="endpoint", …))``."""
    refuse_unknown(read_project(), ASSETS)
    resources = {**resources_from_environment(), **overrides}
    from_environment(OpenLineageSettings)  # a wrong one is refused now, not in each step
    from_environment(WorkSettings)
    automation = from_environment(AutomationSettings)
    assets = governed(ASSETS, automation, resources)
    conditioned = [spec.key for asset in assets for spec in asset.specs if spec.automation_condition is not None]
    try:
        by_clock, by_change = schedules(automation), sensors(automation, conditioned)
    except ValueError as error:
        raise WrongSetting(f"wrong setting: [automation] {error}") from None
    return dg.Definitions(
        assets=assets,
        jobs=JOBS,
        schedules=[*by_clock, upkeep_schedule(from_environment(UpkeepSettings), automation.time_zone)],
        sensors=by_change,
        loggers={"console": terminal},
        resources=resources,
        # One process a run: a step in a process of its own costs four seconds, and the stages wait for each other anyway.
        executor=dg.in_process_executor,
    )


try:
    defs = build_definitions()
except WrongSetting as error:
    raise error.with_traceback(None) from None  # Dagster prints what it is given: one line says it, our frames would not
