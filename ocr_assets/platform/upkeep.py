"""Upkeep of the project's lake: which snapshots are needed by name, and one process at a time that puts the lake in order.

What is done is ``resources/lake/upkeep.py``; when, is ``ocr_assets/automation/upkeep_job.py`` and ``ocr-assets upkeep``.
"""

from __future__ import annotations

from collections.abc import Callable

from resources.lake import Lake
from resources.lake.at_work import StageLock
from resources.lake.upkeep import Figures, keep_up, look
from resources.settings import LakeResource, UpkeepSettings

STAGE = "upkeep"

# Of every release: the snapshot it was read from, and those of all versions of all datasets that led to it, as `provenance` lists
# them. Then what subsets were drawn from, by their own queries, and the newest version of each dataset.
NEEDED = """
WITH RECURSIVE written AS MATERIALIZED (
    SELECT dataset, data_version, min_by(run_id, created_at) AS run_id, min_by(stage, created_at) AS stage
    FROM run_io WHERE direction = 'output' GROUP BY ALL
), reads AS (
    SELECT i.dataset, i.data_version FROM run_io i JOIN release_version r
    ON i.run_id = r.run_id AND i.stage = r.release AND i.direction = 'input'
    UNION
    SELECT i.dataset, i.data_version FROM reads r JOIN written w USING (dataset, data_version)
    JOIN run_io i ON i.run_id = w.run_id AND i.stage = w.stage AND i.direction = 'input'
)
SELECT snapshot FROM release_version WHERE snapshot >= 0
UNION SELECT max_by(v.snapshot, v.created_at) FROM reads r JOIN dataset_version v USING (dataset, data_version)
GROUP BY dataset, data_version
UNION SELECT snapshot FROM subsets
UNION SELECT max(snapshot) FROM dataset_version GROUP BY dataset
"""


def needed(store: Lake) -> set[int]:
    """The snapshots that have to stay readable however old they are."""
    return {int(row["snapshot"]) for row in store.rows(NEEDED)}


def planned(store: Lake, settings: UpkeepSettings) -> Figures:
    """What ``put_in_order`` would do now; nothing is changed."""
    return look(store, settings.rules, needed(store))


def put_in_order(store: Lake, place: LakeResource, settings: UpkeepSettings, say: Callable[[str], object]) -> Figures:
    """Merge small files, expire old snapshots, remove what nothing needs. Raises ``Busy`` while another process does."""
    with StageLock(place.journals, STAGE):
        return keep_up(store, settings.rules, needed(store), say)


__all__ = ["STAGE", "needed", "planned", "put_in_order"]
