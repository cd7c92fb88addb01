"""Conditions driven by real automation ticks: what starts by itself, what never does, and that nothing starts twice."""

from collections import Counter

import dagster as dg
import pytest

from ocr_assets.automation.conditions import BY_HAND, WHEN_ALL_INPUTS_CAUGHT_UP, WHEN_INPUTS_CHANGE
from ocr_assets.definitions import ASSETS, build_definitions
from ocr_assets.problems.assets import SOURCES
from resources.settings import JudgesResource, TeacherResource
from tests.support.ticks import Ticks, ticks

SOURCE_NAMES = set(SOURCES.get_partition_keys())
TEACHER = TeacherResource(kind="endpoint", url="http://127.0.0.1:9/v1")
JUDGES = JudgesResource(kind="endpoint", url="http://127.0.0.1:9/v1")
PAID_BY_TEACHER = {"r1_traces", "synthetic_attempts", "style_conversions", "kodcode_responses"}


def asked_for(rounds: list[dict[str, set[str | None]]]) -> Counter[str]:
    return Counter(name for requested in rounds for name in requested)


def by_a_person(ticked: Ticks, *names: str) -> None:
    for name in names:
        definition = ticked.definitions.resolve_asset_graph().get(dg.AssetKey(name)).partitions_def
        for partition in definition.get_partition_keys() if definition else [None]:
            ticked.follow(name, partition)


@pytest.fixture(scope="module")
def whole_graph() -> dg.Definitions:
    return build_definitions()


@pytest.fixture(scope="module")
def paying_graph() -> dg.Definitions:
    return build_definitions(teacher=TEACHER, judges=JUDGES)


@pytest.mark.slow
def test_a_change_goes_through_the_graph_once_and_identical_data_starts_nothing(whole_graph: dg.Definitions) -> None:
    automated = {asset.key.to_user_string() for asset in ASSETS} - BY_HAND
    with ticks(whole_graph) as ticked:
        by_a_person(ticked, "synthetic_questions", "evaluation_samples", "finetuned_model")
        rounds = ticked.settle()
        assert set(asked_for(rounds)) == automated
        assert next(requested for requested in rounds if "raw_problems" in requested)["raw_problems"] == SOURCE_NAMES
        assert asked_for(rounds)["raw_problems"] == 1

        ticked.make("raw_problems", ticked.versions["raw_problems", "taco"], "taco")
        assert ticked.settle() == [], "the same rows were read again"

        ticked.make("raw_problems", "with another row", "taco")
        rounds = ticked.settle()
        assert "raw_problems" not in asked_for(rounds)
        assert {"deduped_problems", "clean_problems", "r1_traces", "verdicts", "sft_dataset"} <= set(asked_for(rounds))
        assert not set(asked_for(rounds)) & (BY_HAND | {"benchmark_problems"})
        assert asked_for(rounds)["sft_dataset"] == 1, "no release is made of inputs of which one half is refreshed"
        assert max(asked_for(rounds).values()) <= 4, f"some assets are made again and again: {asked_for(rounds)}"


@pytest.mark.long
def test_a_change_that_changes_no_rows_of_the_next_stage_ends_there(whole_graph: dg.Definitions) -> None:
    with ticks(whole_graph) as ticked:
        by_a_person(ticked, "synthetic_questions", "evaluation_samples", "finetuned_model")
        ticked.settle()
        ticked.make("raw_problems", "a duplicate of what is there", "apps")
        assert set(ticked.tick()) == {"deduped_problems"}
        ticked.make("deduped_problems", ticked.versions["deduped_problems", None])
        assert ticked.settle() == []


@pytest.mark.slow
def test_what_costs_money_is_never_started_by_a_condition(paying_graph: dg.Definitions) -> None:
    with ticks(paying_graph) as ticked:
        rounds = ticked.settle()
        assert not set(asked_for(rounds)) & (BY_HAND | PAID_BY_TEACHER | {"contamination_report"})
        assert "deduped_problems" in asked_for(rounds)
        assert "clean_problems" not in asked_for(rounds), "nobody has compared the problems yet"
        by_a_person(ticked, "contamination_report", *PAID_BY_TEACHER, *BY_HAND)
        assert {"clean_problems", "solutions", "verdicts", "sft_dataset"} <= set(asked_for(ticked.settle()))

        ticked.make("raw_problems", "with another row", "taco")
        rounds = ticked.settle()
        assert "deduped_problems" in asked_for(rounds)
        assert not set(asked_for(rounds)) & {"clean_problems", "sft_dataset"}, "they wait for what a person has to start"
        assert [ticked.tick(minutes=20) for _ in range(4)] == [{}] * 4

        ticked.make("contamination_report", ticked.versions["contamination_report", None])
        assert "clean_problems" in asked_for(ticked.settle()), "the new problem resembles nothing, and was compared"
        by_a_person(ticked, "r1_traces")
        assert "sft_dataset" in asked_for(ticked.settle())


