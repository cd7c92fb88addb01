"""The graph's specs as text, so that a review sees every change of the graph as lines of a diff.

``python -m tests.support.graph_specs`` writes ``tests/data/graph.txt``; ``tests/unit/test_definitions.py`` compares.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ocr_assets.definitions import ASSETS, build_definitions
from ocr_assets.platform.assets import DECIDED_BY, PAYS

SNAPSHOT = Path(__file__).resolve().parents[1] / "data" / "graph.txt"


def keys(found: object) -> str:
    """Names in the order of the alphabet, or a dash."""
    return ", ".join(sorted(key.to_user_string() for key in found)) or "-"  # type: ignore[attr-defined]


def decided_by(metadata: Mapping[str, Any]) -> str:
    """What the asset's code version is made of, without the values."""
    value = metadata.get(DECIDED_BY)
    return ", ".join(value.value) if value is not None else "-"


def described() -> str:
    """Assets in the order they are declared (what they depend on, group, kinds, partitions, resources, checks), then jobs,
    schedules and sensors."""
    definitions = build_definitions()
    graph, repository = definitions.resolve_asset_graph(), definitions.get_repository_def()
    lines: list[str] = []
    for asset in ASSETS:
        for key in asset.keys:
            node = graph.get(key)
            condition = node.automation_condition
            lines += [
                f"asset {key.to_user_string()}",
                f"  depends on  {keys(node.parent_keys)}",
                f"  group       {node.group_name}",
                f"  kinds       {', '.join(sorted(node.kinds)) or '-'}",
                f"  partitions  {', '.join(node.partitions_def.get_partition_keys()) if node.partitions_def else '-'}",
                f"  resources   {', '.join(sorted(asset.required_resource_keys - {'io_manager'})) or '-'}",
                f"  automation  {(condition.get_label() or condition) if condition else '-'}",
                f"  decided by  {decided_by(node.metadata)}",
                *(f"  pays        {value}" for name, value in node.tags.items() if name == PAYS),
            ]
        lines += [f"  check       {spec.name}{' (blocking)' if spec.blocking else ''}" for spec in asset.check_specs]
    for job in sorted(repository.get_all_jobs(), key=lambda job: job.name):
        if not job.name.startswith("__"):
            lines += [f"job {job.name}", f"  assets      {keys(job.asset_layer.selected_asset_keys)}"]
            lines += [f"  tag         {name}={value}" for name, value in sorted(job.tags.items())]
    for schedule in sorted(repository.schedule_defs, key=lambda schedule: schedule.name):
        lines += [
            f"schedule {schedule.name}",
            f"  runs        {schedule.job_name}",
            f"  when        {schedule.cron_schedule} ({schedule.execution_timezone or 'UTC'})",
            f"  at first    {schedule.default_status.value.lower()}",
        ]
    for sensor in sorted(repository.sensor_defs, key=lambda sensor: sensor.name):
        lines += [
            f"sensor {sensor.name}",
            f"  runs        {', '.join(sorted(target.job_name for target in sensor.targets)) or '-'}",
            f"  every       {sensor.minimum_interval_seconds} s",
            f"  at first    {sensor.default_status.value.lower()}",
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    SNAPSHOT.write_text(described(), encoding="utf-8")
