"""The SFT release: Parquet shards in the OpenCodeReasoning schema, our labels beside, and a dataset card.

The rows come from one query over the lake (``rows_query``); ``write_release`` streams them into shards in a fresh folder
and swaps it in whole, so a reader never sees half a release. Schema: the dataset card of nvidia/OpenCodeReasoning.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import jinja2
import pyarrow as pa
import pyarrow.parquet as pq

from ocr_assets.schema import SFT_DATASET

NAME = "sft_dataset"
ROWS_PER_SHARD = 20_000  # about 250 MB of compressed R1 text


Prefer = Literal["first", "shortest", "longest", "fastest"]
_ORDER: Mapping[Prefer, str] = {
    "first": "r.sample_index",
    "shortest": "c.response_tokens",
    "longest": "-c.response_tokens",
    "fastest": "v.cpu_s",
}


@dataclass(frozen=True)
class Filters:
    """Which triplets are released. The default releases all that is decided, labelled.

    Filtering by verdict costs accuracy (docs/papers.md, OCR-8). ``keep="accepted"`` with ``per_problem=n`` is rejection
    sampling (docs/papers.md, KC-8): n passing solutions a problem and language, the ones ``prefer`` puts first;
    ``distinct_code``: of equal programs only one. ``min_suite_tpr``, ``min_suite_tnr``: the least a suite must be known to tell
    right from wrong. ``undecided``: also problems that may restate a benchmark item, nobody having decided.
    """

    keep: Literal["all", "accepted"] = "all"
    languages: tuple[str, ...] = ("python", "cpp")
    trusted_only: bool = False
    undecided: bool = False
    min_suite_tpr: float = 0.0
    min_suite_tnr: float = 0.0
    per_problem: int | None = None
    prefer: Prefer = "first"
    distinct_code: bool = False

    def chosen_sql(self) -> str:
        """SELECT of all triplets with ``dropped``: why one is left out, or null."""
        languages = ", ".join(f"'{language}'" for language in self.languages) or "NULL"
        cases = [f"WHEN t.language NOT IN ({languages}) THEN 'filter: language ' || t.language"]
        if self.keep == "accepted":
            cases.append("WHEN t.verdict IS DISTINCT FROM 'accepted' THEN 'filter: not accepted'")
        if self.trusted_only:
            cases.append("WHEN NOT t.trusted THEN 'filter: verdict not trusted'")
        if not self.undecided:
            undecided = "SELECT problem_id FROM clean_problems WHERE contamination = 'undecided'"
            cases.append(f"WHEN t.problem_id IN ({undecided}) THEN 'filter: contamination undecided'")
        for name, least in (("suite_tpr", self.min_suite_tpr), ("suite_tnr", self.min_suite_tnr)):
            if least > 0:
                cases.append(f"WHEN t.{name} IS NULL THEN 'filter: {name} not known'")
                cases.append(f"WHEN t.{name} < {least} THEN 'filter: {name} below {least}'")
        query = f"SELECT t.*, CASE {' '.join(cases)} END AS dropped FROM verified_triplets t"
        # Where rows compete, passing ones come first; what the preference leaves equal, the sample number and id decide.
        best = f"(t.verdict = 'accepted') IS NOT TRUE, {_ORDER[self.prefer]} NULLS LAST, r.sample_index, t.triplet_id"
        if self.distinct_code:
            same = "t.problem_id, t.language, md5(t.solution)"
            query = _ranked(query, same, best, 1, "t.solution IS NOT NULL", "same code as another")
        if self.per_problem is not None:
            reason = f"beyond {self.per_problem} a problem"
            query = _ranked(query, "t.problem_id, t.language", best, self.per_problem, "true", reason)
        return query


def _ranked(query: str, group: str, order: str, count: int, among: str, reason: str) -> str:
    """``query`` with all rows beyond the first ``count`` of each group dropped; rows dropped before do not count."""
    return f"""
SELECT t.* REPLACE (CASE WHEN t.dropped IS NULL AND {among} AND count(*) FILTER (t.dropped IS NULL) OVER (
    PARTITION BY {group} ORDER BY {order} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
) > {count} THEN 'filter: {reason}' ELSE t.dropped END AS dropped)
FROM ({query}) t
JOIN r1_traces r USING (response_id) JOIN token_counts c USING (triplet_id) LEFT JOIN verdicts v USING (verdict_id)"""


def release_id_sql() -> str:
    """The released row's id, from its triplet's."""
    return f"'sft_' || left(md5('{NAME}' || t.triplet_id), 20)"


def rows_query(filters: Filters) -> str:
    """SELECT of the released rows, columns as ``SftRow``, in a fixed order."""
    return f"""
