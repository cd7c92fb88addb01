"""Keys are nowhere to be seen: not on a page, in the launchpad, a log, Dagster's storage, the lake or a journal.

Keys are planted, the definitions loaded as the webserver does, a run launched with what the launchpad shows, against servers that
repeat the key they were sent in every kind of error; then everything written and every answer of the pages is searched.
"""

import contextlib
import json
import os
import sqlite3
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster._serdes import serialize_value
from dagster_webserver.app import create_app_from_workspace_process_context
from starlette.testclient import TestClient

from tests.support.graph import open_lake
from tests.support.repeating_server import repeating_server

PLANTED = {"OCR_TEACHER_KEY": "sk-planted-teacher-7f3a9c", "OCR_JUDGE_KEY": "basic:judge-user:planted-judge-51d2e8"}
HIDDEN = (
    "planted-teacher-7f3a9c",
    "planted-judge-51d2e8",
    "anVkZ2UtdXNlcjpwbGFudGVkLWp1ZGdlLTUxZDJlOA",  # pragma: allowlist secret (as sent)
)
SELECTOR = {"repositoryName": "__repository__", "repositoryLocationName": "ocr_assets.definitions"}
CONFIG_TYPE = "{ __typename key description ... on CompositeConfigType { fields { name description defaultValueAsJson } } }"


class Webserver:
    """Dagster's web application over a real code server and a real instance."""

    def __init__(self, workspace: WorkspaceProcessContext) -> None:
        self.workspace = workspace
        self.client = TestClient(create_app_from_workspace_process_context(workspace))
        self.answers: list[str] = []

    def query(self, query: str, **variables: object) -> dict:
        response = self.client.post("/graphql", json={"query": query, "variables": variables})
        self.answers.append(response.text)
        body = response.json()
        assert "errors" not in body, body
        return body["data"]

    def launchpad(self, job: str) -> str:
        """The configuration that the launchpad fills in for a job, as YAML; its schema is asked for too."""
        schema = self.query(
            f"query($selector: PipelineSelector!) {{ runConfigSchemaOrError(selector: $selector) {{ __typename "
            f"... on RunConfigSchema {{ rootDefaultYaml allConfigTypes {CONFIG_TYPE} }} }} }}",
            selector={**SELECTOR, "pipelineName": job},
        )["runConfigSchemaOrError"]
        return schema["rootDefaultYaml"]

    def launch(self, job: str, *assets: str, partition: str | None = None) -> str:
        """Launch with the launchpad's configuration and wait for the end. Returns the run's status."""
        tags = [{"key": "dagster/partition", "value": partition}] if partition else []
        launched = self.query(
            "mutation($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename "
            "... on LaunchRunSuccess { run { runId } } ... on PythonError { message stack } "
            "... on RunConfigValidationInvalid { errors { message } } } }",
            params={
                "selector": {**SELECTOR, "jobName": job, "assetSelection": [{"path": [name]} for name in assets]},
                "runConfigData": yaml.safe_dump(yaml.safe_load(self.launchpad(job))),
                "executionMetadata": {"tags": tags},
            },
        )["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run_id = launched["run"]["runId"]
        for _ in range(600):
            status = self.query("query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }", id=run_id)
            if status["runOrError"]["status"] in ("SUCCESS", "FAILURE", "CANCELED"):
                break
            time.sleep(0.5)
        self.query(
            "query($id: ID!) { runOrError(runId: $id) { ... on Run { status runConfigYaml runConfig } } "
            "logsForRun(runId: $id) { ... on EventConnection { events { __typename ... on MessageEvent { message } "
            "... on ExecutionStepFailureEvent { error { message stack causes { message stack } "
            "errorChain { error { message stack } } } } } } } }",
            id=run_id,
        )
        return status["runOrError"]["status"]

    def pages(self) -> None:
        """What the pages of resources, assets and the repository ask for."""
        self.query(
            "query($selector: RepositorySelector!) { allTopLevelResourceDetailsOrError(repositorySelector: $selector) { __typename "
            "... on ResourceDetailsList { results { name description configFields { name description defaultValueAsJson } "
            "configuredValues { key value type } } } } repositoryOrError(repositorySelector: $selector) { __typename "
            "... on Repository { displayMetadata { key value } assetNodes { opName metadataEntries { label } "
            f"configField {{ name defaultValueAsJson configType {CONFIG_TYPE} }} }} }} }} }}",
            selector=SELECTOR,
        )
        location = self.workspace.create_request_context().get_code_location(SELECTOR["repositoryLocationName"])
        repository = location.get_repository(SELECTOR["repositoryName"])
        self.answers.append(serialize_value(repository.repository_snap))


@pytest.fixture
def webserver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Webserver]:
    for name in [name for name in os.environ if name.startswith(("OCR_", "DAGSTER_"))]:
        monkeypatch.delenv(name)
    for name in ("OCR_APPS", "OCR_CODE_CONTESTS", "OCR_CODEFORCES"):
        monkeypatch.setenv(name, " ")
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OCR_HOME", str(tmp_path))
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster" / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\nrun_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}\n"
    )
    with repeating_server() as url:
        monkeypatch.setenv("OCR_JUDGES", "endpoint")
        monkeypatch.setenv("OCR_JUDGE_URL", f"{url}/denied/v1")
        monkeypatch.setenv("OCR_TEACHER", "endpoint")
        monkeypatch.setenv("OCR_TEACHER_URL", f"{url}/faulty/v1")
        monkeypatch.setenv("OCR_TEACHER_DEADLINE", "3")
        with DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
            target = ModuleTarget("ocr_assets.definitions", None, working_directory=None, location_name=None)
            with WorkspaceProcessContext(instance, target) as workspace:
                yield Webserver(workspace)


