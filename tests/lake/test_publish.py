"""The two shapes in which an asset publishes: what each reports, and what it refuses."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ocr_assets.platform import publish
from ocr_assets.platform.assets import CHECK, Results, lake_asset, watched
from ocr_assets.platform.lake import project_lake
from ocr_assets.platform.publish import Body, run_info
from ocr_assets.platform.watching import figures_of, warnings_of
from ocr_assets.schema import PROMPTS, TABLES, VERDICTS
from resources.lake import Lake, RunInfo, Write
from resources.settings import LakeResource

OTHER_RUN = RunInfo("another", "test")


def prompt(name: str, content: str = "Solve it.") -> dict[str, Any]:
    return {"prompt_hash": name, "template": "python_stdin", "template_hash": "t", "messages": content}


def run(home: Path, shape: Any, body: Any) -> dg.ExecuteInProcessResult:
    """Materialize an asset of the table ``prompts`` that publishes ``body(context)``."""

    @lake_asset(PROMPTS)
    def prompts(context: dg.AssetExecutionContext, lake: LakeResource) -> Results:
        """Prompts."""
        yield from shape(context, lake, PROMPTS, body(context))

    return dg.materialize([prompts], resources={"lake": LakeResource(home=str(home))}, raise_on_error=False)


def metadata(result: dg.ExecuteInProcessResult) -> Mapping[str, Any]:
    assert result.success
    (materialized,) = result.asset_materializations_for_node("prompts")
    return {name: value.value for name, value in materialized.metadata.items()}


def changes(result: dg.ExecuteInProcessResult) -> tuple[int, int, int]:
    shown = metadata(result)
    return shown["dagster/row_count"], shown["new rows"], shown["gone rows"]


def staging(*rows: dict[str, Any]) -> Any:
    def body(store: Lake, write: Write) -> dict[str, Any]:
        write.sync(PROMPTS, rows)
        return {"of its own": 7}

    return lambda context: body


def committing(*commits: list[dict[str, Any]], then: Body = lambda store, write: {}) -> Any:
    def body_of(context: dg.AssetExecutionContext) -> Body:
        def body(store: Lake, write: Write) -> Mapping[str, Any]:
            for rows in commits:
                with store.write(run_info(context), "prompts") as commit:
                    commit.upsert(PROMPTS, rows)
            return then(store, write)

        return body

    return body_of


@pytest.mark.slow
def test_replace_reports_what_came_and_went(tmp_path: Path) -> None:
    first = run(tmp_path, publish.replace, staging(prompt("a"), prompt("b")))
    assert changes(first) == (2, 2, 0)
    assert metadata(first)["of its own"] == 7
    assert changes(run(tmp_path, publish.replace, staging(prompt("b"), prompt("c"), prompt("d")))) == (3, 2, 1)
    assert changes(run(tmp_path, publish.replace, staging(prompt("b"), prompt("c"), prompt("d")))) == (3, 0, 0)
    assert changes(run(tmp_path, publish.replace, staging())) == (0, 0, 3)


@pytest.mark.slow
def test_append_sums_up_its_own_commits(tmp_path: Path) -> None:
    """Not the difference of row counts: a row replaced by another came and went, and another process's rows are not ours."""
    assert changes(run(tmp_path, publish.append, committing([prompt("a")], [prompt("b"), prompt("c")]))) == (3, 3, 0)

    def by_another(store: Lake, write: Write) -> dict[str, Any]:
        with project_lake(tmp_path / "lake") as lake, lake.write(OTHER_RUN, "prompts") as elsewhere:
            elsewhere.upsert(PROMPTS, [prompt("x"), prompt("y")])
        return {}

    again = run(tmp_path, publish.append, committing([prompt("a", "Otherwise.")], [prompt("d")], then=by_another))
    assert changes(again) == (6, 2, 1)
    assert changes(run(tmp_path, publish.append, committing())) == (6, 0, 0)


