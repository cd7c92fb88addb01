"""A user's own rows: what ``published.toml`` beside the files says of them, and of their columns.

```toml
name = "my-traces"
license = "CC-BY-4.0"
model = "deepseek-ai/DeepSeek-R1"
language = "python"          # where no column says it

[columns]
response = "text"            # ours = theirs; what has the same name need not be given
statement = "question"
```

Our columns are ``COLUMNS``. Of them ``response`` is required, and one of ``statement``, ``origin`` and ``problem_id``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from ocr_assets.generation.published.answer import (
    PublishedAnswer,
    TheirLabels,
    language_of,
    rate,
    spdx,
    text,
    truth,
    whole,
)
from ocr_assets.generation.published.formats import Format, response_of
from ocr_assets.platform.row_files import BadInput
from ocr_assets.schema import Language

NAME = "published.toml"
COLUMNS = {
    "response": "the whole answer, or what follows the reasoning",
    "reasoning": "the reasoning, where it stands apart",
    "statement": "the problem's statement",
    "origin": "where the problem stands in its source: taco/train/12",
    "problem_id": "the problem's id in the lake",
    "id": "the row's own name",
    "language": "python or cpp",
    "model": "who answered",
    "license": "of the answer",
    "finish_reason": "stop, length",
    "prompt_tokens": "as counted by the server",
    "completion_tokens": "as counted by the server",
    "solution": "the code, as the dataset took it out of the answer",
    "correct": "whether the dataset calls the answer right",
    "pass_rate": "the share of tests that the dataset says it passes",
    "tests": "the problem's tests, as ocr-assets verify reads them",
    "entry_point": "function, or Class.method, that the problem asks for",
    "starter_code": "code that a solution starts from",
    "source": "the problem's platform",
    "difficulty": "as the dataset says it",
    "question_license": "of the problem",
}
_PROBLEM = ("statement", "tests")
_ASIDES = ("entry_point", "starter_code", "source", "difficulty", "question_license")


class Own(BaseModel):
    """``published.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = ""  # of the dataset; if not given, the folder's
    license: str = "unknown"
    model: str | None = None
    language: Language | None = None
    columns: dict[str, str] = {}

    @field_validator("columns")
    @classmethod
    def _are_ours(cls, columns: dict[str, str]) -> dict[str, str]:
        if unknown := columns.keys() - COLUMNS.keys():
            raise ValueError(f"{', '.join(sorted(unknown))} is none of {', '.join(COLUMNS)}")
        return columns


@dataclass(frozen=True)
class OwnRows:
    """The reader of a folder's own rows."""

    settings: Own
    name: str

    def theirs(self, ours: str) -> str:
        """What the files call one of our columns."""
        return self.settings.columns.get(ours, ours)

    def format(self) -> Format:
        return Format(
            self.name,
            (self.theirs("response"),),
            partial(_answer, self),
            tuple(map(self.theirs, _PROBLEM)),
            tuple(map(self.theirs, _ASIDES)),
            spdx(self.settings.license) or "unknown",
            self.settings.model,
        )

    def refuse_missing(self, columns: Collection[str], file: Path) -> None:
        """Raises ``BadInput`` where the file has not the columns that the map names, or none to go by."""
        named = [theirs for theirs in self.settings.columns.values() if theirs not in columns]
        if named or self.theirs("response") not in columns:
            missing = ", ".join(named or [self.theirs("response")])
            raise BadInput(
                f"{file}: no column {missing}; it has {', '.join(sorted(columns))}: mend [columns] in {NAME} beside it"
            )
        if not any(self.theirs(ours) in columns for ours in ("statement", "origin", "problem_id")):
            raise BadInput(
                f"{file}: no column says which problem a row answers; name statement, origin or problem_id in [columns] of {NAME}"
            )

    def ours(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row under our names."""
        return {ours: row.get(self.theirs(ours)) for ours in COLUMNS}


def read_own(folder: Path) -> OwnRows:
    """The reader of ``folder``'s rows by its ``published.toml``; without one the columns have our names. Raises ``BadInput``."""
    path = folder / NAME
    if not path.is_file():
        return OwnRows(Own(), folder.name)
    try:
        own = Own.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (ValidationError, ValueError, OSError) as error:
        said = "; ".join(str(fault["msg"]) for fault in error.errors()) if isinstance(error, ValidationError) else str(error)
        raise BadInput(f"{path}: {said}") from error
    return OwnRows(own, own.name or folder.name)


def _answer(own: OwnRows, row: Mapping[str, Any], file: str) -> PublishedAnswer:
    content = response_of(row, own.theirs("response"))
    ours = own.ours(row)
    places = tuple(place for name in ("problem_id", "origin") if (place := text(ours[name])))
    passed = rate(ours["pass_rate"])
    correct = truth(ours["correct"])
    reasoning = text(ours["reasoning"])
    return PublishedAnswer(
        content=content,
        reasoning=reasoning,
        language=own.settings.language
        if own.settings.language and not text(ours["language"])
        else language_of(ours, file, content),
        places=places,
        model=text(ours["model"]),
        license=spdx(ours["license"]),
        row_key=None if ours["id"] is None else str(ours["id"]),
        finish_reason=text(ours["finish_reason"]),
        prompt_tokens=whole(ours["prompt_tokens"]),
        completion_tokens=whole(ours["completion_tokens"]),
        labels=TheirLabels(
            solution=text(ours["solution"]),
            correct=correct if correct is not None or passed is None else passed == 1,
            pass_rate=passed,
        ),
    )
