"""The assets of the problems stage: ``raw_problems``, ``deduped_problems``, ``contamination_report``, ``clean_problems``."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast, get_args

import dagster as dg

from ocr_assets import samples
from ocr_assets.generation import runner
from ocr_assets.generation.prompts import load_templates, template_hashes
from ocr_assets.generation.runner import Summary
from ocr_assets.platform import plots, publish
from ocr_assets.platform.assets import Results, defaults, in_force, lake_asset
from ocr_assets.platform.progress import Progress
from ocr_assets.platform.publish import picture, run_info, table_of
from ocr_assets.problems.decontamination import benchmarks, decide, judging, screening
from ocr_assets.problems.decontamination import report as report_queries
from ocr_assets.problems.decontamination.clean import MAX_QUESTION_TOKENS, label_problems
from ocr_assets.problems.decontamination.settings import DecontaminationSettings
from ocr_assets.problems.dedup.deduplicate import deduplicate
from ocr_assets.problems.dedup.near import VERSION as NEAR_VERSION
from ocr_assets.problems.dedup.settings import DedupSettings
from ocr_assets.problems.sources.read import SourceRow, read_published, read_source, store_rows
from ocr_assets.schema import (
    CLEAN_PROBLEMS,
    CONTAMINATION_REPORT,
    DEDUPED_PROBLEMS,
    RAW_PROBLEMS,
    Dataset,
)
from resources.lake import Lake, Quarantined, Write
from resources.lake.journal import Journal
from resources.settings import (
    EmbedderResource,
    JudgesResource,
    LakeResource,
    SourcesResource,
    TokenizerResource,
    from_environment,
)

SOURCES = dg.StaticPartitionsDefinition(list(get_args(Dataset)))


@lake_asset(RAW_PROBLEMS, partitions_def=SOURCES, backfill_policy=dg.BackfillPolicy.single_run())
def raw_problems(context: dg.AssetExecutionContext, lake: LakeResource, sources: SourcesResource) -> Results:
    """Problems as read from the sources, one row a source row; what cannot be read goes to ``quarantine`` with a reason."""

    def read(store: Lake, write: Write) -> Mapping[str, Any]:
        for dataset in cast("Sequence[Dataset]", context.partition_keys):
            rows: Iterable[SourceRow | Quarantined] | None
            if dataset == "published":
                rows = read_published(roots) if (roots := sources.published_roots(samples.PUBLISHED, lake.cache)) else None
            else:
                folder = sources.folder(dataset, samples.SOURCES / dataset, lake.cache)
                rows = read_source(folder, dataset) if folder else None
            if rows is None:
                context.log.info(f"raw_problems: {dataset} is not set (OCR_{dataset.upper()}); it has no rows")
            with Progress(f"raw_problems {dataset}", None, context.log.info) as progress:
                store_rows(write, dataset, progress.through(rows or ()))
        return {}

    yield from publish.replace(context, lake, RAW_PROBLEMS, read)


NO_PUBLIC_BENCHMARK = (
    "not decontaminated against any public benchmark: problems were compared with the bundled toy benchmark at most; "
    "set OCR_BENCHMARKS=hub, or to a folder of benchmark files"
)


class DedupConfig(DedupSettings, dg.Config):
    """``DedupSettings`` as the asset's configuration."""


@lake_asset(
    DEDUPED_PROBLEMS,
    deps=[raw_problems],
    decided_by=lambda: {
        "settings": in_force(DedupConfig),
        "merging": defaults(DedupConfig).merge_rule,
        "near": NEAR_VERSION if defaults(DedupConfig).near else None,
        "embedder": from_environment(EmbedderResource).model if defaults(DedupConfig).semantic else None,
    },
)
def deduped_problems(
    context: dg.AssetExecutionContext, config: DedupConfig, lake: LakeResource, embedder: EmbedderResource
) -> Results:
    """Distinct problems across all sources; tests and origins of duplicates are merged into the one that stays.

    Exact match of the normalized statement, and, where switched on, shared wording and similar embeddings. Pairs with their
    scores: table ``duplicate_pairs``; tests that contradict each other: ``test_conflicts``.
    """

    def dedup(store: Lake, write: Write) -> Mapping[str, Any]:
        model = embedder.opened(lake.cache) if config.semantic else None
        writing = partial(store.write, run_info(context), "deduped_problems")
        done = deduplicate(store, write, writing, config, model)
        compared = {f"compared now: {layer}": count for layer, count in done.compared.items()}
        return {"rows read now": done.read, **compared}

    def pictures(store: Lake) -> Mapping[str, Any]:
        return {
            "test conflicts": store.scalar("SELECT count(*) FROM test_conflicts"),
            "pairs by decision": table_of(store, report_queries.PAIRS_BY_DECISION),
            "most alike pairs": table_of(store, report_queries.ALIKE_PAIRS),
            "tests in conflict": table_of(store, report_queries.CONFLICTS),
        }

    yield from publish.replace(context, lake, DEDUPED_PROBLEMS, dedup, after=pictures)


class ContaminationConfig(DecontaminationSettings, dg.Config):
    """``DecontaminationSettings`` as the asset's configuration."""


