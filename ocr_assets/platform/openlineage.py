"""What an asset's step tells as OpenLineage events: that it started, and how it ended, with what it read and wrote.

Off unless a target is set (``resources/settings/openlineage.py``); how events get there is ``resources/openlineage.py``. All that
they say is in the lake (``run_io``, ``dataset_version``), which remains the record: these are copies for other people's catalogs.
Events are made here, without the client, by the specification (https://openlineage.io/spec/2-0-2/OpenLineage.json); tests read
them with the client's classes.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from ocr_assets.platform.version import code_version
from ocr_assets.schema.origins import origins
from resources.lake import Lake
from resources.lake.tables import Table
from resources.openlineage import send
from resources.secrets import SECRETS, hidden
from resources.settings import OpenLineageSettings, from_environment

_SPEC = "https://openlineage.io/spec"
_FACETS = {
    "columnLineage": "1-2-0/ColumnLineageDatasetFacet",
    "errorMessage": "1-0-1/ErrorMessageRunFacet",
    "inputStatistics": "1-0-0/InputStatisticsInputDatasetFacet",
    "jobType": "2-0-4/JobTypeJobFacet",
    "outputStatistics": "1-0-2/OutputStatisticsOutputDatasetFacet",
    "parent": "1-2-0/ParentRunFacet",
    "processing_engine": "1-1-1/ProcessingEngineRunFacet",
    "schema": "1-2-0/SchemaDatasetFacet",
    "version": "1-0-1/DatasetVersionDatasetFacet",
}
_MESSAGE_CHARACTERS = 2000
# What the run read and wrote of each dataset last; of an asset with nothing to do ($latest), what its last run did.
_READ_AND_WRITTEN = """
WITH step AS (
    SELECT * FROM run_io WHERE stage = $stage AND run_id = (
        SELECT run_id FROM run_io WHERE stage = $stage AND (run_id = $run_id OR $latest)
        ORDER BY run_id = $run_id DESC, created_at DESC LIMIT 1
    )
), last AS (SELECT direction, dataset, arg_max(data_version, created_at) AS data_version FROM step GROUP BY ALL),
counted AS (SELECT dataset, data_version, arg_max(rows, snapshot) AS rows FROM dataset_version GROUP BY ALL)
SELECT direction, dataset, data_version, rows FROM last LEFT JOIN counted USING (dataset, data_version) ORDER BY ALL
"""


@contextlib.contextmanager
def told(context: dg.AssetExecutionContext, lake: Lake, table: Table) -> Iterator[None]:
    """Tell of the step that runs in the block: START before it, then COMPLETE, FAIL, or ABORT where it was interrupted.

    ``table``: what the step publishes; its name is that of the lake's stage. A target that fails is a warning, never an error.
    """
    settings = from_environment(OpenLineageSettings)
    if not settings.file and not settings.url:
        yield
        return
    step = _Step(context, lake, table, settings)
    step.tell("START")
    try:
        yield
    except BaseException as error:
        step.tell("FAIL" if isinstance(error, Exception) else "ABORT", error)
        raise
    step.tell("COMPLETE")


@dataclass(frozen=True)
class _Step:
    context: dg.AssetExecutionContext
    lake: Lake
    table: Table
    settings: OpenLineageSettings

    def tell(self, kind: str, error: BaseException | None = None) -> None:
        try:
            faults = send(self._event(kind, error), self.settings.file, self.settings.url)
        except Exception as fault:  # whatever it is, it is no reason to lose a step that did its work
            faults = [hidden(f"no OpenLineage event {kind}: {type(fault).__name__}: {fault}", _keys())]
        for sentence in faults:
            self.context.log.warning(sentence)

    def _event(self, kind: str, error: BaseException | None) -> dict[str, Any]:
        run, name = self.context.run, self.context.asset_key.path[-1]
        attempt = self.context.op_execution_context.retry_number
        facets: dict[str, Mapping[str, Any]] = {
            "parent": {
                "run": {"runId": _uuid(run.run_id)},
                "job": {"namespace": self.settings.namespace, "name": run.job_name},
            },
            "processing_engine": {"name": "Dagster", "version": dg.__version__, "openlineageAdapterVersion": code_version()},
        }
        if error is not None:
            message = hidden(f"{type(error).__name__}: {error}", _keys())[:_MESSAGE_CHARACTERS]
            facets["errorMessage"] = {"message": message, "programmingLanguage": "PYTHON"}
        inputs, outputs = ([], []) if kind == "START" else self._datasets(ended_well=kind == "COMPLETE")
        job_type = {"processingType": "BATCH", "integration": "DAGSTER", "jobType": "ASSET"}
        return {
            "eventType": kind,
            "eventTime": datetime.now(UTC).isoformat(),
            "producer": _producer(),
            "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {"runId": _uuid(f"{run.run_id} {name} {attempt}"), "facets": _facets(facets)},
            "job": {"namespace": self.settings.namespace, "name": name, "facets": _facets({"jobType": job_type})},
            "inputs": inputs,
            "outputs": outputs,
        }

    def _datasets(self, *, ended_well: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """What the step read and wrote; of one that failed, what it had committed."""
        parameters = {"stage": self.table.name, "run_id": self.context.run.run_id, "latest": ended_well}
        found = {
            (row["direction"], row["dataset"]): (row["data_version"], row["rows"])
            for row in self.lake.rows(_READ_AND_WRITTEN, parameters)
        }
        if ended_well:  # also where nothing was new
            rows, version = self.lake.state(self.table.name)
            found["output", self.table.name] = version, rows
        inputs, outputs = [], []
        for (direction, name), (version, count) in found.items():
            dataset = {"namespace": self.settings.namespace, "name": name, "facets": _facets(self._facets_of(name, version))}
            counted = {} if count is None else {"rowCount": int(count)}
            if direction == "input":
                inputs.append({**dataset, "inputFacets": _facets({"inputStatistics": counted} if counted else {})})
            else:
                outputs.append({**dataset, "outputFacets": _facets({"outputStatistics": counted} if counted else {})})
        return inputs, outputs

    def _facets_of(self, name: str, version: str) -> dict[str, Mapping[str, Any]]:
        facets: dict[str, Mapping[str, Any]] = {"version": {"datasetVersion": version}}
        table = {known.name: known for known in (*self.lake.tables, self.table)}.get(name)
        if table is None:  # a release that another asset wrote
            return facets
        facets["schema"] = {"fields": [{"name": c.name, "type": str(c.type), "description": c.doc} for c in table.columns]}
        if name == self.table.name and origins(table):
            fields = {
                column: {"inputFields": [{"namespace": self.settings.namespace, "name": s, "field": f} for s, f in sources]}
                for column, sources in origins(table).items()
            }
            facets["columnLineage"] = {"fields": fields}
        return facets


def _facets(facets: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each facet with what every facet must have: who made it, and its schema."""
    urls = {name: f"{_SPEC}/facets/{path}.json#/$defs/{path.partition('/')[2]}" for name, path in _FACETS.items()}
    return {name: {"_producer": _producer(), "_schemaURL": urls[name], **fields} for name, fields in facets.items()}


def _producer() -> str:
    return f"urn:x-ocr-assets:{code_version()}"


def _keys() -> list[Any]:
    return [secret.read() for secret in SECRETS]


def _uuid(text: str) -> str:
    """Dagster's run ids are UUIDs already; what has none of its own gets one that is the same each time."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"ocr-assets:{text}"))


__all__ = ["told"]
