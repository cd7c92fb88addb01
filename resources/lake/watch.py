"""What a process reads and writes of the lake while somebody watches, so that what an asset did is known without its help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from resources.lake.write import Change

if TYPE_CHECKING:
    from resources.lake.lake import Lake

NEVER_WRITTEN = "0" * 32  # the data version of a dataset without any


@dataclass
class Watch:
    """What was read and written while somebody watched: ``Lake.watch``. Tables whose rows are ``known_by_id`` are left out.

    ``written``: datasets with the versions that this lake's own commits gave them. ``disturbed``: somebody else changed one of
    them between two of these commits, or before the first: what stands in it now may not follow from what was read.
    """

    lake: Lake
    at_start: Mapping[str, str]
    queries: set[str] = field(default_factory=set)
    written: dict[str, str] = field(default_factory=dict)
    disturbed: bool = False

    def read(self) -> dict[str, str]:
        """The datasets that were read, with their versions when the watch began."""
        read = self.lake.tables_of(self.queries) - self._known_by_id
        return {name: self.at_start.get(name, NEVER_WRITTEN) for name in read}

    def note(self, changes: Mapping[str, Change]) -> None:
        for name, change in changes.items():
            if change.data_version and name not in self._known_by_id:  # tables of lineage have no version
                known = self.written.get(name, self.at_start.get(name, NEVER_WRITTEN))
                self.disturbed = self.disturbed or change.before != known
                self.written[name] = change.data_version

    @property
    def _known_by_id(self) -> set[str]:
        return {table.name for table in self.lake.tables if table.known_by_id}
