"""The assets of the problems stage: ``raw_problems``, ``deduped_problems``, ``contamination_report``, ``clean_problems``."""

import asyncio
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import dagster as dg
from pydantic import Field

from ocr_assets import samples
from ocr_assets.analysis import plots
from ocr_assets.problems import contamination as rules
from ocr_assets.problems import duplicates, report
from ocr_assets.problems.dedup import merge_groups
from ocr_assets.problems.near import NearSettings
from ocr_assets.problems.sources import read_source
from ocr_assets.progress import Progress
from ocr_assets.publishing import Results, declared, described, picture, publish, run_info, table_of
from ocr_assets.records import (
    CLEAN_PROBLEMS,
    CONTAMINATION_REPORT,
    DEDUPED_PROBLEMS,
    DUPLICATE_PAIRS,
    RAW_PROBLEMS,
    TEST_CONFLICTS,
    CleanProblem,
    ContaminationPair,
    Dataset,
    Problem,
    TestConflict,
)
from ocr_assets.suites import checker_needed
from resources.lake import Edge, Lake, Quarantined, Write
from resources.settings import (
    EmbedderResource,
    JudgesResource,
    LakeResource,
    SourcesResource,
    TokenizerResource,
)
from resources.teacher.api import ChatRequest, Teacher, TeacherUnavailable

# Single-run backfills have been marked beta for years; a warning at every start teaches nothing.
warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*backfill_policy.*")

SOURCES = dg.StaticPartitionsDefinition(list(get_args(Dataset)))
BATCH = 512


@dg.asset(
    group_name="problems",
    partitions_def=SOURCES,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=declared(RAW_PROBLEMS),
    metadata=described(RAW_PROBLEMS),
    kinds={"duckdb"},
)
def raw_problems(context: dg.AssetExecutionContext, lake: LakeResource, sources: SourcesResource) -> Results:
    """Problems as read from the sources, one row a source row; what cannot be read goes to ``quarantine`` with a reason."""

    def read(store: Lake, write: Write) -> Mapping[str, Any]:
        for dataset in context.partition_keys:
            folder = sources.folder(dataset, samples.SOURCES / dataset, lake.cache)
            quarantined: list[Quarantined] = []

            def rows(dataset: str = dataset, folder: Any = folder, quarantined: list[Quarantined] = quarantined) -> Iterator[Any]:
                if folder is None:
                    context.log.info(f"raw_problems: {dataset} is not set (OCR_{dataset.upper()}); it has no rows")
                    return
                with Progress(f"raw_problems {dataset}", None, context.log.info) as progress:
                    for row in read_source(folder, dataset, checker_needed):  # type: ignore[arg-type]
                        progress.add()
                        if "raw_id" in row:
                            yield row
                        else:
                            quarantined.append(row)

            write.sync(RAW_PROBLEMS, rows(), where={"dataset": dataset})
            write.quarantine(quarantined, scope=dataset)
        return {}

    yield from publish(context, lake, RAW_PROBLEMS, read)


class DedupConfig(dg.Config):
    """Which layers say that two rows are one problem. What was measured is kept: another threshold measures nothing again."""

    exact: bool = Field(True, description="Equal normalized statements (the rule of OpenCodeReasoning)")
    near: bool = Field(False, description="Shared wording: Jaccard similarity of word shingles, proposed by MinHash, verified")
    near_threshold: float = Field(0.8, description="Jaccard similarity from which statements are one problem; at least 0.5")
    near_shingle: int = Field(3, description="Words in a shingle")
    semantic: bool = Field(False, description="Similar embeddings (the rule of KodCode)")
    semantic_threshold: float = Field(0.95, description="Cosine from which statements are one problem; at least 0.9")

    def layers(self) -> duplicates.Layers:
        near = NearSettings(self.near_threshold, self.near_shingle) if self.near else None
        return duplicates.Layers(self.exact, near, self.semantic_threshold if self.semantic else None)