@pytest.mark.slow
def test_all_sources_exist_before_anything_follows(whole_graph: dg.Definitions) -> None:
    """Those that are switched off have a partition too; without it what follows would wait for ever."""
    with ticks(whole_graph) as ticked:
        ticked.tick()
        assert ticked.tick()["raw_problems"] == SOURCE_NAMES
        for source in SOURCE_NAMES - {"local"}:
            ticked.make("raw_problems", source, source)
        assert "deduped_problems" not in ticked.tick()
        ticked.make("raw_problems", "no rows", "local")
        assert "deduped_problems" in ticked.tick()


def graph(*, fails: set[str], code: str = "1") -> dg.Definitions:
    """A source, two stages of which the second waits for all of its inputs, and something between them that is started by hand.
    Those in ``fails`` raise when they are run."""

    def stage(name: str, deps: list[str], condition: dg.AutomationCondition | None, version: str = "1") -> dg.AssetsDefinition:
        @dg.asset(name=name, deps=deps, automation_condition=condition, code_version=version)
        def made() -> dg.MaterializeResult:
            if name in fails:
                raise RuntimeError("engine down")
            return dg.MaterializeResult(data_version=dg.DataVersion(f"{name} {version}"))

        return made

    return dg.Definitions(
        [
            stage("source", [], None),
            stage("first", ["source"], WHEN_INPUTS_CHANGE, code),
            stage("by_hand", ["first"], None),
            stage("last", ["first", "by_hand"], WHEN_ALL_INPUTS_CAUGHT_UP),
        ]
    )


def execute(ticked: Ticks, requested: dict[str, set[str | None]]) -> None:
    assets = list(ticked.definitions.assets or [])
    if requested:
        dg.materialize(assets, instance=ticked.instance, selection=sorted(requested), raise_on_error=False)


def test_other_settings_start_exactly_what_they_decide() -> None:
    with ticks(graph(fails=set())) as ticked:
        for name in ("source", "first", "by_hand", "last"):
            ticked.make(name, name)
        assert [ticked.tick() for _ in range(3)] == [{}, {}, {}]
        ticked.definitions = graph(fails=set(), code="2")
        requested = ticked.tick()
        assert requested == {"first": {None}}
        execute(ticked, requested)
        assert [ticked.tick() for _ in range(3)] == [{}, {}, {}], "what follows waits for what a person starts between"
        ticked.make("by_hand", "again")
        assert ticked.tick() == {"last": {None}}


@pytest.mark.slow
def test_what_fails_is_tried_again_by_the_hour_and_not_by_the_tick() -> None:
    with ticks(graph(fails={"first"})) as ticked:
        for name in ("source", "first", "by_hand", "last"):
            ticked.make(name, name)
        ticked.tick()
        ticked.make("source", "changed")
        runs = 0
        for _ in range(48):  # four hours, a tick every five minutes
            requested = ticked.tick(minutes=5)
            runs += bool(requested)
            assert set(requested) <= {"first"}
            execute(ticked, requested)
        assert runs == 5, "once for the change, and at each full hour"
        ticked.definitions = graph(fails=set())
        requested = {}
        for _ in range(12):
            requested = ticked.tick(minutes=5)
            if requested:
                break
        assert requested == {"first": {None}}, "the change is not lost"
        execute(ticked, requested)
        assert [ticked.tick(minutes=30) for _ in range(6)] == [{}] * 6


def test_what_was_never_made_and_fails_is_not_started_at_every_tick() -> None:
    with ticks(graph(fails={"first"})) as ticked:
        ticked.make("source", "source")
        runs = 0
        for _ in range(24):
            requested = ticked.tick(minutes=5)
            runs += bool(requested)
            execute(ticked, requested)
        assert 2 <= runs <= 3
