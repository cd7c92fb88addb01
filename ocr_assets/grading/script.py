"""A suite that was read (``scripts.py``) as calls and conditions, and whether the results of the calls fulfil them."""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import Any

from ocr_assets.grading.cost import TooCostly
from ocr_assets.grading.results import decode, well_formed
from resources.sandbox.api import Run

# Objects that are no plain data or have a truth of their own, and what is no number and so neither less nor more than anything:
# as results are encoded.
# Nor decimals, which are worked out as precisely as the program says.
_NO_WORD = ('{"a": ', '{"o": "', '{"f": "nan"}', '["Decimal", ', '["complex", ')
READ = 64_000_000  # characters of encoded results that all conditions look through


@dataclass(frozen=True)
class Script:
    """A suite as calls. ``run``: what the sandbox is asked; ``expected``: by call, the error it must raise, or None;
    ``wanted``: calls whose results matter; ``late``: those looked at after other calls, which may have changed them;
    ``conditions``: what must be true of the list of results."""

    run: Run
    expected: Sequence[str | None]
    wanted: Set[int]
    late: Set[int]
    conditions: Sequence[Callable[[Sequence[Any]], Any]]

    def difference(self, value: Any) -> str | None:
        """None if all of the suite's assertions hold, else why the suite itself has to say."""
        if not isinstance(value, list) or len(value) != len(self.expected):
            return "no results"
        results = _Results()
        try:
            for found, error in zip(value, self.expected, strict=True):
                if error is not None and not _is_raised(found, error):
                    return f"no {error} was raised"
                if error is None and not well_formed(found):
                    return "a call did not return"
                if len(results) not in self.wanted or error is not None:
                    results.append(None, 0)
                    continue
                text = json.dumps(found)
                if any(mark in text for mark in _NO_WORD):
                    return "a result whose truth or order is its own, or none"
                if len(results) in self.late and not _is_lasting(found):
                    return "a result that may have been changed by a later call"
                results.append(decode(found), len(text))
            failed = next((number for number, holds in enumerate(self.conditions) if not holds(results)), None)
        except (TypeError, ValueError, LookupError, ArithmeticError, RecursionError, AttributeError, TooCostly) as error:
            return f"{type(error).__name__} in an assertion"
        return None if failed is None else f"assertion {failed} does not hold"


class _Results(Sequence[Any]):
    """Results by call; looking at one costs what it is long."""

    def __init__(self) -> None:
        self._values: list[tuple[Any, int]] = []
        self._left = READ

    def append(self, value: Any, size: int) -> None:
        self._values.append((value, size))

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, number: Any) -> Any:
        value, size = self._values[number]
        self._left -= size
        if self._left < 0:
            raise TooCostly("much is asked of long results")
        return value


def _is_lasting(found: Any) -> bool:
    """Whether an encoded value can never change."""
    if not isinstance(found, dict):
        return not isinstance(found, list)
    ((key, inner),) = found.items()
    return key in ("f", "i", "n") or (key == "t" and all(_is_lasting(item) for item in inner))


def _is_raised(found: Any, wanted: str) -> bool:
    """Whether what a call raised (names of built-in classes in order of resolution) is of one kind, and that the wanted one."""
    names = found.get("raised") if isinstance(found, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        return False
    kinds = [getattr(builtins, name, None) for name in names]
    first = kinds[0]
    if not (isinstance(first, type) and issubclass(first, Exception)):
        return False
    return all(kind in first.__mro__ for kind in kinds) and wanted in names