@dg.asset(
    group_name="problems",
    deps=[raw_problems],
    check_specs=declared(DEDUPED_PROBLEMS),
    metadata=described(DEDUPED_PROBLEMS),
    kinds={"duckdb"},
)
def deduped_problems(
    context: dg.AssetExecutionContext, config: DedupConfig, lake: LakeResource, embedder: EmbedderResource
) -> Results:
    """Distinct problems across all sources; tests and origins of duplicates are merged into the one that stays.

    Exact match of the normalized statement, and, where switched on, shared wording and similar embeddings. Pairs with their
    scores: table ``duplicate_pairs``; tests that contradict each other: ``test_conflicts``.
    """

    def dedup(store: Lake, write: Write) -> Mapping[str, Any]:
        write.reads("raw_problems")
        layers = config.layers()
        model = embedder.opened(lake.cache) if config.semantic else None
        done = duplicates.refresh(store, lambda: store.write(run_info(context), "deduped_problems"), layers, model)
        pairs = duplicates.decided(store, layers, model.model if model else None)
        cluster_of, layer_of = duplicates.clusters(pairs)
        edges: list[Edge] = []
        conflicts: list[TestConflict] = []

        def problems(rows: Any) -> Iterator[Problem]:
            for merged in merge_groups(rows, layer_of, layers.merge_rule):
                edges.extend(merged.edges)
                conflicts.extend(merged.conflicts)
                yield merged.problem

        with store.cursor() as cursor:
            gone = duplicates.changed(cursor, cluster_of, layers.merge_rule)
            write.sync(DEDUPED_PROBLEMS, problems(duplicates.to_merge(cursor)), within=("problem_id", gone))
        write.edges(edges, within=("child", gone))
        write.sync(TEST_CONFLICTS, conflicts, within=("problem_id", gone))
        write.sync(DUPLICATE_PAIRS, pairs)
        compared = {f"compared now: {layer}": count for layer, count in done.compared.items()}
        return {"rows read now": done.read, **compared}

    def pictures(store: Lake) -> Mapping[str, Any]:
        return {
            "test conflicts": store.scalar("SELECT count(*) FROM test_conflicts"),
            "pairs by decision": table_of(store, report.PAIRS_BY_DECISION),
            "most alike pairs": table_of(store, report.ALIKE_PAIRS),
            "tests in conflict": table_of(store, report.CONFLICTS),
        }

    yield from publish(context, lake, DEDUPED_PROBLEMS, dedup, after=pictures)


@dg.asset(
    group_name="problems",
    deps=[deduped_problems],
    check_specs=declared(CONTAMINATION_REPORT),
    metadata=described(CONTAMINATION_REPORT),
    kinds={"duckdb", "huggingface"},
)
def contamination_report(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    sources: SourcesResource,
    embedder: EmbedderResource,
    judges: JudgesResource,
) -> Results:
    """Every problem as similar to a benchmark item as the threshold asks, with score, judges' votes and decision."""

    def report(store: Lake, write: Write) -> Mapping[str, Any]:
        write.reads("deduped_problems")
        folder = sources.folder("benchmarks", samples.BENCHMARKS, lake.cache)
        files = sorted(path for path in folder.iterdir() if path.is_file()) if folder else []
        files = [path for path in files if path.name.endswith((".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet"))]
        items = [item for path in files for item in rules.read_benchmark(path)]
        problems = store.rows("SELECT problem_id, origins, statement FROM deduped_problems ORDER BY problem_id")
        model = embedder.opened(lake.cache)
        pairs: list[tuple[ContaminationPair, Mapping[str, Any]]] = []
        if items and problems:
            benchmark_vectors = model.embed([item.question for item in items])
            with Progress("contamination_report", len(problems), context.log.info, "problems") as progress:
                for start in range(0, len(problems), BATCH):
                    part = problems[start : start + BATCH]
                    vectors = model.embed([problem["statement"] for problem in part])
                    for row, column, cosine in rules.neighbours(vectors, benchmark_vectors, judges.threshold):
                        pairs.append((rules.pair_row(part[row], items[column], cosine), part[row]))
                    progress.add(len(part))
        stored = {row["pair_id"]: row["votes"] for row in store.rows("SELECT pair_id, votes FROM contamination_report")}
        asked = asyncio.run(_vote(pairs, stored, judges, context))
        for pair, _ in pairs:
            pair["decision"], pair["reason"] = rules.decide(pair["votes"], judges.names)
        write.sync(CONTAMINATION_REPORT, [pair for pair, _ in pairs])
        write.edges(
            {"child": pair["pair_id"], "parent": pair["problem_id"], "relation": "derived", "reason": pair["decision"]}
            for pair, _ in pairs
        )
        metadata: dict[str, Any] = {"benchmark items": len(items), "embedded now": model.embedded, "judge requests": asked}
        if pairs:
            cosines = [pair["cosine"] for pair, _ in pairs]
            png = plots.histogram(cosines, "Similarity of pairs above the threshold", "cosine", {"threshold": judges.threshold})
            metadata["similarity"] = picture(png, "similarity")
        return metadata

    yield from publish(context, lake, CONTAMINATION_REPORT, report)


