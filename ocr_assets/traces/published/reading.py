"""From the files of published datasets to the lake: responses, what the datasets say of them, and how far each file was read.

A batch is one transaction of all three, so a run that is killed goes on after the last batch, and a row comes in once however
often its file is read. Memory holds one batch. Which problem a row belongs to is found by ``places.py``.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ocr_assets.generation.published import (
    PublishedAnswer,
    PublishedFile,
    Unreadable,
    files_below,
    numbered_rows,
    published_index,
)
from ocr_assets.platform.progress import Progress
from ocr_assets.platform.row_files import BadInput
from ocr_assets.programs.published import BadRow
from ocr_assets.schema import PUBLISHED_FILES, PUBLISHED_LABELS, R1_TRACES, PublishedLabel, Response, content_id
from ocr_assets.schema import PublishedFile as FileRow
from ocr_assets.traces.published.places import Found, Places, moved
from resources.lake import Edge, Lake, RunInfo
from resources.models.reasoning import separate_reasoning

TEACHER = "published"
WHOLE_FILE = -1  # the row under which a file stands that cannot be read
BATCH_ROWS, BATCH_CHARACTERS = 4_000, 64_000_000
KEPT_REASON = 500  # characters
# Rows of a file that became no response when it was read before. Parameters: dataset, file, first, end
# (null: to its end, what was said of the file as a whole too).
_NONE_BEFORE = """
SELECT published_id FROM published_labels
WHERE dataset = $dataset AND file = $file AND response_id IS NULL
  AND (row BETWEEN $first AND coalesce($end, row + 1) - 1 OR $end IS NULL AND row = -1)
