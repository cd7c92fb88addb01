"""The assets of the evaluation stage: ``benchmark_problems``, ``evaluation_samples``, ``evaluation_verdicts``, ``evaluations``,
``evaluation_comparison``."""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import dagster as dg

from ocr_assets import samples
from ocr_assets.evaluation import checkpoints, programs, reading, report
from ocr_assets.evaluation.adding_up import evaluations as added_up
from ocr_assets.evaluation.comparing import comparisons
from ocr_assets.evaluation.counts import standings
from ocr_assets.evaluation.points import points
from ocr_assets.evaluation.samples import kind, languages
from ocr_assets.evaluation.settings import EvaluationSettings, EvaluationVerdictSettings, SampleSettings
from ocr_assets.generation import runner
from ocr_assets.generation.asking import Wanted, ask
from ocr_assets.generation.prompts import template_hashes
from ocr_assets.generation.prompts.solving import BENCHMARK_NAMES
from ocr_assets.generation.runner import Summary
from ocr_assets.generation.sampling import Fixed
from ocr_assets.grading.batch import grade_many
from ocr_assets.grading.settings import GradingSettings
from ocr_assets.grading.version import GRADER_VERSION, PARTS
from ocr_assets.platform import plots, publish
from ocr_assets.platform.assets import Results, defaults, in_force, lake_asset
from ocr_assets.platform.progress import Progress
from ocr_assets.platform.publish import picture, run_info, table_of
from ocr_assets.platform.sandboxed import run_and_store
from ocr_assets.schema import (
    BENCHMARK_PROBLEMS,
    EVALUATION_COMPARISON,
    EVALUATION_POINTS,
    EVALUATION_SAMPLES,
    EVALUATION_VERDICTS,
    EVALUATIONS,
    TEST_SUITES,
    Language,
    PromptStyle,
)
from resources.lake import Lake, Write
from resources.lake.journal import Journal
from resources.sandbox.pool import Pool
from resources.settings import (
    BenchmarksResource,
    EvaluatedResource,
    LakeResource,
    SandboxResource,
    TokenizerResource,
    from_environment,
)


class SamplesConfig(SampleSettings, dg.Config):
    """``SampleSettings`` as Dagster takes them."""


class VerdictsConfig(EvaluationVerdictSettings, dg.Config):
    """``EvaluationVerdictSettings`` as Dagster takes them."""


class EvaluationConfig(EvaluationSettings, dg.Config):
    """``EvaluationSettings`` as Dagster takes them."""


@lake_asset(
    BENCHMARK_PROBLEMS,
    kinds={"docker", "duckdb"},
    decided_by=lambda: {
        "reader": reading.READER_VERSION,
        "benchmarks": from_environment(BenchmarksResource).names,
        "selection": from_environment(BenchmarksResource).select,
    },
)
def benchmark_problems(
    context: dg.AssetExecutionContext, lake: LakeResource, benchmarks: BenchmarksResource, sandbox: SandboxResource
) -> Results:
    """The problems that models are evaluated on, from the benchmarks' published files. A benchmark whose files have not changed
    is not read again."""

    def body(store: Lake, write: Write) -> Mapping[str, Any]:
        folder = benchmarks.folder(samples.EVALUATION)
        found = reading.sources(folder, benchmarks.chosen, benchmarks.selection, partial(benchmarks.fetched, cache=lake.cache))
        known = {row["read_from"] for row in store.rows("SELECT DISTINCT read_from FROM benchmark_problems")}
        kept = {source.benchmark.name for source in found if source.read_from in known}
        staged = write.sync(BENCHMARK_PROBLEMS)
        staged.add_all(row for row in store.stream("FROM benchmark_problems") if row["benchmark"] in kept)
        suites = write.append(TEST_SUITES)
        told: set[str] = set()  # subtasks of one IOI task have the same suites
        new: Counter[str] = Counter()
        for source in found:
            name = source.benchmark.name
            if name not in kept:
                context.log.info(f"benchmark_problems: reading {name} from {len(source.files):,} files")
                for row, own in _read(source, sandbox, trusted=benchmarks.only_bundled):
                    staged.add(row)
                    suites.add_all(suite for suite in own if suite["suite_id"] not in told)
                    told.update(suite["suite_id"] for suite in own)
                    new[name] += 1
        return {"read now": dict(new), "benchmarks": ", ".join(source.benchmark.name for source in found)}

    def tables(store: Lake) -> Mapping[str, Any]:
        counts = {row["benchmark"]: row["rows"] for row in store.rows(report.BY_BENCHMARK)}
        drawn = {"problems by benchmark": picture(plots.bars(counts, "Problems by benchmark", "problems"), "problems")}
        return {**(drawn if counts else {}), "problems": table_of(store, report.PROBLEMS)}

    yield from publish.replace(context, lake, BENCHMARK_PROBLEMS, body, after=tables)


