"""The assets of the analysis stage that ask models: ``reasoning_patterns``, ``critiques``."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ocr_assets import samples
from ocr_assets.analysis.critiques import asking as criticising
from ocr_assets.analysis.critiques import report as critique_report
from ocr_assets.analysis.critiques.criticising import criticise
from ocr_assets.analysis.critiques.settings import CritiqueSettings
from ocr_assets.analysis.reasoning import asking, report
from ocr_assets.analysis.reasoning.annotating import annotate
from ocr_assets.analysis.reasoning.settings import AnnotationSettings
from ocr_assets.analysis.reasoning.spans import ALIGNER_VERSION
from ocr_assets.analysis.rounds import Rounds
from ocr_assets.generation.prompts import template_hashes
from ocr_assets.platform import publish
from ocr_assets.platform.assets import Results, defaults, in_force, lake_asset
from ocr_assets.platform.publish import run_info, table_of
from ocr_assets.schema import CRITIQUES, REASONING_PATTERNS
from resources.lake import Lake, Write
from resources.models.api import ChatModel
from resources.models.budget import Budget
from resources.settings import AnnotatorResource, CriticResource, LakeResource, TokenizerResource, from_environment

PATTERN_PLOTS, CRITIQUE_PLOTS = "analysis/reasoning_patterns", "analysis/critiques"  # below OCR_HOME


class AnnotationConfig(AnnotationSettings, dg.Config):
    """``AnnotationSettings`` as Dagster takes them."""


@lake_asset(
    REASONING_PATTERNS,
    deps=["verified_triplets", "solutions", "r1_traces", "deduped_problems"],
    kinds={"vllm", "duckdb"},
    pays="annotator",
    writes=[PATTERN_PLOTS],
    decided_by=lambda: {
        "settings": in_force(AnnotationConfig, "templates", "ask_again"),
        "templates": template_hashes(asking.TEMPLATES, defaults(AnnotationConfig).templates),
        "annotator": from_environment(AnnotatorResource).model,
        "aligner": ALIGNER_VERSION,
    },
)
def reasoning_patterns(
    context: dg.AssetExecutionContext,
    config: AnnotationConfig,
    lake: LakeResource,
    annotator: AnnotatorResource,
    tokenizer: TokenizerResource,
) -> Results:
    """What the teacher's reasoning is made of: an annotator names a pattern for each span of it, and correct responses are
    compared with incorrect ones.

    The annotator's answers (``reasoning_annotations``) are kept. Their spans are found again in the reasoning
    (``aligned_annotations``), counted for each response, compared (``pattern_statistics``) and followed
    (``pattern_transitions``). The plots lie in ``$OCR_HOME/analysis/reasoning_patterns`` as well.
    """

    def body(store: Lake, write: Write) -> Mapping[str, Any]:
        model = annotator.opened(samples.ANNOTATIONS)
        rounds = _rounds(context, store, lake, tokenizer, model, annotator.budget)
        aligned = annotate(rounds, config, annotator.model)
        return {**_told("annotator", rounds), "annotations aligned": aligned}

    def drawn(store: Lake) -> Mapping[str, Any]:
        tables = {"correct against incorrect": table_of(store, report.COMPARED), "by status": table_of(store, report.BY_STATUS)}
        return {**publish.pictures(lake.root / PATTERN_PLOTS, report.pictures(store)), **tables}

    yield from publish.append(context, lake, REASONING_PATTERNS, body, after=drawn)


class CritiqueConfig(CritiqueSettings, dg.Config):
    """``CritiqueSettings`` as Dagster takes them."""


@lake_asset(
    CRITIQUES,
    deps=["verified_triplets", "r1_traces", "deduped_problems"],
    kinds={"vllm", "duckdb"},
    pays="critic",
    writes=[CRITIQUE_PLOTS],
    decided_by=lambda: {
        "settings": in_force(CritiqueConfig, "templates", "ask_again"),
        "templates": template_hashes([criticising.TEMPLATE], defaults(CritiqueConfig).templates),
        "critic": from_environment(CriticResource).model,
        "parser": criticising.PARSER_VERSION,
    },
)
def critiques(
    context: dg.AssetExecutionContext,
    config: CritiqueConfig,
    lake: LakeResource,
    critic: CriticResource,
    tokenizer: TokenizerResource,
) -> Results:
    """What a critic says of solutions: right or wrong, beside the verdict of their tests; and which of all answers to a problem
    it selects, the one with the shortest critique among those judged right.

    The critic's answers are kept (``critic_answers``; their texts: view ``critique_texts``). ``critic_accuracy`` says how often
    it agrees with verdicts, and what its choice is worth. The plots lie in ``$OCR_HOME/analysis/critiques`` as well.
    """

    def body(store: Lake, write: Write) -> Mapping[str, Any]:
        rounds = _rounds(context, store, lake, tokenizer, critic.opened(samples.CRITIQUES), critic.budget)
        criticise(rounds, config, critic.model)
        return _told("critic", rounds)

    def drawn(store: Lake) -> Mapping[str, Any]:
        shown = publish.pictures(lake.root / CRITIQUE_PLOTS, critique_report.pictures(store))
        return {**shown, "judgements against verdicts": table_of(store, critique_report.CONFUSION)}

    yield from publish.append(context, lake, CRITIQUES, body, after=drawn)


def _rounds(
    context: dg.AssetExecutionContext,
    store: Lake,
    lake: LakeResource,
    tokenizer: TokenizerResource,
    model: ChatModel | None,
    budget: Budget,
) -> Rounds:
    return Rounds(
        store,
        run_info(context),
        lake.journals,
        model,
        budget,
        lambda texts: tokenizer.opened().count(texts),
        context.log.info,
        lambda figures: context.log_event(dg.AssetObservation(context.asset_key, metadata=figures)),
    )


def _told(role: str, rounds: Rounds) -> dict[str, Any]:
    """What was done, as metadata."""
    who = "none" if rounds.model is None else f"{rounds.model.name}: {rounds.model.model}"
    return {role: who, f"{role} requests": rounds.asked, publish.LEFT: rounds.left, **rounds.figures}
