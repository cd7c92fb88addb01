"""What EvalPlus calls right of a function's result, as assertions that the grader evaluates on the host.

A result is right if it equals the canonical solution's, or is close to it where numbers with a fraction are compared: within
``atol`` (1e-6 where a task states none) and 1e-7 of the expected value. Some tasks have an oracle of their own. Unlike
EvalPlus' code, a tolerance that one input brings does not stay for the inputs after it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

RTOL, DEFAULT_ATOL = 1e-7, 1e-6


class NoTest(Exception):
    """An input from which no test can be made, such as one for which nothing is right (NaN)."""


@dataclass(frozen=True)
class Answer:
    """What the canonical solution said. ``expected``: its result, decoded (``grading/results.py``)."""

    dataset: str
    entry_point: str
    arguments: Sequence[Any]
    expected: Any
    atol: float


def assertions(answer: Answer) -> str:
    """The code of a test: the function called once, and what must hold of the result. Raises ``NoTest``."""
    call = f"{answer.entry_point}({', '.join(map(_literal, answer.arguments))})"
    special = _SPECIAL.get((answer.dataset, answer.entry_point))
    if special is not None:
        return special(answer, call)
    if not _tolerant(answer.expected, answer.atol):
        return f"assert {call} == {_literal(answer.expected)}"
    if isinstance(answer.expected, float):
        return f"assert {_close(call, answer.expected, answer.atol)}"
    return "\n".join([f"result = {call}", *(f"assert {one}" for one in _conditions("result", answer.expected, answer.atol))])


def has_to_be_run(dataset: str, entry_point: str) -> bool:
    """Whether a task's assertions are more than the grader evaluates on the host."""
    return _SPECIAL.get((dataset, entry_point)) in (_is_found, _anything)


def _tolerant(expected: Any, atol: float) -> bool:
    """Whether a result near ``expected`` is right too: numbers with a fraction, a list of nothing else, and in a task with a
    tolerance lists that hold one."""
    if isinstance(expected, float):
        return math.isfinite(expected)
    if not isinstance(expected, list | tuple) or not expected:
        return False
    return all(isinstance(one, float) for one in expected) or (atol > 0 and any(_tolerant(one, atol) for one in expected))


def _close(place: str, expected: float, atol: float) -> str:
    return f"abs({place} - {_literal(expected)}) <= {(atol or DEFAULT_ATOL) + RTOL * abs(expected)!r}"


def _conditions(place: str, expected: Any, atol: float) -> Iterator[str]:
    """What must hold of a result for a list, or of a part of it."""
    if isinstance(expected, list | tuple):
        yield f"not {place} < {type(expected)()!r}"  # an error where it is a list and not a tuple, or a tuple and not a list
        yield f"len({place}) == {len(expected)}"
        for number, one in enumerate(expected):
            yield from _conditions(f"{place}[{number}]", one, atol)
    elif isinstance(expected, float) and math.isfinite(expected):
        yield _close(place, expected, atol)
    else:
        yield f"{place} == {_literal(expected)}"


def _literal(value: Any) -> str:
    """A value as source text that means it. Raises ``NoTest`` for what is no plain data, or equals nothing."""
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            raise NoTest("NaN equals nothing")
        return f"float('{value}')"
    if type(value) is list:
        return f"[{', '.join(map(_literal, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
    if type(value) is set:
        return f"{{{', '.join(sorted(map(_literal, value)))}}}" if value else "set()"
    if type(value) is dict:
        return f"{{{', '.join(f'{_literal(key)}: {_literal(one)}' for key, one in value.items())}}}"
    if value is None or type(value) in (bool, int, float, complex, str, bytes):
        try:
            return repr(value)
        except ValueError as error:  # an integer of more digits than Python writes out
            raise NoTest(str(error)) from error
    raise NoTest(f"{type(value).__name__} is no plain data")


def _same_items(answer: Answer, call: str) -> str:
    """The items count, not their order or how often each comes."""
    try:
        return f"assert set({call}) == {_literal(set(answer.expected))}"
    except TypeError as error:
        raise NoTest("items that no set holds") from error


def _is_found(answer: Answer, call: str) -> str:
    """Whether something is found: a match, or True; None and False say that nothing is."""
    expected = answer.expected if isinstance(answer.expected, bool) else answer.expected is not None
    if expected:
        return f"result = {call}\nassert result is not None\nassert result is not False"
    return f"result = {call}\nassert result is None or result is False"


def _anything(answer: Answer, call: str) -> str:
    """Nobody knows what is right: every result is."""
    return f"result = {call}\nassert result == {_literal(answer.expected)} or True"


def _or_zero(answer: Answer, call: str) -> str:
    return f"assert {call} in ({_literal(answer.expected)}, 0)"


def _or_by_height(answer: Answer, call: str) -> str:
    """The surface of a pyramid, its second number read as the slant height or as the height."""
    base, height = answer.arguments
    other = round(base**2 + 2 * base * math.sqrt((base / 2) ** 2 + height**2))
    return f"assert {call} in ({_literal(answer.expected)}, {_literal(other)})"


def _or_padded(answer: Answer, call: str) -> str:
    """The distance of two numbers' digits, the shorter one padded with zeros or not."""
    first, second = map(str, answer.arguments)
    width = max(len(first), len(second))
    pairs = zip(first.zfill(width), second.zfill(width), strict=True)
    try:
        other = sum(abs(int(one) - int(two)) for one, two in pairs)
    except ValueError:
        return f"assert {call} == {_literal(answer.expected)}"
    return f"assert {call} in ({_literal(answer.expected)}, {other})"


def _is_zero(answer: Answer, call: str) -> str:
    """A zero of a polynomial, of which there are several: its value there is what counts. The grader knows this call, so no
    arithmetic of the solution's own takes part."""
    return f"assert abs(numpy.polynomial.polynomial.polyval({call}, {_literal(answer.arguments[0])})) <= {answer.atol!r}"


_SPECIAL: dict[tuple[str, str], Callable[[Answer, str], str]] = {
    ("humaneval", "find_zero"): _is_zero,
    ("mbpp", "are_equivalent"): _anything,
    ("mbpp", "sum_div"): _or_zero,
    ("mbpp", "surface_Area"): _or_by_height,
    ("mbpp", "digit_distance_nums"): _or_padded,
    **{("mbpp", name): _is_found for name in ("check_str", "text_match_three", "text_starta_endb")},
    **{
        ("mbpp", name): _same_items
        for name in (
            "similar_elements", "find_char_long", "common_in_nested_lists", "extract_singly", "larg_nnum", "intersection_array",
            "find_dissimilar", "Diff",
        )
    },
}  # fmt: skip