"""
# Files that were unreadable, which stand under their address. Parameter: addresses.
_UNREADABLE_BEFORE = "SELECT published_id FROM published_labels WHERE row = -1 AND list_contains($addresses, dataset)"
Say = Callable[[str], object]


@dataclass
class Done:
    """What a run did: files and rows read, responses and labels committed, and why rows became none (short reason → rows)."""

    files: int = 0
    rows: int = 0
    responses: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def line(self) -> str:
        none = sum(self.reasons.values())
        return f"{self.rows:,} rows of {self.files:,} files read, {self.responses:,} of them responses" + (
            f"; {none:,} became none: {', '.join(f'{count:,} {reason}' for reason, count in self.reasons.most_common(5))}"
            if none
            else ""
        )


def read_published(
    store: Lake,
    run: RunInfo,
    roots: Sequence[tuple[str, Path]],
    say: Say,
    share: float = 1.0,
    batch_rows: int = BATCH_ROWS,
) -> Done:
    """Bring in what ``roots``, (address, folder), hold and the lake does not: files that are new or changed, the rest of those
    that were begun, and those with rows that belong to another problem now, or to one at last.

    ``share``: how many of the rows are taken, by a hash of the row; a larger share holds those of a smaller one. Raises
    ``BadInput`` where a folder holds no file that can be read.
    """
    files = [(address, found) for address, root in roots for found in files_below(root, address)]
    done = Done()
    unread: list[PublishedLabel] = []
    places = Places(store)
    known = {(row["address"], row["file"]): row for row in store.stream("FROM published_files")}
    again = moved(store)
    there = {(file.format.name, file.name, address) for address, file in files if isinstance(file, PublishedFile)}
    names = Counter((dataset, name) for dataset, name, _ in there | {(known[key]["dataset"], key[1], key[0]) for key in known})
    with Progress("r1_traces: published", None, say) as progress:
        for address, file in files:
            if isinstance(file, Unreadable):
                done.reasons["unreadable file"] += 1
                unread.append(unusable(address, file.name, WHOLE_FILE, f"unreadable file: {file.reason}"))
                say(f"r1_traces: {file.reason}")
                continue
            state = f"{file.state} {share:g}"
            before = known.get((address, file.name))
            row, taken = 0, 0
            if before is not None and before["state"] == state and (address, file.name) not in again:
                if before["done"]:
                    continue
                row, taken = before["rows"], before["taken"]
            done.files += 1
            # Of two files of one name in two folders it is not known whose rows were none.
            read_before = before is not None and names[file.format.name, file.name] == 1
            reading = _Reading(file, state, places, share, row, taken, read_before)
            for batch in reading.batches(batch_rows):
                batch.commit(store, run)
                done.rows += batch.read
                done.responses += len(batch.responses)
                done.reasons.update(batch.reasons)
                progress.add(batch.read)
    before_now = store.rows(_UNREADABLE_BEFORE, {"addresses": [address for address, _ in roots]})
    if unread or before_now:
        ids = [label["published_id"] for label in (*unread, *before_now)]
        with store.write(run, "r1_traces") as write:
            write.sync(PUBLISHED_LABELS, unread, within=("published_id", ids))
    return done


@dataclass
class _Batch:
    """Some rows of a file on their way into the lake, and the file as it then stands. ``read``: rows, taken or not, from row
    ``first`` on. ``read_before``: the file may have been another one then, and what was none in it has to say so again."""

    file: FileRow
    first: int = 0
    read_before: bool = False
    responses: dict[str, Response] = field(default_factory=dict)
    labels: dict[str, PublishedLabel] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    characters: int = 0
    read: int = 0

    def commit(self, store: Lake, run: RunInfo) -> None:
        edges: list[Edge] = [
            {
                "child": row["response_id"],
                "parent": row["problem_id"],
                "relation": "derived",
                "reason": f"published: {self.file['dataset']}",
            }
            for row in self.responses.values()
        ]
        ids = [*self.labels]
        if self.read_before:
            end = None if self.file["done"] else self.file["rows"]
            place = {"dataset": self.file["dataset"], "file": self.file["file"], "first": self.first, "end": end}
            ids += [row["published_id"] for row in store.rows(_NONE_BEFORE, place)]
        with store.write(run, "r1_traces") as write:
            write.append(R1_TRACES, self.responses.values())
            write.sync(PUBLISHED_LABELS, self.labels.values(), within=("published_id", ids))
            write.upsert(PUBLISHED_FILES, [self.file])
            write.edges(edges, replace=False)


@dataclass
class _Reading:
    """The rows of one file from ``row`` on, made into batches."""

    file: PublishedFile
    state: str
    places: Places
    share: float
    row: int
    taken: int
    read_before: bool

    def batches(self, batch_rows: int) -> Iterator[_Batch]:
        batch = self._batch()
        try:
            for number, content in numbered_rows(self.file, self.row):
                self._add(batch, number, content)
                self.row = number + 1
                batch.read += 1
                if len(batch.labels) >= batch_rows or batch.characters >= BATCH_CHARACTERS or batch.read >= 50 * batch_rows:
                    yield self._ended(batch, done=False)
                    batch = self._batch()
        except BadInput as error:
            self._refuse(batch, WHOLE_FILE, BadRow(f"unreadable file: {error}"))
        yield self._ended(batch, done=True)

    def _batch(self) -> _Batch:
        name = self.file.format.name
        return _Batch(
            {
                "address": self.file.address,
                "file": self.file.name,
                "dataset": name,
                "state": self.state,
                "rows": 0,
                "taken": 0,
                "done": False,
            },
            self.row,
            self.read_before,
        )

    def _ended(self, batch: _Batch, done: bool) -> _Batch:
        batch.file = {**batch.file, "rows": self.row, "taken": self.taken, "done": done}
        return batch

    def _add(self, batch: _Batch, number: int, row: Mapping[str, Any] | BadRow) -> None:
        known = self.file.format
        try:
            if isinstance(row, BadRow):
                raise row
            answer = known.reading(row, self.file.name)
            own = published_index(known.name, row, known.problem)
            places = (*answer.places, *((f"published/{own}",) if own else ()))
            published_id = _published_id(known.name, places, answer)
            if not _is_taken(published_id, self.share):
                return
            self.taken += 1
            found = self.places.find(places)
            response = _response(self.file, number, answer, found)
            label = _label(self.file, number, answer, places, found, published_id, response)
            _refuse_broken_texts(label, response or {})
        except (BadRow, UnicodeEncodeError) as error:
            self._refuse(batch, number, error)
            return
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self._refuse(batch, number, BadRow(f"another schema than {known.name}'s: {error!r}"))
            return
        batch.labels[published_id] = label
        batch.characters += len(answer.content) + len(answer.reasoning or "") + len(answer.labels.critique or "")
        if response is not None:
            batch.responses.setdefault(response["response_id"], response)
        else:
            batch.reasons[_short(found.reason or "")] += 1

    def _refuse(self, batch: _Batch, number: int, error: BadRow | UnicodeEncodeError) -> None:
        """Note a row that cannot be used. It is within every share, for it has no answer to be chosen by."""
        reason = str(error) if isinstance(error, BadRow) else f"broken text: {error.reason} at {error.start}"
        if number != WHOLE_FILE:
            self.taken += 1
        label = unusable(self.file.format.name, self.file.name, number, reason)
        batch.labels[label["published_id"]] = label
        batch.reasons[_short(reason)] += 1


def unusable(dataset: str, file: str, row: int, reason: str) -> PublishedLabel:
    """The label of a row, or of a file, that holds no answer for us."""
    clean = reason[:KEPT_REASON].encode("utf-8", "replace").decode("utf-8")
    return {
        "published_id": content_id("pub", dataset, file, row), "dataset": dataset, "file": file, "row": row, "row_key": None,
        "place": None, "places": [], "problem_id": None, "response_id": None, "reason": clean, "language": None,
        "solution_hash": None, "correct": None, "pass_rate": None, "judgement": None, "critique": None, "critic": None,
    }  # fmt: skip


def _published_id(dataset: str, places: Sequence[str], answer: PublishedAnswer) -> str:
    labels = vars(answer.labels)
    return content_id("pub", dataset, answer.row_key, list(places), answer.language, answer.reasoning, answer.content, labels)


def _is_taken(published_id: str, share: float) -> bool:
    return share >= 1 or int(published_id[-13:], 16) < share * 16**13


def _response(file: PublishedFile, number: int, answer: PublishedAnswer, found: Found) -> Response | None:
    """The row of ``r1_traces``; None where no problem was found. Its id says problem, dataset, model, language and text: one
    that comes again, from another file or another copy of the dataset, is the same."""
    if found.problem_id is None:
        return None
    known = file.format
    model = answer.model or known.model or "unknown"
    key = content_id("resp", TEACHER, found.problem_id, known.name, model, answer.language, answer.reasoning, answer.content)
    hashed = content_id("published", known.name)
    return {
        "response_id": key,
        "problem_id": found.problem_id,
        "language": answer.language,
        "sample_index": number,
        "template": TEACHER,
        "template_hash": hashed,
        "prompt_hash": hashed,
        "model": model,
        "served_model": None,
        "revision": None,
        "teacher": TEACHER,
        "endpoint": None,
        "think_mode": "unknown",
        "think_form": separate_reasoning(answer.content, answer.reasoning).form,
        "sampling": "{}",
        "seed": None,
        "content": answer.content,
        "reasoning": answer.reasoning,
        "finish_reason": answer.finish_reason,
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "tokens_from": "server",
        "cost": None,
        "latency_s": None,
        "attempts": 0,
        "failure": None,
        "created_at": datetime.now(UTC),
        "message": None,
        "license": answer.license or known.license,
        "origin": f"{known.name}@{file.address}: {file.name}#{number}",
    }


def _label(
    file: PublishedFile,
    number: int,
    answer: PublishedAnswer,
    places: Sequence[str],
    found: Found,
    published_id: str,
    response: Response | None,
) -> PublishedLabel:
    said = answer.labels
    return {
        "published_id": published_id,
        "dataset": file.format.name,
        "file": file.name,
        "row": number,
        "row_key": answer.row_key,
        "place": found.place,
        "places": list(places),
        "problem_id": found.problem_id,
        "response_id": response["response_id"] if response is not None else None,
        "reason": found.reason,
        "language": answer.language,
        "solution_hash": None if said.solution is None else _md5(said.solution),
        "correct": said.correct,
        "pass_rate": said.pass_rate,
        "judgement": said.judgement,
        "critique": said.critique,
        "critic": said.critic,
    }


def _refuse_broken_texts(*rows: Mapping[str, Any]) -> None:
    """Raises ``UnicodeEncodeError`` for lone surrogates, which Arrow cannot hold, in any text of the rows."""
    for value in (value for row in rows for value in row.values()):
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, str):
                part.encode("utf-8")


def _md5(code: str) -> str:
    return hashlib.md5(code.strip().encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def _short(reason: str) -> str:
    return reason.partition(":")[0]
