"""A teacher that replays stored answers: for the demo, for tests, and to run again what another teacher answered.

A folder of recordings holds texts ``<dataset>/<index>/<language>-<sample>.md`` (``….length.md``: cut by the token limit) and
any ``*.jsonl`` with ``key`` or ``alias``, ``content`` and optionally ``reasoning`` and ``finish_reason``.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from resources.teacher.api import ChatAnswer, ChatRequest, TeacherUnavailable

_TEXT = re.compile(r"(?P<language>[a-z]+)-(?P<sample>\d+)(?P<cut>\.length)?\.md$")


class RecordedTeacher:
    """Answers from ``folder``; a request nobody recorded stays unanswered."""

    name = "recorded"

    def __init__(self, folder: Path, model: str) -> None:
        if not folder.is_dir():
            raise TeacherUnavailable(f"no recordings at {folder}; set OCR_RECORDINGS to a folder of recorded answers")
        self.model = model
        self._texts: dict[str, tuple[Path, str]] = {}
        self._lines: dict[str, dict[str, str | None]] = {}
        for path in sorted(folder.rglob("*")):
            if path.suffix == ".jsonl":
                self._read_lines(path)
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
                    yield self._answer(request, path.read_text(encoding="utf-8"), None, finish)
                    break
                if name in self._lines:
                    line = self._lines[name]
                    yield self._answer(request, line["content"] or "", line["reasoning"], line["finish_reason"] or "stop")
                    break

    def _answer(self, request: ChatRequest, content: str, reasoning: str | None, finish: str) -> ChatAnswer:
        return ChatAnswer(request.key, content, reasoning, finish, served_model=self.model, endpoint="recorded")

    def _read_lines(self, path: Path) -> None:
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                line = json.loads(text)
                name = line.get("key") or line["alias"]
                self._lines[name] = {
                    "content": line["content"],
                    "reasoning": line.get("reasoning"),
                    "finish_reason": line.get("finish_reason"),
                }
            except (json.JSONDecodeError, KeyError, AttributeError) as error:
                raise TeacherUnavailable(
                    f"{path}, line {number}: a recording needs content and key or alias, as one JSON object ({error!r})"
                ) from error