def everything_written(home: Path) -> Iterator[tuple[str, str]]:
    """(where, text) for all files, each value of Dagster's databases (snapshots are deflated) and each row of the lake."""
    for path in home.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes().decode("utf-8", "replace")
        if path.suffix == ".db":
            with sqlite3.connect(path) as database:
                for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                    for row in database.execute(f'SELECT * FROM "{table}"'):
                        for value in row:
                            yield f"{path}:{table}", _plain(value)
    with open_lake(home) as lake:
        for row in lake.rows("SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"):
            for written in lake.rows(f'FROM "{row["table_name"]}"'):
                yield f"lake:{row['table_name']}", json.dumps(written, default=str)


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        with contextlib.suppress(zlib.error):
            value = zlib.decompress(value)
        return value.decode("utf-8", "replace")
    return str(value)


@pytest.mark.slow
def test_planted_keys_are_nowhere_to_be_seen(
    webserver: Webserver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    webserver.pages()
    assert webserver.launch("read_sources", "raw_problems", partition="taco") == "SUCCESS"
    assets = ("deduped_problems", "contamination_report", "clean_problems", "r1_traces")
    assert webserver.launch("downstream", *assets) == "SUCCESS"  # judges denied, some of the teacher's requests refused for good
    with open_lake(tmp_path) as lake:
        refused = lake.rows("SELECT message FROM r1_traces WHERE failure IS NOT NULL")
        assert refused and all("you sent Bearer sk-***" in row["message"] or "***" in row["message"] for row in refused)
    denied = os.environ["OCR_TEACHER_URL"].replace("faulty", "denied")
    monkeypatch.setenv("OCR_TEACHER_URL", denied)
    webserver.workspace.reload_workspace()
    webserver.pages()
    assert webserver.launch("downstream", "r1_traces") == "FAILURE"
    said = capfd.readouterr()
    places = [("answers of the pages", answer) for answer in webserver.answers]
    places += [("standard output", said.out), ("standard error", said.err), *everything_written(tmp_path)]
    # The address of the server stands in each kind of place where the keys used to stand, so the search sees them.
    with_address = {where.partition(":")[2] or where for where, text in places if denied in text}
    assert {"answers of the pages", "snapshots", "runs", "event_logs"} <= with_address, with_address
    shown = sorted({where for where, text in places for key in HIDDEN if key in text})
    assert shown == []