@lake_asset(
    CONTAMINATION_REPORT,
    deps=[deduped_problems],
    kinds={"duckdb", "huggingface"},
    pays="judges",
    decided_by=lambda: {
        "settings": in_force(ContaminationConfig, "templates"),
        "screening": screening.VERSION,
        "templates": template_hashes(["judge"], defaults(ContaminationConfig).templates),
        "judges": from_environment(JudgesResource).names,
        "embedder": from_environment(EmbedderResource).model,
        "benchmarks": from_environment(SourcesResource).benchmarks,
    },
)
def contamination_report(
    context: dg.AssetExecutionContext,
    config: ContaminationConfig,
    lake: LakeResource,
    sources: SourcesResource,
    embedder: EmbedderResource,
    judges: JudgesResource,
    tokenizer: TokenizerResource,
) -> Results:
    """Every problem that resembles a benchmark item, with scores, judges' votes and the decision.

    Layers: equal normalized texts, shared word n-grams, embeddings. Scores (``contamination_scores``), votes (``judge_votes``)
    and people's decisions (``human_decisions``) are kept: another threshold or policy decides again without measuring or
    asking. ``ocr-assets decontaminate review`` shows pairs side by side and takes a person's decision.
    """

    def report(store: Lake, write: Write) -> Mapping[str, Any]:
        on_hub = sources.benchmarks.strip() == "hub"
        folder = benchmarks.SHIPPED if on_hub else sources.folder("benchmarks", samples.BENCHMARKS, lake.cache)
        items = benchmarks.read_registry(folder, partial(sources.fetched, cache=lake.cache)) if folder else []
        model = embedder.opened(lake.cache)
        writing = partial(store.write, run_info(context), "contamination_report")
        with Progress("contamination_report", None, context.log.info, "problems") as progress:
            done = screening.screen(store, writing, items, model, config, progress.add)
        template = load_templates(["judge"], Path(config.templates) if config.templates else None)["judge"]
        pairs = decide.pairs_of(store, config)
        with Journal(lake.journals, "contamination_report") as journal:
            asked = judging.ask(
                store,
                run_info(context),
                journal,
                [judging.Judge(name, judges.budget(name), partial(judges.opened, name, samples.VOTES)) for name in judges.names],
                [pair.pair_id for pair in pairs if decide.wants_judges(pair.layer, config)],
                template,
                lambda texts: tokenizer.opened().count(texts),
                context.log.info,
                context.log.warning,
                lambda figures: context.log_event(dg.AssetObservation(context.asset_key, metadata=figures)),
            )
        decided = decide.decided(store, pairs, judges.names, template.hash, config)
        write.sync(CONTAMINATION_REPORT, decided)
        write.edges(
            {"child": pair["pair_id"], "parent": pair["problem_id"], "relation": "derived", "reason": pair["decision"]}
            for pair in decided
        )
        only_toys = not {item["benchmark"] for item in items} - {path.name.split(".")[0] for path in samples.BENCHMARKS.iterdir()}
        if only_toys and not sources.only_bundled:
            context.log.warning(f"contamination_report: {NO_PUBLIC_BENCHMARK}")
        return {
            **({"warning": NO_PUBLIC_BENCHMARK} if only_toys else {}),
            "policy": config.policy,
            "problems compared now": done.problems,
            "items compared now": done.items,
            "embedded now": model.embedded,
            "judge requests": sum(done.tally.stored for done in asked.values()),
            publish.LEFT: sum(done.owed for done in asked.values()),
            "judges": dg.MetadataValue.json({name: _figures(done) for name, done in asked.items()}),
            "seconds": dg.MetadataValue.json({part: round(value, 2) for part, value in done.seconds.items()}),
        }

    def pictures(store: Lake) -> Mapping[str, Any]:
        cosines = [row["cosine"] for row in store.rows(report_queries.NEAREST)]
        shown: dict[str, Any] = {
            "report": dg.MetadataValue.md(report_queries.contamination_markdown(store)),
            "pairs to review": table_of(store, report_queries.TO_REVIEW),
        }
        if cosines:
            png = plots.histogram(cosines, "Similarity of each problem's nearest item", "cosine", {"threshold": config.threshold})
            shown["similarity"] = picture(png, "similarity")
        return shown

    yield from publish.replace(context, lake, CONTAMINATION_REPORT, report, after=pictures)


def _figures(done: Summary) -> dict[str, Any]:
    left = {"left": done.left, "why": done.why_left} if done.left else {}
    return {**runner.figures(done.tally, done.missing), **left}


@lake_asset(
    CLEAN_PROBLEMS,
    deps=[deduped_problems, contamination_report],
    decided_by=lambda: {"longest question": MAX_QUESTION_TOKENS, "vocabulary": from_environment(TokenizerResource).vocabulary},
)
def clean_problems(context: dg.AssetExecutionContext, lake: LakeResource, tokenizer: TokenizerResource) -> Results:
    """Problems that may be asked of the teacher; the others are dropped with a reason (contaminated, too long, test split)."""

    def clean(store: Lake, write: Write) -> Mapping[str, Any]:
        dropped = label_problems(store, write, tokenizer.opened().count)
        return {"dropped": dropped}

    def pictures(store: Lake) -> Mapping[str, Any]:
        tables = ("raw_problems", "deduped_problems", "clean_problems")
        counts = {name: store.scalar(f"SELECT count(*) FROM {name}") for name in tables}
        return {"funnel": picture(plots.bars(counts, "Problems", "problems"), "funnel")}

    yield from publish.replace(context, lake, CLEAN_PROBLEMS, clean, after=pictures)
