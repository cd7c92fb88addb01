"""OpenLineage events: read by the client's own classes, complete, and nobody's burden."""

import json
import socket
import subprocess
import sys
import threading
import typing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attr
import dagster as dg
import pytest
from openlineage.client import event_v2, facet_v2

import resources.openlineage as targets
from ocr_assets.platform import publish
from ocr_assets.platform.assets import Results, lake_asset
from ocr_assets.schema import PROMPTS, VERDICTS
from resources.lake import Lake, Write
from resources.settings import LakeResource, OpenLineageSettings, WrongSetting, from_environment
from tests.support.lakes import new_lake

KEY = "a-key-that-nobody-may-see"  # pragma: allowlist secret


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(targets, "_again_at", {})
    with new_lake(tmp_path / "lake"):
        return tmp_path


def prompt(name: str, content: str | None = "Solve it.") -> dict[str, Any]:
    return {"prompt_hash": name, "template": "python_stdin", "template_hash": "t", "messages": content}


def run(home: Path, *rows: Mapping[str, Any], fault: BaseException | None = None) -> dg.ExecuteInProcessResult:
    """Materialize an asset that reads verdicts and publishes ``rows`` as prompts, or fails with ``fault``."""

    @lake_asset(PROMPTS)
    def prompts(context: dg.AssetExecutionContext, lake: LakeResource) -> Results:
        """Prompts."""

        def body(store: Lake, write: Write) -> dict[str, Any]:
            store.rows("FROM verdicts")
            if fault is not None:
                raise fault
            write.sync(PROMPTS, rows)
            return {}

        yield from publish.replace(context, lake, PROMPTS, body)

    return dg.materialize([prompts], resources={"lake": LakeResource(home=str(home))}, raise_on_error=False)


def events_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def parsed(event: Mapping[str, Any]) -> event_v2.RunEvent:
    """The event as the client's objects; written again by the client it says the same."""
    read = built(event_v2.RunEvent, {**event, "eventType": event_v2.RunState(event["eventType"])})
    from openlineage.client.serde import Serde

    written = json.loads(Serde.to_json(read))
    assert without_empty(written) == without_empty(event)
    return read


def built(kind: type, value: Mapping[str, Any]) -> Any:
    """An object of a class of the client. A field that it does not know, lacks or finds wrong is an error, and so is a schema's
    address other than the one that the class stands for."""
    hints = typing.get_type_hints(kind)
    taken = {}
    for name, part in value.items():
        if name in ("_schemaURL", "schemaURL"):
            continue
        found = attr.fields_dict(kind)[name]
        hint = hints[name]
        taken[found.alias or name] = facets(part) if name.lower().endswith("facets") else nested(hint, part)
    made = kind(**taken)
    for name in {"_schemaURL", "schemaURL"} & value.keys():
        assert value[name] == getattr(made, name)
    return made


def nested(hint: Any, value: Any) -> Any:
    inner = next((part for part in typing.get_args(hint) if part is not type(None)), None)
    if attr.has(hint):
        return built(hint, value)
    if isinstance(value, list):
        element = typing.get_args(inner)[0] if typing.get_args(inner) else inner
        return [nested(element, one) for one in value]
    if isinstance(value, dict):
        element = typing.get_args(hint)[1]
        return {name: nested(element, one) for name, one in value.items()}
    return value


def facets(value: Mapping[str, Any]) -> dict[str, Any]:
    """Facets by name, each of the class that its schema's address names."""
    known = {}
    for module in vars(facet_v2).values():
        for kind in vars(module).values() if hasattr(module, "__name__") else ():
            if isinstance(kind, type) and hasattr(kind, "_get_schema"):
                known[kind._get_schema()] = kind
    return {name: built(known[facet["_schemaURL"]], facet) for name, facet in value.items()}


def without_empty(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: without_empty(part) for name, part in value.items() if part not in ({}, [], None)}
    return [without_empty(part) for part in value] if isinstance(value, list) else value


@pytest.mark.slow
def test_off_until_a_target_is_named(home: Path) -> None:
    before = {path for path in home.rglob("*") if path.suffix == ".ndjson"}
    assert OpenLineageSettings().file == OpenLineageSettings().url == ""
    assert run(home, prompt("a")).success
    assert {path for path in home.rglob("*") if path.suffix == ".ndjson"} == before == set()