SELECT {release_id_sql()} AS id, t.question AS input,
       CASE WHEN r.reasoning IS NOT NULL THEN '<think>\n' || r.reasoning || '\n</think>\n\n' || r.content
            WHEN contains(s.labels::VARCHAR, 'no_think_open') THEN '<think>\n' || r.content
            ELSE r.content END AS output,
       t.source, t.license, t.dataset, t.split, t.difficulty, t.solution, t.language, t.verdict, t.reason, t.trusted,
       t.tests_passed, t.tests_total, t.pass_rate, t.suite_status, t.suite_tpr, t.suite_tnr,
       s.parse_status, s.labels, p.contamination,
       c.reasoning_tokens, c.response_tokens, t.problem_id, t.response_id, t.solution_id, t.verdict_id, r.model
FROM ({filters.chosen_sql()}) t
JOIN solutions s USING (solution_id) JOIN r1_traces r ON r.response_id = t.response_id
JOIN clean_problems p ON p.problem_id = t.problem_id JOIN token_counts c ON c.triplet_id = t.triplet_id
WHERE t.dropped IS NULL
ORDER BY t.language, id
"""


def edges_query(filters: Filters) -> str:
    """SELECT of the lineage: a released row from its triplet, or the triplet dropped with its reason."""
    return f"""
SELECT CASE WHEN t.dropped IS NULL THEN {release_id_sql()} ELSE '{NAME}' END AS child, t.triplet_id AS parent,
       CASE WHEN t.dropped IS NULL THEN 'derived' ELSE 'dropped' END AS relation, coalesce(t.dropped, '') AS reason
FROM ({filters.chosen_sql()}) t
"""


@dataclass(frozen=True)
class Release:
    """What was written: folder, rows per split, and the version (hash of rows and filters)."""

    folder: Path
    rows: Mapping[str, int]
    version: str
    written: bool


def current_version(folder: Path) -> str | None:
    """Version of the release that lies there, if one does."""
    manifest = folder / "manifest.json"
    return str(json.loads(manifest.read_text())["version"]) if manifest.is_file() else None


def write_release(
    folder: Path,
    batches: Iterable[pa.RecordBatch],
    filters: Filters,
    version: str,
    card: Mapping[str, Any],
    rows_per_shard: int = ROWS_PER_SHARD,
) -> Release:
    """Write shards, manifest and card for ``batches`` (columns of ``SftRow``, ordered by language) and swap them in.

    ``card``: values for the card template beside rows and columns: ``funnel`` (rows of the lake's view), ``run_id``,
    ``licenses``. Returns the release; the folder that lay there before is gone only after the new one is whole.
    """
    building = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(building, ignore_errors=True)
    (building / "data").mkdir(parents=True)
    shards = _Shards(building / "data", rows_per_shard)
    for batch in batches:
        for language, part in _by_language(batch):
            shards.add(language, part)
    shards.close()
    manifest = {
        "dataset": NAME,
        "version": version,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "filters": asdict(filters),
        "rows": shards.rows,
        "files": {
            str(path.relative_to(building)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((building / "data").glob("*.parquet"))
        },
    }
    (building / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    (building / "README.md").write_text(_card(manifest, card), encoding="utf-8")
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    building.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return Release(folder, shards.rows, version, written=True)


def _by_language(batch: pa.RecordBatch) -> Iterable[tuple[str, pa.RecordBatch]]:
    languages = [str(language) for language in batch.column("language").to_pylist()]
    start = 0
    for position in range(1, len(languages) + 1):
        if position == len(languages) or languages[position] != languages[start]:
            yield languages[start], batch.slice(start, position - start)
            start = position


class _Shards:
    """Parquet files ``<language>-00000.parquet`` …, each of at most ``rows_per_shard`` rows."""

    def __init__(self, folder: Path, rows_per_shard: int) -> None:
        self._folder, self._limit = folder, rows_per_shard
        self._writer: pq.ParquetWriter | None = None
        self._language, self._in_shard, self._number = "", 0, 0
        self.rows: dict[str, int] = {}

    def add(self, language: str, batch: pa.RecordBatch) -> None:
        while batch.num_rows:
            if self._writer is None or language != self._language or self._in_shard >= self._limit:
                self._open(language)
            assert self._writer is not None
            part = batch.slice(0, self._limit - self._in_shard)
            self._writer.write_batch(part.cast(SFT_DATASET.schema))
            self._in_shard += part.num_rows
            self.rows[language] = self.rows.get(language, 0) + part.num_rows
            batch = batch.slice(part.num_rows)

    def _open(self, language: str) -> None:
        self.close()
        self._number = self._number + 1 if language == self._language else 0
        self._language, self._in_shard = language, 0
        path = self._folder / f"{language}-{self._number:05d}.parquet"
        self._writer = pq.ParquetWriter(path, SFT_DATASET.schema, compression="zstd")

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _card(manifest: Mapping[str, Any], card: Mapping[str, Any]) -> str:
    template = files(__package__).joinpath("card.md.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    columns: Sequence[Any] = SFT_DATASET.columns
    return environment.from_string(template).render(manifest=manifest, columns=columns, **card)