def _read(source: reading.Source, sandbox: SandboxResource, *, trusted: bool) -> Iterator[Any]:
    if not source.benchmark.needs_sandbox:
        yield from reading.read(source, None)
        return
    with sandbox.opened(trusted=trusted) as pool:
        yield from reading.read(source, pool)


# Models are trained by mix, and evaluated together.
TRAINED = dg.AssetDep("finetuned_model", partition_mapping=dg.AllPartitionMapping())


@lake_asset(
    EVALUATION_SAMPLES,
    deps=[benchmark_problems, TRAINED],
    kinds={"vllm", "duckdb"},
    pays="evaluated",
    reads=["training/models"],
    decided_by=lambda: {
        "settings": in_force(SamplesConfig, "templates", "ask_again"),
        "templates": template_hashes(BENCHMARK_NAMES, defaults(SamplesConfig).templates),
        "models": from_environment(EvaluatedResource).names,
    },
)
def evaluation_samples(
    context: dg.AssetExecutionContext,
    config: SamplesConfig,
    lake: LakeResource,
    evaluated: EvaluatedResource,
    tokenizer: TokenizerResource,
) -> Results:
    """What models under evaluation answered to benchmark problems. Only what the lake does not hold is asked; each answer is on
    disk the moment it arrives."""

    def body(store: Lake, write: Write) -> Mapping[str, Any]:
        asked: dict[str, Summary] = {}
        for name in evaluated.names:
            for language in languages(store, config.language):
                for style in config.prompt_styles:
                    if (summary := _ask(name, language, style, store)) is not None:
                        asked[f"{name}, {language}, {style} prompt"] = summary
        return {
            "models": ", ".join(evaluated.names) or "none",
            "requests": sum(done.tally.stored for done in asked.values()),
            publish.LEFT: sum(done.owed for done in asked.values()),
            "asked": dg.MetadataValue.json({name: runner.figures(done.tally, done.missing) for name, done in asked.items()}),
        }

    def _ask(name: str, language: Language, style: PromptStyle, store: Lake) -> Summary | None:
        if (weights := checkpoints.weights_of(store, name, evaluated.folder(name))) is None:
            context.log.warning(f"evaluation_samples: {name} is not trained yet; it is asked when finetuned_model has made it")
            return None
        model = evaluated.opened(weights.name, samples.EVALUATION_ANSWERS, weights.folder)
        asked = kind(language, style, config.own_templates(), model.model)
        wanted = Wanted(
            Fixed(config.samples),
            config.sampling,
            model.model,
            {"language": language, "own": config.language == "own", "style": style, "benchmarks": config.benchmarks},
            config.ask_again,
        )
        with Journal(lake.journals, f"evaluation_samples-{asked.name}") as journal:
            summary = ask(
                store,
                run_info(context),
                journal,
                model,
                asked,
                wanted,
                evaluated.budget(name),
                lambda texts: tokenizer.opened().count(texts),
                context.log.info,
                lambda figures: context.log_event(dg.AssetObservation(context.asset_key, metadata=figures)),
            )
        context.log.info(f"evaluation_samples: {name}: {summary.line('requests')}")
        return summary

    def pictures(store: Lake) -> Mapping[str, Any]:
        counts = {row["model"]: row["rows"] for row in store.rows(report.BY_MODEL)}
        return {"samples by model": picture(plots.bars(counts, "Samples by model", "samples"), "samples")} if counts else {}

    yield from publish.append(context, lake, EVALUATION_SAMPLES, body, after=pictures)


