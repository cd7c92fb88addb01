"""Releases as training reads them: where the Parquet files lie, which version they are, and their rows under common names.

Our releases and published ones have the same columns (OpenCodeReasoning's, KodCode's; docs/papers.md, OCR-7 and KC-9), ours more
of them. Columns are found by name; of a published file the labels that it lacks are null.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from ocr_assets.platform.release_folders import ReleaseFolder, manifest_of, training_files
from ocr_assets.platform.releases import named_releases, wrong_name
from ocr_assets.statistics.levels import LEVEL
from resources.settings import read_project

Form = Literal["answers", "conversations"]


@dataclass(frozen=True)
class ReleaseFiles:
    """A release on disk: its name, Parquet files in their order, what version it is, and which columns they have."""

    name: str
    files: tuple[Path, ...]
    version: str
    columns: frozenset[str]

    @property
    def form(self) -> Form:
        return "conversations" if "conversations" in self.columns else "answers"

    @property
    def answers_table(self) -> str | None:
        """The table of the lake that says how its answers were asked for; None: it is not ours."""
        if "response_id" not in self.columns:
            return None
        return "r1_traces" if self.form == "answers" else "kodcode_responses"

    def labels(self) -> str:
        """SELECT of each row's labels: released_id, problem_id, language, verdict, difficulty, level, trusted, parsed, dataset,
        source, style, subset. Reads no text but to see that there is one."""
        if self.form == "answers":
            problem = self._or("problem_id", "'q_' || left(md5(input), 20)")
            verdict, difficulty = self._or("verdict"), self._or("difficulty")
            styles = "NULL::VARCHAR AS style, NULL::VARCHAR AS subset"
            released_id, where = "id", "output IS NOT NULL AND input <> '-'"
            parsed = "parse_status = 'ok'" if "parse_status" in self.columns else "true"
        else:
            problem = "question_id"
            verdict = "CASE r1_correctness WHEN 'True' THEN 'accepted' WHEN 'False' THEN 'wrong_answer' END"
            difficulty = self._or("gpt_difficulty")
            styles = f"{self._or('style')} AS style, {self._or('subset')} AS subset"
            released_id = self._or("id", "question_id")
            where = f"{_turn('human')} IS NOT NULL AND {_turn('gpt')} IS NOT NULL"
            parsed = self._or("r1_solution", "''") + " IS NOT NULL"
        return f"""SELECT *, {LEVEL} AS level FROM (
    SELECT {released_id}::VARCHAR AS released_id, {problem} AS problem_id, {self._language} AS language,
           {verdict} AS verdict,
           {difficulty}::VARCHAR AS difficulty, {self._or("trusted", "NULL::BOOLEAN")} AS trusted, {parsed} AS parsed,
           {self._or("dataset")} AS dataset, {self._or("source")} AS source, {styles}
    FROM {self._read(self.files)} WHERE {where})"""

    def texts(self, files: Collection[Path]) -> str:
        """SELECT of released_id, response_id, language, question, answer of the rows in some of its files."""
        own = replace(self, columns=_columns(files))  # one file may lack what others have
        response, language = own._or("response_id"), own._language
        if self.form == "answers":
            columns = f"id::VARCHAR AS released_id, {language} AS language, input AS question, output AS answer"
        else:
            columns = f"""{own._or("id", "question_id")}::VARCHAR AS released_id, {language} AS language,
    {_turn("human")} AS question, {_turn("gpt")} AS answer"""
        return f"SELECT {response} AS response_id, {columns} FROM {self._read(files)}"

    @property
    def _language(self) -> str:
        return f"coalesce({self._or('language')}, 'python')"

    def _or(self, column: str, otherwise: str = "NULL::VARCHAR") -> str:
        return f'"{column}"' if column in self.columns else otherwise

    @staticmethod
    def _read(files: Collection[Path]) -> str:
        paths = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
        return f"read_parquet([{paths}], union_by_name = true)"


def find_release(name: str, releases: Path, base: Path | None = None) -> ReleaseFiles | None:
    """The newest version of a release by its name, or the Parquet files of a folder (from ``base`` on); None: it is not there
    yet, or has no rows.

    Raises ``ValueError`` naming the folder that is not there, or the columns that its files lack.
    """
    # A version's own folder, so that a release that comes meanwhile changes nothing for whoever is reading.
    current = ReleaseFolder(releases, name).current if wrong_name(name) is None else None
    if current is not None:
        folder = current
        files, version = training_files(folder), str(manifest_of(folder)["version"])
    elif name in named_releases(read_project()):
        return None
    else:
        folder = (base or Path()) / Path(name).expanduser()
        if not folder.is_dir():
            raise ValueError(
                f"release {name}: give a release ({', '.join(named_releases(read_project()))} …) or a folder; {folder} is none"
            )
        files = tuple(sorted(folder.rglob("*.parquet")))
        if not files:
            raise ValueError(f"release {name}: no Parquet files in {folder}")
        stated = [(str(file.relative_to(folder)), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
        version = hashlib.blake2b(repr(stated).encode(), digest_size=16).hexdigest()
    if not files:
        return None
    columns = _columns(files)
    if not {"id", "input", "output"} <= columns and not {"question_id", "conversations", "r1_correctness"} <= columns:
        raise ValueError(
            f"release {name}: the files in {folder} have neither id, input, output (OpenCodeReasoning) nor question_id, "
            "conversations, r1_correctness (KodCode)"
        )
    return ReleaseFiles(name, files, version, columns)


def _columns(files: Collection[Path]) -> frozenset[str]:
    """Columns that any of the files has. Raises ``ValueError`` naming a file that cannot be read."""
    found: set[str] = set()
    for file in files:
        try:
            found |= set(pq.read_schema(file).names)
        except pa.ArrowInvalid as error:
            raise ValueError(f"{file} is no Parquet file: {error}") from None
    return frozenset(found)


def _turn(by: str) -> str:
    """What the first turn by someone says."""
    return f'list_filter(conversations, lambda turn: turn."from" = \'{by}\')[1]."value"'