async def _vote(
    pairs: list[tuple[ContaminationPair, Mapping[str, Any]]],
    stored: Mapping[str, list[dict[str, Any]]],
    judges: JudgesResource,
    context: dg.AssetExecutionContext,
) -> int:
    """Fill in the votes of all pairs, asking only for those not stored yet; returns how many answers came now."""
    if judges.kind == "none":
        return 0
    prompt = rules.JudgePrompt.load()
    answered = 0
    for judge in judges.opened(samples.VOTES):
        waiting: dict[str, tuple[ContaminationPair, rules.Order]] = {}
        requests: list[ChatRequest] = []
        for pair, problem in pairs:
            kept = [vote for vote in stored.get(pair["pair_id"], []) if vote["template_hash"] == prompt.hash]
            for order in rules.ORDERS:
                old = next((v for v in kept if v["judge"] == judge.model and v["order"] == order and v["vote"] != "none"), None)
                if old is not None:
                    pair["votes"].append(old)  # type: ignore[arg-type]
                    continue
                request = prompt.request(pair, problem["statement"], problem["origins"], judge.model, order)
                waiting[request.key] = (pair, order)
                requests.append(request)
        try:
            answered += await _ask(judge, requests, waiting, prompt.hash)
        except TeacherUnavailable as error:
            context.log.warning(f"contamination_report: {error}; its pairs stay undecided")
        for pair, order in waiting.values():
            _add_vote(pair, judge.model, order, "none", "no answer", prompt.hash)
    for pair, _ in pairs:
        pair["votes"].sort(key=lambda vote: (vote["judge"], vote["order"]))
    return answered


async def _ask(
    judge: Teacher, requests: list[ChatRequest], waiting: dict[str, tuple[ContaminationPair, rules.Order]], template_hash: str
) -> int:
    answered = 0
    async for answer in judge.answer(requests):
        if answer.key in waiting and answer.failure is None:
            pair, order = waiting.pop(answer.key)
            _add_vote(pair, judge.model, order, rules.vote_of(answer.content), answer.content, template_hash)
            answered += 1
    return answered


def _add_vote(pair: ContaminationPair, judge: str, order: rules.Order, vote: Any, answer: str, template_hash: str) -> None:
    pair["votes"].append({"judge": judge, "order": order, "vote": vote, "answer": answer, "template_hash": template_hash})


@dg.asset(
    group_name="problems",
    deps=[deduped_problems, contamination_report],
    check_specs=declared(CLEAN_PROBLEMS),
    metadata=described(CLEAN_PROBLEMS),
    kinds={"duckdb"},
)
def clean_problems(context: dg.AssetExecutionContext, lake: LakeResource, tokenizer: TokenizerResource) -> Results:
    """Problems that may be asked of the teacher; the others are dropped with a reason (contaminated, too long, test split)."""

    def clean(store: Lake, write: Write) -> Mapping[str, Any]:
        write.reads("deduped_problems", "contamination_report")
        pairs: dict[str, list[dict[str, Any]]] = {}
        for pair in store.stream(
            "SELECT problem_id, benchmark, item_id, cosine, decision FROM contamination_report ORDER BY ALL"
        ):
            pairs.setdefault(pair["problem_id"], []).append(pair)
        count = tokenizer.opened().count
        edges: list[Edge] = []

        def problems() -> Iterator[Any]:
            for batch in store.batches("FROM deduped_problems", size=256):
                rows = batch.to_pylist()
                for row, tokens in zip(rows, count([row["statement"] for row in rows]), strict=True):
                    yield row, pairs.get(row["problem_id"], []), tokens

        def kept() -> Iterator[CleanProblem]:
            for row in rules.clean(problems()):
                if "relation" in row:
                    edges.append(row)  # type: ignore[arg-type]
                else:
                    yield row

        write.sync(CLEAN_PROBLEMS, kept())
        write.edges(edges)
        return {"dropped": len(edges)}

    def pictures(store: Lake) -> Mapping[str, Any]:
        tables = ("raw_problems", "deduped_problems", "clean_problems")
        counts = {name: store.scalar(f"SELECT count(*) FROM {name}") for name in tables}
        return {"funnel": picture(plots.bars(counts, "Problems", "problems"), "funnel")}

    yield from publish(context, lake, CLEAN_PROBLEMS, clean, after=pictures)