@pytest.mark.slow
def test_events_say_what_the_lake_says_and_the_client_reads_them(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = home / "told" / "lineage.ndjson"
    monkeypatch.setenv("OCR_OPENLINEAGE_FILE", str(file))
    results = [run(home, prompt("a"), prompt("b")) for _ in range(2)]  # the second has nothing to do
    assert all(result.success for result in results)
    events = events_of(file)
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"] * 2
    start, complete, _, settled = map(parsed, events)
    assert start.run.runId == complete.run.runId != settled.run.runId
    assert (complete.job.namespace, complete.job.name) == ("ocr-assets", "prompts")
    assert complete.run.facets["parent"].run.runId == results[0].run_id
    with new_lake(home / "lake") as lake:
        rows, version = lake.state(PROMPTS.name)
    for event in (complete, settled):
        (output,) = event.outputs
        assert output.outputFacets["outputStatistics"].rowCount == rows == 2
        assert output.facets["version"].datasetVersion == version
        assert [field.name for field in output.facets["schema"].fields] == [column.name for column in PROMPTS.columns]
        (read,) = event.inputs
        assert read.name == VERDICTS.name
        assert len(read.facets["schema"].fields) == len(VERDICTS.columns)
    assert start.inputs == start.outputs == []


@pytest.mark.slow
def test_a_step_that_fails_says_so_without_what_is_secret(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = home / "lineage.ndjson"
    monkeypatch.setenv("OCR_OPENLINEAGE_FILE", str(file))
    monkeypatch.setenv("OCR_TEACHER_KEY", KEY)
    message = f"no answer of http://me:hunter2@host/ with {KEY}"  # pragma: allowlist secret
    assert not run(home, fault=ConnectionError(message)).success
    assert not run(home, prompt("a", content=None)).success  # breaks the declaration
    _, failed, _, invalid = map(parsed, events_of(file))
    assert failed.eventType is invalid.eventType is event_v2.RunState.FAIL
    assert failed.run.facets["errorMessage"].message == "ConnectionError: no answer of http://***@host/ with ***"
    assert "messages" in invalid.run.facets["errorMessage"].message
    assert invalid.outputs == []
    assert KEY not in file.read_text() and "hunter2" not in file.read_text()


@contextmanager
def server(status: int = 201, location: str = "") -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """A lineage server's address, and what was posted: authorization and event."""
    posted: list[tuple[str, dict[str, Any]]] = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append((self.headers.get("Authorization", ""), json.loads(body)))
            self.send_response(status, f"Said with {self.headers.get('Authorization')}")
            if location:
                self.send_header("Location", location)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            return

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}/api/v1/lineage", posted
    finally:
        listening.shutdown()
        listening.server_close()


def warnings_in(captured: str) -> list[str]:
    return [line for line in captured.splitlines() if "OpenLineage" in line]


@pytest.mark.slow
def test_events_are_posted_with_the_key(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OCR_OPENLINEAGE_KEY", KEY)
    with server() as (url, posted):
        monkeypatch.setenv("OCR_OPENLINEAGE_URL", url)
        assert run(home, prompt("a")).success
    assert [authorization for authorization, _ in posted] == [f"Bearer {KEY}"] * 2
    assert [parsed(event).eventType.value for _, event in posted] == ["START", "COMPLETE"]
    assert warnings_in(capfd.readouterr().err) == []
    assert KEY not in json.dumps(posted[1][1])


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    ["401", *(pytest.param(answer, marks=pytest.mark.long) for answer in ("refused connection", "no answer", "redirect"))],
)
def test_a_target_that_does_not_take_events_is_one_warning(
    answer: str, home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OCR_OPENLINEAGE_KEY", KEY)
    monkeypatch.setattr(targets, "PATIENCE_S", 0.2 if answer == "no answer" else 30)
    with socket.create_server(("127.0.0.1", 0)) as silent, server() as (elsewhere, lost):
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/?tenant=in-the-address"
        if answer == "refused connection":
            silent.close()
        with server(401 if answer == "401" else 302, elsewhere) as (answering, posted):
            monkeypatch.setenv("OCR_OPENLINEAGE_URL", answering if answer in ("401", "redirect") else url)
            monkeypatch.setenv("OCR_OPENLINEAGE_FILE", str(home / "lineage.ndjson"))
            assert run(home, prompt("a")).success
            assert run(home, prompt("b")).success
    said = capfd.readouterr().err
    assert len(warnings_in(said)) == 1
    assert KEY not in said and "in-the-address" not in said
    assert len(posted) == (answer in ("401", "redirect"))  # then it was left alone
    assert lost == []
    assert len(events_of(home / "lineage.ndjson")) == 4


def test_a_target_is_tried_again_and_its_next_fault_is_said_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "PAUSE_S", 0)
    file = home / "lineage.ndjson"
    file.mkdir()
    assert len(targets.send({}, str(file))) == 1
    assert targets.send({}, str(file)) == []
    file.rmdir()
    assert targets.send({"n": 1}, str(file)) == []
    assert events_of(file) == [{"n": 1}]
    file.unlink()
    file.mkdir()
    assert len(targets.send({}, str(file))) == 1


_WRITER = """
import json, sys
from resources.openlineage import append_line
for number in range(200):
    append_line(sys.argv[1], json.dumps([sys.argv[2], number, "x" * 20_000]).encode())
"""


def test_two_processes_add_whole_lines(tmp_path: Path) -> None:
    file = tmp_path / "lineage.ndjson"
    root = Path(__file__).resolve().parents[2]
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(file), name], cwd=root) for name in "ab"]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for name in "ab":
        assert [number for who, number, _ in lines if who == name] == list(range(200))
    assert len(lines) == 400


def test_wrong_targets_are_refused() -> None:
    password = "http://me:hunter2@host/api/v1/lineage"  # pragma: allowlist secret
    for url, advice in [("file:///tmp/x", "http://"), ("localhost:5000", "http://"), (password, "OCR_OPENLINEAGE_KEY")]:
        with pytest.raises(WrongSetting, match=advice) as refused:
            from_environment(OpenLineageSettings, {"OCR_OPENLINEAGE_URL": url})
        assert "hunter2" not in str(refused.value)
        assert "OCR_OPENLINEAGE_URL" in str(refused.value)
