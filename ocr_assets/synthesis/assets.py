"""The assets that make questions: ``synthetic_questions``, a partition a subset, and ``question_screening``."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import dagster as dg

from ocr_assets import samples
from ocr_assets.generation import runner
from ocr_assets.generation.prompts import VARIABLES, template_hashes
from ocr_assets.platform import plots, publish
from ocr_assets.platform.assets import Results, in_force, lake_asset
from ocr_assets.platform.publish import picture, run_info, table_of
from ocr_assets.schema import QUESTION_SCREENING, SYNTHETIC_QUESTIONS
from ocr_assets.synthesis import questions, report
from ocr_assets.synthesis.measuring import VERSION as MEASURING_VERSION
from ocr_assets.synthesis.measuring import measure
from ocr_assets.synthesis.plan import QuestionPlan, plan
from ocr_assets.synthesis.reading import PARSER_VERSION
from ocr_assets.synthesis.screening import screen
from ocr_assets.synthesis.seeds.read import seeds_of
from ocr_assets.synthesis.settings import QuestionSettings, ScreeningSettings
from ocr_assets.synthesis.subsets.definition import load_subsets
from resources.lake import Lake, Write
from resources.lake.journal import Journal
from resources.settings import (
    EmbedderResource,
    LakeResource,
    SynthesisResource,
    TeacherResource,
    TokenizerResource,
    WrongSetting,
    from_environment,
)

try:
    _KNOWN = load_subsets(from_environment(SynthesisResource).folder)
except ValueError as error:
    raise WrongSetting(f"wrong setting: {error}") from None
SUBSETS = dg.StaticPartitionsDefinition(list(_KNOWN))

# Seeds are read through the problems' rows. That it is named, with its mapping, is what "Materialize all" finds the subsets by:
# it goes from the sources' partitions to what is partitioned below them.
ALL_SOURCES = dg.AssetDep("raw_problems", partition_mapping=dg.AllPartitionMapping())


class QuestionsConfig(QuestionSettings, dg.Config):
    """``QuestionSettings`` as Dagster takes them."""


@lake_asset(
    SYNTHETIC_QUESTIONS,
    deps=[ALL_SOURCES, "clean_problems", "deduped_problems"],
    kinds={"vllm", "duckdb"},
    partitions_def=SUBSETS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pays="teacher",
    decided_by=lambda: {
        "subsets": {name: subset.model_dump(mode="json", exclude={"base"}) for name, subset in _KNOWN.items()},
        "templates": template_hashes([name for name in VARIABLES if name.startswith("question_")]),
        "teacher": from_environment(TeacherResource).model,
        "parser": PARSER_VERSION,
    },
)
def synthetic_questions(
    context: dg.AssetExecutionContext,
    config: QuestionsConfig,
    lake: LakeResource,
    synthesis: SynthesisResource,
    teacher: TeacherResource,
    tokenizer: TokenizerResource,
) -> Results:
    """Questions that the teacher is asked to make, a partition a subset: from our problems, snippets, documentation, questions of
    others, or out of nothing. Every one that was asked for is a row, whatever came of it.

    Only what the lake does not hold is asked; each answer is on disk the moment it arrives.
    """

    def ask(store: Lake, write: Write) -> Mapping[str, Any]:
        known = load_subsets(synthesis.folder)
        # Prefill last: it needs a tokenizer, which may not be at hand, and the others shall not wait for that.
        subsets = sorted((known[name] for name in context.partition_keys), key=lambda subset: subset.method == "prefill")
        seed_folder = synthesis.seed_folder(samples.SEEDS)
        model = teacher.opened(samples.RESPONSES)
        reread = questions.read_again(store, run_info(context), subsets)
        plans: dict[str, QuestionPlan] = {}

        def planned() -> list[QuestionPlan]:
            for subset in subsets:
                seeds = seeds_of(subset, store, seed_folder, context.log.info)
                plans[subset.name] = plan(store, subset, seeds, model.model, config.ask_again)
            return list(plans.values())

        with Journal(lake.journals, "synthetic_questions") as journal:
            summary = questions.ask(
                store,
                run_info(context),
                journal,
                model,
                planned,
                teacher.budget,
                lambda texts: tokenizer.opened().count(texts),
                context.log.info,
                lambda figures: context.log_event(dg.AssetObservation(context.asset_key, metadata=figures)),
            )
        context.log.info(f"synthetic_questions: {summary.line()}")
        return {
            "teacher": f"{model.name}: {model.model}",
            "teacher requests": summary.tally.stored,
            publish.LEFT: summary.owed,
            "stopped by": summary.tally.stopped or "nothing",
            "read again": reread,
            "missing at first": {name: plan.missing for name, plan in plans.items()},
            "seeds": {name: len(plan.seeds) for name, plan in plans.items()},
            **runner.figures(summary.tally, summary.missing),
        }

    def pictures(store: Lake) -> Mapping[str, Any]:
        return {"questions": table_of(store, report.BY_SUBSET), "why not kept": table_of(store, report.NOT_KEPT)}

    yield from publish.append(context, lake, SYNTHETIC_QUESTIONS, ask, after=pictures)


class ScreeningConfig(ScreeningSettings, dg.Config):
    """``ScreeningSettings`` as Dagster takes them."""


@lake_asset(
    QUESTION_SCREENING,
    deps=[synthetic_questions, "deduped_problems", "contamination_report"],
    decided_by=lambda: {
        "settings": in_force(ScreeningConfig),
        "measuring": MEASURING_VERSION,
        "embedder": from_environment(EmbedderResource).model,
    },
)
def question_screening(
    context: dg.AssetExecutionContext, config: ScreeningConfig, lake: LakeResource, embedder: EmbedderResource
) -> Results:
    """Kept questions compared with each other across all subsets, with our problems and with the benchmarks: exactly one of those
    that are alike stays, and none that restates a benchmark item. Those that may be answered: view ``clean_questions``."""

    def body(store: Lake, write: Write) -> Mapping[str, Any]:
        model = embedder.opened(lake.cache)
        measured = measure(store, partial(store.write, run_info(context), "question_screening"), model)
        return {
            **screen(store, write, model.model, config),
            "questions compared now": measured.questions,
            "problems compared now": measured.problems,
        }

    def pictures(store: Lake) -> Mapping[str, Any]:
        cosines = [row["cosine"] for row in store.rows("SELECT cosine FROM question_measures WHERE cosine IS NOT NULL")]
        shown: dict[str, Any] = {
            "fates by subset": table_of(store, report.FATES),
            "nearest items": table_of(store, report.NEAREST),
        }
        if cosines:
            limit = {"threshold": config.benchmark_threshold}
            png = plots.histogram(cosines, "Similarity of each question's nearest benchmark item", "cosine", limit)
            shown["similarity"] = picture(png, "similarity")
        return shown

    yield from publish.replace(context, lake, QUESTION_SCREENING, body, after=pictures)
