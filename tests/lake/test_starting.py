"""Schedules and sensors: what a tick starts, what it leaves out for want of a budget, and that nothing is started twice."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ocr_assets.automation.jobs import refresh
from ocr_assets.automation.sensors import RETRY_S, Cursor
from ocr_assets.automation.starting import LEFT_OUT
from ocr_assets.definitions import build_definitions
from ocr_assets.problems.assets import SOURCES
from resources.settings import EvaluatedResource, JudgesResource, SourcesResource, TeacherResource
from tests.support.fake_hub import COMMIT, hub

URL = "http://127.0.0.1:9/v1"


class Started:
    """A graph, an instance in memory, and the cursors of its sensors."""

    def __init__(self, instance: dg.DagsterInstance, **resources: Any) -> None:
        self.instance = instance
        self.definitions = build_definitions(**resources)
        self.repository = self.definitions.get_repository_def()
        self.cursors: dict[str, str | None] = {}

    @property
    def resources(self) -> Mapping[str, Any]:
        return self.definitions.resources or {}

    def schedule(self, name: str) -> tuple[list[dg.RunRequest], str | None]:
        schedule = self.repository.get_schedule_def(name)
        needed = {key: self.resources[key] for key in schedule.required_resource_keys}
        with dg.build_schedule_context(instance=self.instance, repository_def=self.repository, resources=needed) as context:
            told = schedule.evaluate_tick(context)
        return list(told.run_requests or []), told.skip_message

    def sensor(self, name: str) -> tuple[list[dg.RunRequest], str | None]:
        sensor = self.repository.get_sensor_def(name)
        needed = {key: self.resources[key] for key in sensor.required_resource_keys}
        with dg.build_sensor_context(
            instance=self.instance, repository_def=self.repository, resources=needed, cursor=self.cursors.get(name)
        ) as context:
            told = sensor.evaluate_tick(context)
        self.cursors[name] = told.cursor
        return list(told.run_requests or []), told.skip_message

    def run(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> str:
        """A run that the daemon would have made of the request, in this status."""
        tags = {**request.tags, "dagster/partition": str(request.partition_key)}
        if request.run_key:
            tags["dagster/run_key"] = request.run_key
        run = self.instance.create_run_for_job(self.repository.get_job(refresh.name), tags=tags, status=status)
        return run.run_id


@pytest.fixture
def instance() -> Any:
    with dg.instance_for_test() as found:
        yield found


def chosen(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or ()}


def test_a_schedule_reads_its_source_and_what_follows(instance: dg.DagsterInstance) -> None:
    (request,), _ = Started(instance).schedule("refresh_apps")
    assert request.partition_key == "apps"
    assert {"raw_problems", "deduped_problems", "r1_traces", "verdicts", "sft_dataset"} <= chosen(request)
    assert not chosen(request) & {"synthetic_questions", "training_mix", "finetuned_model"}
    assert request.tags["ocr/lane"] == "refresh" and LEFT_OUT not in request.tags


def test_what_costs_money_needs_a_budget(instance: dg.DagsterInstance) -> None:
    paid = {"r1_traces", "synthetic_attempts", "style_conversions", "kodcode_responses"}
    live = {"teacher": TeacherResource(kind="endpoint", url=URL), "judges": JudgesResource(kind="endpoint", url=URL)}
    (request,), _ = Started(instance, **live).schedule("refresh_taco")
    assert not chosen(request) & (paid | {"contamination_report"})
    assert {"raw_problems", "deduped_problems", "verdicts"} <= chosen(request)
    assert "contamination_report: no budget is set (OCR_JUDGE_MAX_REQUESTS" in request.tags[LEFT_OUT]
    bounded = {
        "teacher": TeacherResource(kind="endpoint", url=URL, max_tokens=10**6),
        "judges": JudgesResource(kind="endpoint", url=URL, max_requests=0),
        "evaluated": EvaluatedResource(kind="endpoint", url=URL),
    }
    (request,), _ = Started(instance, **bounded).schedule("refresh_taco")
    assert paid | {"contamination_report"} <= chosen(request)
    assert request.tags[LEFT_OUT].startswith("evaluation_samples: no budget is set")
    assert "evaluation_samples" not in chosen(request)


@pytest.mark.long
def test_a_refresh_that_goes_on_is_not_started_again(instance: dg.DagsterInstance) -> None:
    started = Started(instance)
    (request,), _ = started.schedule("refresh_taco")
    run = started.run(request, dg.DagsterRunStatus.STARTED)
    assert started.schedule("refresh_taco") == ([], f"taco is being refreshed by run {run}")
    assert len(started.schedule("refresh_apps")[0]) == 1, "another source is queued behind it"
    instance.report_run_canceled(instance.get_runs()[0])
    assert len(started.schedule("refresh_taco")[0]) == 1


@pytest.fixture
def local(tmp_path: Path) -> Path:
    folder = tmp_path / "problems"
    folder.mkdir()
    (folder / "train.jsonl").write_text('{"statement": "one"}\n')
    return folder


def touch(path: Path, text: str) -> None:
    """Write a file whose time is surely another than before."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    os.utime(path, ns=(before + 1_000_000, before + 1_000_000))


