"""The assets of the traces stage: ``r1_traces`` and ``solutions``."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ocr_assets import samples
from ocr_assets.generation import runner
from ocr_assets.generation.parse import PARSER_VERSION
from ocr_assets.generation.prompts import template_hashes
from ocr_assets.generation.prompts.solving import NAMES
from ocr_assets.platform import plots, publish
from ocr_assets.platform.assets import Results, defaults, in_force, lake_asset
from ocr_assets.platform.publish import picture, run_info
from ocr_assets.schema import R1_TRACES, SOLUTIONS
from ocr_assets.traces import collect
from ocr_assets.traces.published.reading import read_published
from ocr_assets.traces.settings import TraceSettings
from ocr_assets.traces.solutions import SOLUTION_EDGES, alone, parse_new
from resources.lake import Lake, Write
from resources.lake.at_work import StageLock
from resources.lake.journal import Journal
from resources.settings import LakeResource, SourcesResource, TeacherResource, TokenizerResource, from_environment


class TracesConfig(TraceSettings, dg.Config):
    """``TraceSettings`` as Dagster takes them."""


def _published() -> Mapping[str, Any]:
    """What decides which published answers are read, where they are."""
    if from_environment(TeacherResource).kind != "published":
        return {}
    return {"published": [from_environment(SourcesResource).published, defaults(TracesConfig).published_share]}


@lake_asset(
    R1_TRACES,
    deps=["clean_problems", "deduped_problems"],
    kinds={"vllm", "duckdb"},
    pays="teacher",
    decided_by=lambda: {
        "settings": in_force(TracesConfig, "templates", "ask_again", "published_share"),
        "templates": template_hashes(NAMES, defaults(TracesConfig).templates),
        "teacher": from_environment(TeacherResource).model,
        **_published(),
    },
    looks_at={"sources": ["published"]},
)
def r1_traces(
    context: dg.AssetExecutionContext,
    config: TracesConfig,
    lake: LakeResource,
    teacher: TeacherResource,
    sources: SourcesResource,
    tokenizer: TokenizerResource,
) -> Results:
    """The teacher's raw responses. Only what the lake does not hold is asked; each answer is on disk the moment it arrives.

    The teacher ``published`` asks nobody: it reads answers that others released (``OCR_PUBLISHED``), with what their datasets
    say of them in ``published_labels``. Their problems are those of the sources, ``published`` among them, that were read before.

    With ``until_passing``, as in the job ``sample_until_passing``, it also reads ``solutions`` and ``verdicts``, to ask for more
    samples where too few passed: those of earlier runs, and those that the job ``follow`` makes meanwhile.
    """

    def ask(store: Lake, write: Write) -> Mapping[str, Any]:
        model = teacher.opened(samples.RESPONSES)
        with Journal(lake.journals, "r1_traces") as journal:
            summary = collect.ask(
                store,
                run_info(context),
                journal,
                model,
                config.wanted(model.model),
                teacher.budget,
                lambda texts: tokenizer.opened().count(texts),
                context.log.info,
                lambda figures: context.log_event(dg.AssetObservation(context.asset_key, metadata=figures)),
            )
        context.log.info(f"r1_traces: {summary.line()}")
        return {
            "teacher": f"{model.name}: {model.model}, <think> by {teacher.think}",
            "teacher requests": summary.tally.stored,
            publish.LEFT: summary.owed,
            "stopped by": summary.tally.stopped or "nothing",
            **runner.figures(summary.tally, summary.missing),
        }

    def read(store: Lake, write: Write) -> Mapping[str, Any]:
        roots = sources.published_roots(samples.PUBLISHED, lake.cache)
        if not roots:
            raise dg.Failure("OCR_TEACHER=published: set OCR_PUBLISHED to a folder of published answers, or to hub:name@revision")
        with StageLock(lake.journals, "r1_traces"):
            done = read_published(store, run_info(context), roots, context.log.info, config.published_share)
        context.log.info(f"r1_traces: {done.line()}")
        return {
            "teacher": f"published: {', '.join(address for address, _ in roots)}",
            "files read": done.files,
            "rows read": done.rows,
            "rows that became no response": dg.MetadataValue.json(dict(done.reasons)),
        }

    yield from publish.append(context, lake, R1_TRACES, read if teacher.kind == "published" else ask)


@lake_asset(SOLUTIONS, deps=[r1_traces, "deduped_problems"], decided_by=lambda: {"parser": PARSER_VERSION})
def solutions(context: dg.AssetExecutionContext, lake: LakeResource) -> Results:
    """Responses taken apart: reasoning, answer, code, and whether the code parses; every response keeps its reason code."""

    def parse(store: Lake, write: Write) -> Mapping[str, Any]:
        changed = parse_new(store, run_info(context), context.log.info)
        write.edges_query(SOLUTION_EDGES)
        return {"other code than before": changed}

    def pictures(store: Lake) -> Mapping[str, Any]:
        counts = store.rows("SELECT parse_status, count(*) AS rows FROM solutions GROUP BY ALL ORDER BY rows DESC")
        png = plots.bars({row["parse_status"]: row["rows"] for row in counts}, "Parse status", "responses")
        return {"parse status": picture(png, "parse status")}

    with alone(lake.journals, context.log.info):
        yield from publish.append(context, lake, SOLUTIONS, parse, after=pictures)
