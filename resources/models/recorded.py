"""A teacher that replays stored answers, and one that records any other.

For the demo, for tests, and to run again what another teacher answered. A folder of recordings holds texts
``<dataset>/<index>/<language>-<sample>.md`` (``….length.md``: cut by the token limit) and any ``*.jsonl`` with ``key`` or
``alias``, ``content`` and optionally the other fields of ``ChatAnswer``; the later line of a key counts.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from resources.models.api import ChatAnswer, ChatModel, ChatRequest, ModelUnavailable

_TEXT = re.compile(r"(?P<language>[a-z]+)-(?P<sample>\d+)(?P<cut>\.length)?\.md$")
_STORED = {field.name for field in fields(ChatAnswer)} - {"key"}
log = logging.getLogger(__name__)


class RecordedModel:
    """Answers from ``folder``; a request nobody recorded stays unanswered. Only places are held in memory, not texts."""

    name = "recorded"

    def __init__(self, folder: Path, model: str) -> None:
        if not folder.is_dir():
            raise ModelUnavailable(f"no recordings at {folder}; set OCR_RECORDINGS to a folder of recorded answers")
        self.model = model
        self.errors: Counter[str] = Counter()
        self._texts: dict[str, tuple[Path, str]] = {}
        self._lines: dict[str, tuple[Path, int]] = {}
        for path in sorted(folder.rglob("*")):
            if path.suffix == ".jsonl":
                self._index_lines(path)
            elif match := _TEXT.match(path.name):
                dataset, *rows = path.relative_to(folder).parts[:-1]
                index = "/".join(str(int(part)) if part.isdigit() and len(rows) == 1 else part for part in rows)
                alias = f"{dataset}/train/{index}|{match['language']}|{match['sample']}"
                self._texts[alias] = (path, "length" if match["cut"] else "stop")

    async def answer(self, requests: Iterable[ChatRequest]) -> AsyncIterator[ChatAnswer]:
        """Recorded answers, in the order asked."""
        for request in requests:
            for name in (request.key, *request.aliases):
                if name in self._texts:
                    path, finish = self._texts[name]
                    yield self._answer(request, {"content": path.read_text(encoding="utf-8"), "finish_reason": finish})
                    break
                if name in self._lines:
                    path, place = self._lines[name]
                    with path.open("rb") as file:
                        file.seek(place)
                        yield self._answer(request, json.loads(file.readline()))
                    break

    def _answer(self, request: ChatRequest, stored: Mapping[str, Any]) -> ChatAnswer:
        told = {name: value for name, value in stored.items() if name in _STORED and value is not None}
        if not told.get("failure"):
            told.setdefault("finish_reason", "stop")
        return ChatAnswer(**{"served_model": self.model, "endpoint": "recorded", **told, "key": request.key})

    def _index_lines(self, path: Path) -> None:
        place = 0
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                try:
                    line = json.loads(text)
                    name = line.get("key") or line["alias"]
                    if not isinstance(line["content"], str):
                        raise TypeError("content is no text")
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    if not text.endswith(b"\n"):
                        log.warning("%s, line %d was cut when its recorder was killed; left out", path, number)
                        break
                    raise ModelUnavailable(
                        f"{path}, line {number}: a recording needs content and key or alias, as one JSON object ({error!r}); "
                        "mend the line or remove it"
                    ) from error
                self._lines[name] = (path, place)
                place += len(text)


class RecordingModel:
    """``teacher``, each of whose answers is also written to ``<folder>/<model>.jsonl``, for ``RecordedModel`` to replay."""

    def __init__(self, teacher: ChatModel, folder: Path) -> None:
        self._teacher = teacher
        self.name, self.model = teacher.name, teacher.model
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / (re.sub(r"[^\w.-]+", "_", teacher.model.strip("/")) + ".jsonl")

    @property
    def errors(self) -> Counter[str]:
        return self._teacher.errors

    async def answer(self, requests: Iterable[ChatRequest]) -> AsyncIterator[ChatAnswer]:
        """The other teacher's answers, each on disk before it is passed on."""
        with self._path.open("ab+", buffering=0) as file:
            _drop_torn_line(file)
            async for answer in self._teacher.answer(requests):
                told = {name: value for name, value in asdict(answer).items() if value not in (None, {})}
                file.write(json.dumps(told).encode() + b"\n")
                yield answer


def _drop_torn_line(file: Any) -> None:
    """Take off what a killed recorder left of its last line."""
    end = size = file.seek(0, 2)
    while end:
        start = max(0, end - 65_536)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        file.truncate(end)