@pytest.mark.long
def test_a_sensor_starts_a_refresh_when_files_changed_and_stay_as_they_are(instance: dg.DagsterInstance, local: Path) -> None:
    started = Started(instance, sources=SourcesResource(local=str(local)))

    def tick() -> tuple[list[dg.RunRequest], str | None]:
        return started.sensor("watch_local")

    assert tick() == ([], "local changed; it is read when it stays as it is")
    (first,), _ = tick()
    cursor = Cursor.model_validate_json(_cursor(started))
    assert (first.partition_key, first.run_key) == ("local", f"local:{cursor.number}:{cursor.asked}")
    assert cursor.number > 1_700_000_000, "a sensor whose cursor was reset names no reading as one before"
    run = started.run(first, dg.DagsterRunStatus.STARTED)
    assert tick() == ([], "local is as it was when it was last read")

    touch(local / "train.jsonl", '{"statement": "one"}\n{"statement": "two"}\n')
    assert tick()[0] == [] and tick() == ([], f"local is being refreshed by run {run}"), "no double start"
    instance.report_run_canceled(instance.get_runs()[0])
    (second,), _ = tick()
    assert second.run_key != first.run_key
    assert tick()[0] == [], "asked for once"

    (local / "notes.txt").write_text("no file of problems")
    assert tick() == ([], "local is as it was when it was last read")
    (local / "more").mkdir()
    touch(local / "more" / "test.parquet", "half of it")
    assert tick()[0] == []
    touch(local / "more" / "test.parquet", "all of it")
    assert tick()[0] == [], "still being copied"
    assert len(tick()[0]) == 1


def _cursor(started: Started) -> str:
    cursor = started.cursors["watch_local"]
    assert cursor is not None
    return cursor


@pytest.mark.slow
def test_a_state_that_comes_back_is_read_again(instance: dg.DagsterInstance, local: Path) -> None:
    started = Started(instance, sources=SourcesResource(local=str(local)))
    keys = []
    moments = [(local / "train.jsonl").stat().st_mtime_ns + second * 10**9 for second in (0, 1, 0)]
    for text, moment in zip(("one", "two", "one"), moments, strict=True):
        (local / "train.jsonl").write_text(text)
        os.utime(local / "train.jsonl", ns=(moment, moment))
        assert started.sensor("watch_local")[0] == []
        (request,), _ = started.sensor("watch_local")
        keys.append(request.run_key)
    assert len(set(keys)) == 3, "Dagster starts a run key once, for ever"


@pytest.mark.long
def test_a_reading_that_failed_is_tried_again_after_a_while(instance: dg.DagsterInstance, local: Path) -> None:
    started = Started(instance, sources=SourcesResource(local=str(local)))
    started.sensor("watch_local")
    (request,), _ = started.sensor("watch_local")
    started.run(request, dg.DagsterRunStatus.FAILURE)
    assert started.sensor("watch_local")[0] == []
    earlier = json.loads(_cursor(started))
    started.cursors["watch_local"] = json.dumps({**earlier, "at": earlier["at"] - RETRY_S})
    (again,), _ = started.sensor("watch_local")
    assert again.run_key not in (None, request.run_key)
    assert started.sensor("watch_local")[0] == []


def test_a_source_that_is_not_set_or_gone_starts_nothing_and_says_so(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    assert Started(instance).sensor("watch_local") == ([], "local is not set (OCR_LOCAL)")
    gone = Started(instance, sources=SourcesResource(local=str(tmp_path / "nowhere")))
    requests, why = gone.sensor("watch_local")
    assert requests == [] and "no such folder" in str(why)


def test_a_sensor_asks_the_hub_for_the_revision_and_fetches_nothing(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub({"BAAI/TACO": {"train.jsonl": b"{}\n"}}) as (address, downloads):
        monkeypatch.setenv("HF_ENDPOINT", address)
        started = Started(instance, sources=SourcesResource(taco="hub", apps="hub:no/such"))
        assert started.sensor("watch_taco")[0] == []
        (request,), _ = started.sensor("watch_taco")
        assert str(request.run_key).startswith("taco:") and str(request.run_key).endswith(f":hub at {COMMIT}")
        assert started.sensor("watch_taco")[0] == []
        assert not downloads
        requests, why = started.sensor("watch_apps")
        assert requests == [] and "does not say which revision" in str(why)


def test_all_is_off_until_it_is_turned_on_by_a_line(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    def running() -> set[str]:
        repository = build_definitions().get_repository_def()
        on = {s.name for s in repository.schedule_defs if s.default_status == dg.DefaultScheduleStatus.RUNNING}
        return on | {s.name for s in repository.sensor_defs if s.default_status == dg.DefaultSensorStatus.RUNNING}

    assert running() == set()
    monkeypatch.setenv("OCR_REFRESH", "taco; local=0 */6 * * *")
    monkeypatch.setenv("OCR_TIME_ZONE", "Europe/Berlin")
    monkeypatch.setenv("OCR_WATCH", "local")
    monkeypatch.setenv("OCR_CONDITIONS", "true")
    assert running() == {"refresh_taco", "refresh_local", "watch_local", "conditions"}
    repository = build_definitions().get_repository_def()
    schedule = repository.get_schedule_def("refresh_local")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 */6 * * *", "Europe/Berlin")
    monkeypatch.setenv("OCR_REFRESH", "all")
    assert {f"refresh_{source}" for source in SOURCES.get_partition_keys()} <= running()
    monkeypatch.setenv("OCR_WATCH", "nothing")
    with pytest.raises(ValueError, match="no source nothing"):
        build_definitions()


def test_one_sensor_evaluates_all_conditions(instance: dg.DagsterInstance) -> None:
    """Dagster would make a second, default one of those that are left over."""
    definitions = build_definitions()
    repository = definitions.get_repository_def()
    assert "default_automation_condition_sensor" not in {sensor.name for sensor in repository.sensor_defs}
    graph = definitions.resolve_asset_graph()
    conditioned = {key for key in graph.materializable_asset_keys if graph.get(key).automation_condition is not None}
    selection = repository.get_sensor_def("conditions").asset_selection
    assert selection is not None and selection.resolve(graph) == conditioned