@pytest.mark.long
def test_what_append_committed_stays_when_the_run_fails(tmp_path: Path) -> None:
    def fails(store: Lake, write: Write) -> dict[str, Any]:
        raise RuntimeError("power cut")

    assert not run(tmp_path, publish.append, committing([prompt("a")], then=fails)).success
    assert changes(run(tmp_path, publish.append, committing([prompt("a"), prompt("b")]))) == (2, 1, 0)


@pytest.mark.long
@pytest.mark.parametrize("shape", [publish.replace, publish.append])
def test_rows_that_break_the_declaration_fail_the_check(tmp_path: Path, shape: Any) -> None:
    broken = {**prompt("a"), "messages": None}
    body = staging(broken) if shape is publish.replace else committing([prompt("b")], [broken])
    result = run(tmp_path, shape, body)
    assert not result.success
    (check,) = [found for found in result.get_asset_check_evaluations() if found.check_name == CHECK]
    assert not check.passed
    assert "must not be null" in str(check.metadata["breaches"].value)
    with project_lake(tmp_path / "lake") as lake:
        assert lake.state("prompts")[0] == (0 if shape is publish.replace else 1)


def stages_nothing(store: Lake, write: Write) -> dict[str, Any]:
    return {}


def stages_at_the_end(store: Lake, write: Write) -> dict[str, Any]:
    write.upsert(PROMPTS, [prompt("b")])
    return {}


@pytest.mark.long
@pytest.mark.parametrize(
    ("shape", "body", "why"),
    [
        (publish.replace, lambda context: stages_nothing, "staged in its one write"),
        (publish.replace, committing([prompt("a")], then=stages_at_the_end), "staged in its one write"),
        (publish.append, committing([prompt("a")], then=stages_at_the_end), "was staged at the end"),
    ],
    ids=["replace: nothing staged", "replace: committed on the way", "append: staged at the end"],
)
def test_a_body_of_the_other_shape_is_refused(tmp_path: Path, shape: Any, body: Any, why: str) -> None:
    result = run(tmp_path, shape, body)
    assert not result.success
    (failure,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert why in str(failure.error)


@pytest.mark.long
def test_numbers_that_are_watched_warn_beyond_their_limit_and_stop_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown(result: dg.ExecuteInProcessResult) -> tuple[bool, dg.AssetCheckSeverity, Any]:
        (check,) = [check for check in result.get_asset_check_evaluations() if check.check_name == "rows_lost_share"]
        return check.passed, check.severity, metadata(result).get("rows_lost_share")

    ten = [prompt(str(number)) for number in range(10)]
    assert shown(run(tmp_path, publish.replace, staging(*ten))) == (True, dg.AssetCheckSeverity.WARN, None), "nothing was there"
    assert shown(run(tmp_path, publish.replace, staging(*ten[1:], prompt("new")))) == (True, dg.AssetCheckSeverity.WARN, 0.0)
    result = run(tmp_path, publish.replace, staging(*ten[:7]))
    assert shown(result) == (False, dg.AssetCheckSeverity.WARN, 0.3)
    assert result.success, "a warning stops nothing"
    monkeypatch.setenv("OCR_MAX_ROWS_LOST", "0.5")
    assert shown(run(tmp_path, publish.replace, staging(*ten[:5])))[0]


@pytest.mark.long
def test_a_table_s_own_numbers_are_worked_out_of_its_rows(tmp_path: Path) -> None:
    """Verdicts: what is judged and accepted, and what the sandbox failed to run."""
    verdicts = "(SELECT unnest(['accepted', 'wrong_answer', 'accepted', 'sandbox_error', 'ungradable']) AS verdict)"
    with project_lake(tmp_path / "lake") as lake:
        figures = figures_of(lake, VERDICTS, verdicts, 5, 0)
        assert figures == {"rows_lost_share": None, "acceptance_rate": pytest.approx(2 / 3), "sandbox_fault_share": 0.2}
        assert figures_of(lake, VERDICTS, "verdicts", 0, 0)["acceptance_rate"] is None
        for table in TABLES:
            assert set(figures_of(lake, table, table.name, 0, 0)) == {figure.name for figure in watched(table)}
    accepted, faults = warnings_of(dg.AssetKey("verdicts"), VERDICTS, figures)[1:]
    assert accepted.passed and not faults.passed
    assert "no verdict" in (faults.description or "")


PARTS = dg.StaticPartitionsDefinition(["one", "two", "three"])


def run_parts(home: Path, rows: Mapping[str, list[str]], *parts: str, instance: dg.DagsterInstance) -> None:
    """Materialize these partitions of a table by template; ``rows``: what each partition shall hold."""
    table = dataclasses.replace(PROMPTS, partition="template", fate=("'kept'", "template_hash"))

    @lake_asset(table, partitions_def=PARTS, backfill_policy=dg.BackfillPolicy.single_run())
    def prompts(context: dg.AssetExecutionContext, lake: LakeResource) -> Results:
        """Prompts."""

        def body(store: Lake, write: Write) -> dict[str, Any]:
            for part in context.partition_keys:
                staged = write.sync(table, where={"template": part})
                staged.add_all({**prompt(name), "template": part} for name in rows[part])
                write.quarantine(scope=part).add({"file": "f", "row": 1, "reason": f"broken: {part}", "content": ""})
            return {"of its own": 7}

        yield from publish.replace(context, lake, table, body)

    tags = {"dagster/asset_partition_range_start": parts[0], "dagster/asset_partition_range_end": parts[-1]}
    given: dict[str, Any] = {"partition_key": parts[0]} if len(parts) == 1 else {"tags": tags}
    assert dg.materialize([prompts], resources={"lake": LakeResource(home=str(home))}, instance=instance, **given).success


def shown_by_part(instance: dg.DagsterInstance) -> dict[str, tuple[str | None, dict[str, Any]]]:
    """Data version and metadata of the newest event of each partition."""
    found = {}
    for part in PARTS.get_partition_keys():
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey("prompts"), asset_partitions=[part]), limit=1
        ).records
        if records:
            event = records[0].asset_materialization
            assert event is not None
            found[part] = (event.tags["dagster/data_version"], {name: value.value for name, value in event.metadata.items()})
    return found


