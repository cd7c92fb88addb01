"""What the lake keeps of a run beside its code version: configuration, packages and project file, as the columns of ``run``.

Keys are no part of any configuration (``resources/secrets.py``), so none can be in here; passwords in addresses are hidden once
more all the same.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from ocr_assets.platform.version import PACKAGE, code_version
from resources.lake import RunInfo
from resources.secrets import hidden
from resources.settings import RESOURCES, read_project

_KEPT: dict[str, RunInfo] = {}  # of the run that this process is at work on: an asset that commits often asks often


def run_info(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> RunInfo:
    """The run in whose name the lake is written."""
    run = context.run
    if run.run_id not in _KEPT:
        _KEPT.clear()
        _KEPT[run.run_id] = RunInfo(
            run.run_id,
            run.job_name,
            code_version(),
            configuration=hidden(json.dumps(configuration(context), sort_keys=True, default=str)),
            packages=packages(),
            project=project(),
        )
    return _KEPT[run.run_id]


def configuration(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> dict[str, Mapping[str, Any]]:
    """``resources``: all of them with their fields; ``assets``: the configuration of those that the run may materialize. What the
    launchpad or ``--set`` gave is in it, as are defaults."""
    step = context.get_step_execution_context()
    resolved = step.resolved_run_config
    resources = {
        name: definition.config_schema.default_value
        for name, definition in step.job_def.resource_defs.items()
        if name in RESOURCES and definition.config_schema.default_provided
    }
    resources |= {name: resource.config for name, resource in resolved.resources.items() if name in RESOURCES}
    assets = {name: op.config for name, op in resolved.ops.items() if op.config}
    return {"resources": resources, "assets": assets}


@functools.cache
def packages() -> str:
    """The installed versions of what the code stands on, as JSON: the packages that this one requires, extras among them."""
    return json.dumps(dict(_installed()), sort_keys=True)


def _installed() -> Iterator[tuple[str, str]]:
    try:
        required = importlib.metadata.requires(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:  # run from a folder that was never installed
        return
    for requirement in required:
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # of an extra that is not installed


def project() -> str | None:
    """The project file and its sha256 as JSON; None: there is none."""
    found = read_project()
    return None if found.file is None else json.dumps({"file": str(found.file), "sha256": found.digest})


__all__ = ["configuration", "packages", "project", "run_info"]
