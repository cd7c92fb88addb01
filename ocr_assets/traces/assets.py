"""The assets of the traces stage: ``r1_traces`` and ``solutions``."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from ocr_assets import samples
from ocr_assets.generation import runner
from ocr_assets.generation.prompts import load_templates
from ocr_assets.generation.sampling import Fixed, SamplingPolicy, UntilPassing
from ocr_assets.platform import plots
from ocr_assets.platform.progress import Progress
from ocr_assets.platform.publish import Results, declared, described, picture, publish, run_info
from ocr_assets.schema import R1_TRACES, SOLUTIONS, Language, Solution
from ocr_assets.traces import collect
from ocr_assets.traces.parse import PARSER_VERSION, solution_row
from ocr_assets.traces.plan import Wanted
from ocr_assets.traces.prompts import NAMES
from resources.lake import Lake, Write
from resources.lake.journal import Journal
from resources.models.api import FAILURES, Sampling
from resources.settings import LakeResource, TeacherResource, TokenizerResource


class TracesConfig(dg.Config):
    """What is asked of the teacher. Changing the sampling, a template or the model asks anew; raising n asks for more."""

    python_samples: int = Field(6, ge=0, description="Python responses a problem")
    cpp_samples: int = Field(2, ge=0, description="C++ responses a problem (stdin problems only)")
    until_passing: int = Field(
        0, ge=0, description="More samples, by more_at_once, until so many pass or max_samples were tried; 0: no more"
    )
    max_samples: int = Field(10, ge=1, description="With until_passing: at most so many responses a problem and language")
    more_at_once: int = Field(1, ge=1, description="With until_passing: how many more a materialization asks for")
    temperature: float = Field(0.6, ge=0)
    top_p: float = Field(0.95, gt=0, le=1)
    max_tokens: int = Field(16_384, ge=1)
    templates: str | None = Field(None, description="Folder whose <name>.jinja files replace the prompts")
    ask_again: list[str] = Field([], description=f"Failures to be asked again, each once a run: {', '.join(FAILURES)}")

    def wanted(self, model: str) -> Wanted:
        """What these settings want of ``model``. Raises ``ValueError`` naming the setting that is wrong."""
        counts: dict[Language, int] = {"python": self.python_samples, "cpp": self.cpp_samples}
        attempts: dict[Language, SamplingPolicy] = {
            language: UntilPassing(self.until_passing, max(count, self.max_samples), count, self.more_at_once)
            if self.until_passing
            else Fixed(count)
            for language, count in counts.items()
            if count
        }
        if unknown := set(self.ask_again) - set(FAILURES):
            raise ValueError(f"ask_again: {', '.join(sorted(unknown))} is none of {', '.join(FAILURES)}")
        sampling = Sampling(self.temperature, self.top_p, self.max_tokens)
        templates = load_templates(NAMES, Path(self.templates) if self.templates else None)
        return Wanted(attempts, sampling, model, templates, self.ask_again)


@dg.asset(
    group_name="traces",
    deps=["clean_problems"],
    check_specs=declared(R1_TRACES),
    metadata=described(R1_TRACES),
    kinds={"vllm", "duckdb"},
)
def r1_traces(
    context: dg.AssetExecutionContext,
    config: TracesConfig,
    lake: LakeResource,
    teacher: TeacherResource,
    tokenizer: TokenizerResource,
) -> Results:
    """The teacher's raw responses. Only what the lake does not hold is asked; each answer is on disk the moment it arrives."""

    def ask(store: Lake, write: Write) -> Mapping[str, Any]:
        write.reads("clean_problems")
        model = teacher.opened(samples.RESPONSES)
        with Journal(lake.journals, "r1_traces") as journal:
            done = collect.ask(
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
        context.log.info(f"r1_traces: {done.line()}")
        return {
            "teacher": f"{model.name}: {model.model}, <think> by {teacher.think}",
            "teacher requests": done.tally.stored,
            "left": done.left,
            "stopped by": done.tally.stopped or "nothing",
            **runner.figures(done.tally, done.missing),
        }

    yield from publish(context, lake, R1_TRACES, ask)


# Responses not parsed yet, or parsed by another version of the parser.
UNPARSED = """
SELECT r.*, p.entry_point FROM r1_traces r JOIN deduped_problems p USING (problem_id)
ANTI JOIN (SELECT response_id FROM solutions WHERE parser_version = $parser) s USING (response_id)
WHERE r.failure IS NULL
"""

SOLUTION_EDGES = """
SELECT solution_id AS child, response_id AS parent, 'derived' AS relation,
       CASE WHEN parses = false THEN 'syntax error' ELSE parse_status END AS reason
FROM solutions
"""


@dg.asset(
    group_name="traces",
    deps=[r1_traces],
    check_specs=declared(SOLUTIONS),
    metadata=described(SOLUTIONS),
    kinds={"duckdb"},
)
def solutions(context: dg.AssetExecutionContext, lake: LakeResource) -> Results:
    """Responses taken apart: reasoning, answer, code, and whether the code parses; every response keeps its reason code."""

    def parse(store: Lake, write: Write) -> Mapping[str, Any]:
        write.reads("r1_traces")

        def rows() -> Iterator[Solution]:
            with Progress("solutions", None, context.log.info, "responses") as progress:
                for response in store.stream(UNPARSED, {"parser": PARSER_VERSION}):
                    yield solution_row(response)
                    progress.add()

        with store.write(run_info(context), "solutions") as parsed:
            parsed.upsert(SOLUTIONS, rows())
        write.edges_query(SOLUTION_EDGES)
        return {}

    def pictures(store: Lake) -> Mapping[str, Any]:
        counts = store.rows("SELECT parse_status, count(*) AS rows FROM solutions GROUP BY ALL ORDER BY rows DESC")
        png = plots.bars({row["parse_status"]: row["rows"] for row in counts}, "Parse status", "responses")
        return {"parse status": picture(png, "parse status")}

    yield from publish(context, lake, SOLUTIONS, parse, after=pictures)