@pytest.mark.long
def test_a_partition_s_page_shows_that_partition_however_many_a_run_made(tmp_path: Path) -> None:
    rows = {"one": ["a"], "two": ["b", "c"], "three": []}
    with dg.DagsterInstance.ephemeral() as instance:
        run_parts(tmp_path, rows, "one", "two", "three", instance=instance)
        together = shown_by_part(instance)
        for part in rows:
            run_parts(tmp_path, rows, part, instance=instance)
        alone = shown_by_part(instance)
        run_parts(tmp_path, {**rows, "two": ["b", "d"]}, "two", instance=instance)
        after = shown_by_part(instance)
    assert {part: version for part, (version, _) in together.items()} == {part: version for part, (version, _) in alone.items()}
    assert len({version for version, _ in together.values()}) == 3
    for part, names in rows.items():
        for _, page in (together[part], alone[part]):
            assert page["dagster/row_count"] == len(names)
            assert {record.data["prompt_hash"] for record in page["preview"].records} == set(names)
            counted = {record.data["outcome"]: record.data["rows"] for record in page["kept and dropped"].records}
            assert counted == {"quarantined": 1, **({"kept": len(names)} if names else {})}
            assert page["of its own"] == 7
            assert next(iter(page)) == "rows by outcome" and page["rows by outcome"].startswith("![")
    assert [part for part in rows if after[part][0] != alone[part][0]] == ["two"], "only what changed is other data"


@pytest.mark.long
def test_every_page_begins_with_a_picture(tmp_path: Path) -> None:
    shown = metadata(run(tmp_path, publish.replace, staging(prompt("a"))))
    assert next(iter(shown)) == "rows over time", "the funnel does not count this table"
    assert shown["rows over time"].startswith("![rows](data:image/png;base64,")