@lake_asset(
    EVALUATION_VERDICTS,
    deps=[evaluation_samples, benchmark_problems],
    kinds={"docker", "duckdb"},
    decided_by=lambda: {
        "settings": in_force(VerdictsConfig),
        "grader": GRADER_VERSION,
        "parts": PARTS,
        "online_judge": from_environment(SandboxResource).online_judge,
    },
)
def evaluation_verdicts(
    context: dg.AssetExecutionContext,
    config: VerdictsConfig,
    lake: LakeResource,
    evaluated: EvaluatedResource,
    benchmarks: BenchmarksResource,
    sandbox: SandboxResource,
) -> Results:
    """What the sandbox found of the programs of models under evaluation, each run once before each suite of its problem, whoever
    wrote it and however often."""
    settings = GradingSettings(**config.model_dump())

    def body(store: Lake, write: Write) -> Mapping[str, Any]:
        counts: Counter[str] = Counter()

        def graded(pool: Pool, progress: Progress, image: str | None) -> Iterator[list[Any]]:
            for verdict in grade_many(pool, programs.unjudged(store, online_judge=sandbox.online_judge, image=image), settings):
                counts[verdict["verdict"]] += 1
                progress.add(1, ", ".join(f"{n} {name}" for name, n in counts.most_common(4)))
                yield [verdict]

        trusted = benchmarks.only_bundled and evaluated.only_bundled
        progress = partial(Progress, "evaluation_verdicts", log=context.log.info, unit="programs")
        speed: dict[str, Any] = {}
        for image in programs.images(store):
            query, parameters = programs.owed(online_judge=sandbox.online_judge, image=image)
            if image is not None and not store.scalar(f"SELECT count(*) FROM ({query})", parameters):
                continue  # such an image may have to be built
            with Journal(lake.journals, "evaluation_verdicts") as journal:
                figures = run_and_store(
                    store,
                    run_info(context),
                    journal,
                    sandbox.opened(trusted=trusted, image=image),
                    (query, parameters),
                    partial(graded, image=image),
                    programs.store_verdicts,
                    progress,
                )
            speed |= {name if image is None else f"{name}, image {image}": value for name, value in figures.items()}
        write.edges_query(programs.EDGES)
        context.log.info(f"evaluation_verdicts: {sum(counts.values()):,} sandbox runs")
        done = {"sandbox runs": sum(counts.values()), "new verdicts": dict(counts)}
        return {**done, publish.LEFT: counts["sandbox_error"], **speed}

    def pictures(store: Lake) -> Mapping[str, Any]:
        rows = store.rows(report.VERDICTS)
        if not rows:
            return {}
        plot = plots.stacked_verdicts(rows, "Verdicts by model", "programs and suites")
        return {"verdicts by model": picture(plot, "verdicts by model")}

    yield from publish.append(context, lake, EVALUATION_VERDICTS, body, after=pictures)


@lake_asset(
    EVALUATIONS,
    deps=[evaluation_verdicts, evaluation_samples, benchmark_problems],
    decided_by=lambda: {"settings": in_force(EvaluationConfig)},
)
def evaluations(
    context: dg.AssetExecutionContext, config: EvaluationConfig, lake: LakeResource, sandbox: SandboxResource
) -> Results:
    """pass@k of each model on each benchmark, and by difficulty, platform and date: the mean over problems, its standard error
    over problems, a 95 % interval, and how much of that is the luck of the samples. Points, where a benchmark gives them (IOI),
    go into ``evaluation_points``."""

    def body(store: Lake, write: Write) -> Mapping[str, Any]:
        found = standings(store, online_judge=sandbox.online_judge)
        write.sync(EVALUATIONS, added_up(found, config.depths, config.windows))
        write.sync(EVALUATION_POINTS, points(store, online_judge=sandbox.online_judge))
        return {}

    def pictures(store: Lake) -> Mapping[str, Any]:
        shown: dict[str, Any] = {}
        for title, rows in report.by_benchmark(store.rows(report.OVERALL)).items():
            shown[title] = picture(plots.intervals(rows, f"{title}: pass@1, 95 % intervals", "%"), title)
        if store.scalar("SELECT count(*) FROM evaluation_points"):
            shown["points"] = table_of(store, report.POINTS)
        return {**shown, "figures": table_of(store, report.FIGURES)}

    yield from publish.replace(context, lake, EVALUATIONS, body, after=pictures)


@lake_asset(
    EVALUATION_COMPARISON,
    deps=[evaluations, evaluation_verdicts, evaluation_samples, benchmark_problems],
    decided_by=lambda: {"settings": in_force(EvaluationConfig)},
)
def evaluation_comparison(
    context: dg.AssetExecutionContext, config: EvaluationConfig, lake: LakeResource, sandbox: SandboxResource
) -> Results:
    """Every two models on the problems that both were asked, paired, and the papers' figures beside (kind ``paper``)."""

    def body(store: Lake, write: Write) -> Mapping[str, Any]:
        found = standings(store, online_judge=sandbox.online_judge)
        write.sync(EVALUATION_COMPARISON, comparisons(found, config.depths, config.windows))
        return {}

    def pictures(store: Lake) -> Mapping[str, Any]:
        shown: dict[str, Any] = {}
        for title, rows in report.by_benchmark(store.rows(report.DIFFERENCES)).items():
            plot = plots.intervals(rows, f"{title}: differences in pass@1, paired", "points", zero=True)
            shown[f"{title}: differences"] = picture(plot, "differences")
        for title, rows in report.by_benchmark(store.rows(report.BESIDE_PAPERS)).items():
            plot = plots.intervals(rows, f"{title}: pass@1, and the papers' (diamonds)", "%")
            shown[f"{title}: papers"] = picture(plot, "papers")
        return {**shown, "figures": table_of(store, report.COMPARED)}

    yield from publish.replace(context, lake, EVALUATION_COMPARISON, body, after=pictures)
