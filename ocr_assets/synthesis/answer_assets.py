"""The assets behind the questions: ``synthetic_attempts``, ``self_verification``, ``style_conversions``, ``synthetic_triplets``,
``kodcode_responses``.

Those that pay for answers go round by themselves: ask, verify, ask again where nothing verified, until nothing is left to ask.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from ocr_assets import samples
from ocr_assets.generation import runner
from ocr_assets.generation.asking import Kind, Wanted, ask
from ocr_assets.generation.parse import PARSER_VERSION
from ocr_assets.generation.prompts import template_hashes
from ocr_assets.generation.sampling import Fixed, SamplingPolicy, UntilPassing
from ocr_assets.generation.settings import AskingSettings
from ocr_assets.platform import plots, publish
from ocr_assets.platform.assets import Results, defaults, in_force, lake_asset
from ocr_assets.platform.publish import picture, run_info
from ocr_assets.schema import (
    KODCODE_RESPONSES,
    SELF_VERIFICATION,
    STYLE_CONVERSIONS,
    SYNTHETIC_ATTEMPTS,
    SYNTHETIC_TRIPLETS,
    json_text,
)
from ocr_assets.synthesis import kinds, passes, triplets
from ocr_assets.synthesis.settings import (
    AttemptSettings,
    ConversionSettings,
    ResponseSettings,
    SelfVerificationSettings,
)
from ocr_assets.synthesis.subsets.definition import load_subsets
from ocr_assets.synthesis.verifying import plan_of, verify_new
from resources.lake import Lake, Write
from resources.lake.journal import Journal
from resources.settings import (
    LakeResource,
    SandboxResource,
    SourcesResource,
    SynthesisResource,
    TeacherResource,
    TokenizerResource,
    from_environment,
)


class AttemptsConfig(AttemptSettings, dg.Config):
    """``AttemptSettings`` as Dagster takes them."""


class ConversionsConfig(ConversionSettings, dg.Config):
    """``ConversionSettings`` as Dagster takes them."""


class ResponsesConfig(ResponseSettings, dg.Config):
    """``ResponseSettings`` as Dagster takes them."""


def verification(synthesis: SynthesisResource) -> SelfVerificationSettings:
    """How all assets of this stage verify; one resource, so that they mean the same."""
    return SelfVerificationSettings(
        cpu_s=synthesis.suite_cpu_s,
        mutants=synthesis.mutants,
        min_statement_coverage=synthesis.min_statement_coverage,
        min_branch_coverage=synthesis.min_branch_coverage,
        min_kill_rate=synthesis.min_kill_rate,
    )


SYNTHESIS = from_environment(SynthesisResource)
PLAN = {"verification": plan_of(verification(SYNTHESIS))}


def asked_by(settings: type[AskingSettings], *templates: str) -> dict[str, Any]:
    """What decides the answers that these settings ask for, and what becomes of them."""
    return {
        "settings": in_force(settings, "templates", "ask_again"),
        "templates": template_hashes(templates, defaults(settings).templates),
        "teacher": from_environment(TeacherResource).model,
        "parser": PARSER_VERSION,
        **PLAN,
    }


class Rounds:
    """Ask and verify in turn, with what an asset is given. ``subjects``: what of the answers is verified (``verifying.py``)."""

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        store: Lake,
        resources: tuple[LakeResource, SourcesResource, TeacherResource, TokenizerResource, SandboxResource],
        settings: AskingSettings,
        verification: SelfVerificationSettings,
        subjects: str,
    ) -> None:
        self._context, self._store, self._settings = context, store, settings
        self._verification, self._subjects = verification, subjects
        self._lake, self._sources, teacher, self._tokenizer, self._sandbox = resources
        self._budget, self._teacher = teacher.budget, teacher.opened(samples.RESPONSES)
        trusted = self._sources.only_bundled and self._teacher.name == "recorded"
        self._pool = self._sandbox.opened(trusted=trusted)
        self._left = self._asked = 0
        self._statuses: dict[str, int] = {}
        self._figures: dict[str, Any] = {}

    def run(self, asked: Sequence[tuple[Kind, SamplingPolicy]]) -> dict[str, Any]:
        """All rounds of each kind; what was done, as metadata."""
        with self._pool:
            for kind, policy in asked:
                self._run(kind, policy)
        return self._told()

    def _run(self, kind: Kind, policy: SamplingPolicy) -> None:
        """Until nothing more is wanted, or nothing more is answered."""
        plan = {"plan": plan_of(self._verification)}
        wanted = Wanted(policy, self._settings.sampling, self._teacher.model, plan, self._settings.ask_again)
        self._verify()
        while True:
            with Journal(self._lake.journals, f"{kind.table.name}-{kind.name}") as journal:
                summary = ask(
                    self._store,
                    run_info(self._context),
                    journal,
                    self._teacher,
                    kind,
                    wanted,
                    self._budget,
                    lambda texts: self._tokenizer.opened().count(texts),
                    self._context.log.info,
                    lambda figures: self._context.log_event(dg.AssetObservation(self._context.asset_key, metadata=figures)),
                )
            self._asked += summary.tally.stored
            self._context.log.info(f"{kind.table.name}: {summary.line()}")
            if summary.tally.stored:
                self._figures = runner.figures(summary.tally, summary.missing)
            self._verify()
            if not summary.tally.stored:
                self._left += summary.owed
                return

    def _verify(self) -> None:
        """Verify all that is not yet."""
        with Journal(self._lake.journals, f"self_verification-{self._subjects}") as journal:
            counts = verify_new(
                self._store,
                run_info(self._context),
                journal,
                self._pool,
                self._subjects,
                self._verification,
                self._context.log.info,
            )
        for status, count in counts.items():
            self._statuses[status] = self._statuses.get(status, 0) + count

    def _told(self) -> dict[str, Any]:
        return {
            "teacher": f"{self._teacher.name}: {self._teacher.model}",
            "teacher requests": self._asked,
            publish.LEFT: self._left + self._statuses.get("sandbox_error", 0),
            "verified now": dict(self._statuses),
            **self._figures,
        }


@lake_asset(
    SYNTHETIC_ATTEMPTS,
    deps=["synthetic_questions", "question_screening"],
    kinds={"vllm", "docker", "duckdb"},
    pays="teacher",
    decided_by=lambda: asked_by(AttemptsConfig, "kodcode_attempt"),
)
def synthetic_attempts(
    context: dg.AssetExecutionContext,
    config: AttemptsConfig,
    lake: LakeResource,
    sources: SourcesResource,
    teacher: TeacherResource,
    tokenizer: TokenizerResource,
    sandbox: SandboxResource,
    synthesis: SynthesisResource,
) -> Results:
    """Solutions with tests of their own for each clean question, self-verified as they come: another attempt is asked for until
    one verifies or ten were made. Every attempt is a row, whatever came of it."""

    def body(store: Lake, write: Write) -> Mapping[str, Any]:
        given = (lake, sources, teacher, tokenizer, sandbox)
        rounds = Rounds(context, store, given, config, verification(synthesis), "attempts")
        return rounds.run([(kinds.attempts(config.template("kodcode_attempt")), config.wanted)])

    yield from publish.append(context, lake, SYNTHETIC_ATTEMPTS, body)


@lake_asset(
    SELF_VERIFICATION,
    deps=[synthetic_attempts, "synthetic_questions", "question_screening"],
    kinds={"docker", "duckdb"},
    decided_by=PLAN,
)
def self_verification(context: dg.AssetExecutionContext, lake: LakeResource, synthesis: SynthesisResource) -> Results:
    """What the sandbox found of attempts, conversions and responses, with the strength of their tests. They are run where they
    are asked for; here it is shown what came of the attempts, and how many of them solve a question, by subset."""

    def body(store: Lake, write: Write) -> Mapping[str, Any]:
        return {}

    def pictures(store: Lake) -> Mapping[str, Any]:
        parameters = {"plan": plan_of(verification(synthesis))}
        fates = {row["outcome"]: row["rows"] for row in store.rows(triplets.ATTEMPT_FATES, parameters)}
        table = passes.by_subset(store.rows(triplets.SEQUENCES, parameters))
        if not table:
            return {}
        records = [dg.TableRecord({name: "" if value is None else value for name, value in row.items()}) for row in table]
        schema = dg.TableSchema([dg.TableColumn(name) for name in table[0]])
        return {
            "attempts": picture(plots.bars(fates, "What became of attempts", "attempts"), "attempts"),
            "pass@k by subset": dg.MetadataValue.table(records, schema=schema),
            "pass@k": picture(plots.shares(table, "subset", [f"pass@{depth}" for depth in passes.DEPTHS], "pass@k, %"), "pass@k"),
        }

    yield from publish.append(context, lake, SELF_VERIFICATION, body, after=pictures)


@lake_asset(
    STYLE_CONVERSIONS,
    deps=[self_verification, synthetic_attempts],
    kinds={"vllm", "docker", "duckdb"},
    pays="teacher",
    decided_by=lambda: asked_by(ConversionsConfig, *(f"kodcode_{style}" for style in defaults(ConversionsConfig).styles)),
)
def style_conversions(
    context: dg.AssetExecutionContext,
    config: ConversionsConfig,
    lake: LakeResource,
    sources: SourcesResource,
    teacher: TeacherResource,
    tokenizer: TokenizerResource,
    sandbox: SandboxResource,
    synthesis: SynthesisResource,
) -> Results:
    """Verified triplets in other styles: code to be completed, which must not pass by itself, and tasks for an online judge,
    whose cases the reference must pass."""

    def body(store: Lake, write: Write) -> Mapping[str, Any]:
        given = (lake, sources, teacher, tokenizer, sandbox)
        rounds = Rounds(context, store, given, config, verification(synthesis), "conversions")
        policy = UntilPassing(1, config.max_tries)
        return rounds.run([(kinds.conversions(style, config.template(f"kodcode_{style}")), policy) for style in config.styles])

    yield from publish.append(context, lake, STYLE_CONVERSIONS, body)


@lake_asset(
    SYNTHETIC_TRIPLETS,
    deps=[style_conversions, self_verification, synthetic_attempts, "question_screening"],
    decided_by=lambda: {"titles": {name: subset.title for name, subset in load_subsets(SYNTHESIS.folder).items()}, **PLAN},
)
def synthetic_triplets(context: dg.AssetExecutionContext, lake: LakeResource, synthesis: SynthesisResource) -> Results:
    """Question, solution and tests that prove each other, in each style, with the difficulty that the attempts tell; questions
    that no attempt solved stay on record."""
    titles = json_text({name: subset.title for name, subset in load_subsets(synthesis.folder).items()})
    parameters = {"plan": plan_of(verification(synthesis)), "titles": titles}

    def body(store: Lake, write: Write) -> Mapping[str, Any]:
        write.sync_query(SYNTHETIC_TRIPLETS, triplets.TRIPLETS, parameters)
        write.edges_query(triplets.TRIPLET_EDGES, parameters)
        return {}

    def pictures(store: Lake) -> Mapping[str, Any]:
        counts = {row["difficulty"]: row["rows"] for row in store.rows(triplets.DIFFICULTIES)}
        return {"difficulty": picture(plots.bars(counts, "Questions by difficulty", "questions"), "difficulty")} if counts else {}

    yield from publish.replace(context, lake, SYNTHETIC_TRIPLETS, body, after=pictures)


@lake_asset(
    KODCODE_RESPONSES,
    deps=[synthetic_triplets],
    kinds={"vllm", "docker", "duckdb"},
    pays="teacher",
    decided_by=lambda: asked_by(ResponsesConfig, "kodcode_response"),
)
def kodcode_responses(
    context: dg.AssetExecutionContext,
    config: ResponsesConfig,
    lake: LakeResource,
    sources: SourcesResource,
    teacher: TeacherResource,
    tokenizer: TokenizerResource,
    sandbox: SandboxResource,
    synthesis: SynthesisResource,
) -> Results:
    """The teacher's own answers, with their reasoning, to the question of each verified triplet; its tests decide. Accepted and
    rejected ones both stay."""

    def body(store: Lake, write: Write) -> Mapping[str, Any]:
        given = (lake, sources, teacher, tokenizer, sandbox)
        rounds = Rounds(context, store, given, config, verification(synthesis), "responses")
        return rounds.run([(kinds.responses(config.template("kodcode_response")), Fixed(config.responses))])

    yield from publish.append(context, lake, KODCODE_RESPONSES, body)
