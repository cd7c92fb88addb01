"""Automation ticks without a daemon: the conditions of a graph evaluated at moments of a test's own, against an instance in memory.

What is requested can be "made" without running anything: a materialization is reported whose data version is a hash of the
versions of its inputs, as that of a table would be whose rows follow from theirs.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG

Requested = dict[str, set[str | None]]


class Ticks:
    """One graph, its instance and its clock. ``definitions`` may be exchanged between two ticks, as a code location is reloaded."""

    def __init__(self, definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
        self.definitions, self.instance = definitions, instance
        self.now = datetime(2026, 1, 1, 12, 30, 30, tzinfo=UTC)
        self._cursor: object = None
        self.versions: dict[tuple[str, str | None], str] = {}

    def tick(self, minutes: float = 1) -> Requested:
        """What the conditions ask for ``minutes`` later: asset → partitions (None: it has none)."""
        self.now += timedelta(minutes=minutes)
        result = dg.evaluate_automation_conditions(
            self.definitions,
            self.instance,
            evaluation_time=self.now,
            cursor=self._cursor,  # type: ignore[arg-type]
        )
        self._cursor = result.cursor
        graph = self.definitions.resolve_asset_graph()
        requested: Requested = {}
        for key in graph.materializable_asset_keys:
            if partitions := result.get_requested_partitions(key):
                requested[key.to_user_string()] = set(partitions)
        return requested

    def make(self, asset: str, version: str, partition: str | None = None) -> None:
        """Report that an asset, or a partition of it, was made, with this data version."""
        self.versions[asset, partition] = version
        made = dg.AssetMaterialization(asset, partition=partition, tags={DATA_VERSION_TAG: version})
        self.instance.report_runless_asset_event(made)

    def follow(self, asset: str, partition: str | None = None) -> None:
        """Report that an asset was made of what its inputs are now."""
        parents = self.definitions.resolve_asset_graph().get(dg.AssetKey(asset)).parent_keys
        names = {key.to_user_string() for key in parents}
        read = sorted(f"{name} {part} {version}" for (name, part), version in self.versions.items() if name in names)
        self.make(asset, hashlib.sha256("\n".join([asset, *read]).encode()).hexdigest()[:8], partition)

    def run(self, requested: Mapping[str, set[str | None]]) -> None:
        """Make what was requested, inputs before what is made of them."""
        graph = self.definitions.resolve_asset_graph()
        for level in graph.toposorted_asset_keys_by_level:
            for name in sorted(key.to_user_string() for key in level):
                for partition in sorted(requested.get(name, ()), key=str):
                    self.follow(name, partition)

    def settle(self, most: int = 20) -> list[Requested]:
        """Tick and make what is requested, until two ticks ask for nothing. Fails if that does not come to an end."""
        rounds: list[Requested] = []
        quiet = 0
        for _ in range(most):
            requested = self.tick()
            quiet = 0 if requested else quiet + 1
            if quiet == 2:
                return rounds
            if requested:
                rounds.append(requested)
                self.run(requested)
        raise AssertionError(f"after {most} ticks still asked for: {rounds[-1]}")


@contextmanager
def ticks(definitions: dg.Definitions) -> Iterator[Ticks]:
    """Ticks of a graph of which nothing was ever made."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticks(definitions, instance)
