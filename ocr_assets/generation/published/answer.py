"""What a reader makes of a published row: the answer, where its problem stands, and what the dataset itself says of it."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ocr_assets.schema import Language

# Names of licences as SPDX writes them; datasets write them in lower case.
_LICENCES = ("Apache-2.0", "BSD-3-Clause", "CC-BY-4.0", "CC-BY-NC-4.0", "CC-BY-SA-4.0", "CC0-1.0", "MIT", "ODC-BY-1.0")
_SPDX = {name.lower(): name for name in _LICENCES}


@dataclass(frozen=True)
class TheirLabels:
    """What the dataset says of the answer. ``solution``: the code that it took out of it."""

    solution: str | None = None
    correct: bool | None = None
    pass_rate: float | None = None
    judgement: Literal["right", "wrong"] | None = None
    critique: str | None = None
    critic: str | None = None


@dataclass(frozen=True)
class PublishedAnswer:
    """An answer as it was published.

    ``places``: where its problem may stand, the surest first: ``taco/train[12]`` (the 13th row of that split),
    ``codeforces/852/A`` (by the source's own name), ``local/train/x`` (an origin), ``prob_…`` (an id). ``license``: of the
    answer; None: the dataset's. ``row_key``: the row's name in its dataset.
    """

    content: str
    language: Language
    places: tuple[str, ...] = ()
    reasoning: str | None = None
    model: str | None = None
    license: str | None = None
    row_key: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    labels: TheirLabels = field(default_factory=TheirLabels)


def published_index(dataset: str, row: Mapping[str, Any], columns: tuple[str, ...]) -> str | None:
    """The name, within the source ``published``, of the problem that a row brings with it: the hash of its statement and tests,
    which stand in ``columns``. None where the first of them, the statement, is absent: ``-`` stands for one that is not given."""
    statement = row.get(columns[0]) if columns else None
    if not isinstance(statement, str) or statement.strip() in ("", "-"):
        return None
    digest = hashlib.blake2b(digest_size=10)
    for column in columns:
        digest.update(f"{column}\0{row.get(column) or ''}\0".encode("utf-8", "surrogatepass"))
    return f"{dataset}:{digest.hexdigest()}"


def position(dataset: str, split: Any, index: Any) -> str | None:
    """``taco/train[12]`` of what a row says of its problem's place; None where it says none."""
    number = whole(index)
    if number is None or number < 0 or not isinstance(split, str) or not split.strip():
        return None
    name = split.strip().lower()
    return f"{dataset}/{'validation' if name in ('valid', 'dev') else name}[{number}]"


def whole(value: Any) -> int | None:
    """A whole number that 64 bits hold, also as text or as a float; None where there is none."""
    found = fraction(value)
    return int(found) if found is not None and found == int(found) and abs(found) < 2**63 else None


def fraction(value: Any) -> float | None:
    """A finite number, also as text; None where there is none."""
    if value is None or isinstance(value, bool):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def rate(value: Any) -> float | None:
    """A share between 0 and 1; None for anything else, such as the -1 that means "not run"."""
    found = fraction(value)
    return found if found is not None and 0 <= found <= 1 else None


def truth(value: Any) -> bool | None:
    """True or false, also as a word or a number; None for anything else."""
    word = str(value).strip().lower()
    return {"true": True, "1": True, "1.0": True, "yes": True, "pass": True, "false": False, "0": False, "0.0": False,
            "no": False, "fail": False}.get(word)  # fmt: skip


def text(value: Any) -> str | None:
    """A text that holds something; None for anything else."""
    return value if isinstance(value, str) and value.strip() else None


def spdx(value: Any) -> str | None:
    """A licence's name as SPDX writes it, where it is a known one; else as it stands."""
    name = text(value)
    return None if name is None else _SPDX.get(name.strip().lower().replace(" ", "-"), name.strip())


def language_of(row: Mapping[str, Any], file: str, content: str) -> Language:
    """The language of an answer: what the row says, else the file's name, else the last fenced block; failing all, Python."""
    said = str(row.get("language") or row.get("lang") or "").strip().lower()
    if said:
        return "cpp" if said.startswith(("cpp", "c++", "cxx")) else "python"
    words = re.split(r"[^a-z+]+", file.lower())
    if {"cpp", "c++"} & set(words):
        return "cpp"
    if {"python", "py"} & set(words):
        return "python"
    fences = re.findall(r"^[ \t]*```[ \t]*(python|py|cpp|c\+\+)\b", content[-200_000:], re.MULTILINE | re.IGNORECASE)
    return "cpp" if fences and fences[-1].lower() in ("cpp", "c++") else "python"
