"""What a program wrote against the expected output: pure functions over bytes (docs/grading.md, §3).

Default: tokens split on whitespace, in order and complete. Nothing is lower-cased, sorted, joined or made a set unless the
problem's policy says so. Results of calls are compared in ``values.py``, single numbers in ``numbers.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from ocr_assets.schema import Compare
from ocr_assets.verification.grading.numbers import DEFAULT, NUMBER, SPECIAL, tokens_equal, tolerant
from ocr_assets.verification.grading.pairing import ByNumber, unmatched


def compare_output(expected: bytes, answer: bytes, compare: Compare | None = None) -> str | None:
    """None if ``answer`` is right, else the first differing place as a message."""
    rule = compare or DEFAULT
    if rule["policy"] == "exact":
        return None if expected == answer else _first_byte(expected, answer)
    try:
        answer.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"output is not UTF-8 (byte {error.start})"
    if rule["case"] == "insensitive":
        expected, answer = (text.decode("utf-8", "surrogateescape").casefold().encode("utf-8", "surrogateescape")
                            for text in (expected, answer))  # fmt: skip
    if expected == answer and not _has_nan(expected):
        return None
    if rule["policy"] == "tokens":
        return _sequences(expected.split(), answer.split(), rule, "token")
    if rule["policy"] == "unordered_tokens":
        return _multisets([(token,) for token in expected.split()], [(token,) for token in answer.split()], rule, "token")
    wanted, got = _lines(expected), _lines(answer)
    if rule["policy"] == "unordered_lines":
        return _multisets(wanted, got, rule, "line")
    if len(wanted) != len(got):
        return f"{len(got)} lines, expected {len(wanted)}"
    for number, (left, right) in enumerate(zip(wanted, got, strict=True)):
        difference = _sequences(left, right, rule, "token")
        if difference:
            return f"line {number + 1}: {difference}"
    return None


def _has_nan(text: bytes) -> bool:
    return b"nan" in text.lower() and any(SPECIAL.match(t) and b"n" in t.lower()[-1:] for t in text.split())


def _lines(text: bytes) -> list[tuple[bytes, ...]]:
    """Lines as token tuples: line ends of any platform, blanks at a line's end and blank lines at the end ignored."""
    lines = [tuple(line.split()) for line in text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _sequences(wanted: Sequence[bytes], got: Sequence[bytes], rule: Compare, noun: str) -> str | None:
    for number, (left, right) in enumerate(zip(wanted, got, strict=False)):
        if not tokens_equal(left, right, rule):
            return f"{noun} {number + 1}: expected {_show(left)}, got {_show(right)}"
    if len(wanted) > len(got):
        return f"{len(got)} {noun}s, expected {len(wanted)}: {_show(wanted[len(got)])} is missing"
    if len(got) > len(wanted):
        return f"{len(got)} {noun}s, expected {len(wanted)}: {_show(got[len(wanted)])} is too many"
    return None


def _multisets(wanted: Sequence[tuple[bytes, ...]], got: Sequence[tuple[bytes, ...]], rule: Compare, noun: str) -> str | None:
    """Equal but for order. Exact matches are counted; what is left (floats) is paired so that all find a partner, if they can."""
    if len(wanted) != len(got):
        return f"{len(got)} {noun}s, expected {len(wanted)}"
    missing, extra = Counter(wanted), Counter(got)
    common = missing & extra
    if any(_has_nan(b" ".join(item)) for item in common):
        common = Counter({item: n for item, n in common.items() if not _has_nan(b" ".join(item))})
    left, right = list((missing - common).elements()), list((extra - common).elements())

    def pair() -> int | None:
        return unmatched(
            left, right, lambda item, other: _sequences(item, other, rule, "token") is None, _candidates(right, rule)
        )

    alone = pair()
    if alone is not None and (near := [i for i in common.elements() if any(tolerant(token, rule) for token in i)]):
        left, right = left + near, right + near  # an identical one may be another's only partner
        alone = pair()
    return None if alone is None else f"{noun} {_show(b' '.join(left[alone]))} is missing"


def _candidates(right: Sequence[tuple[bytes, ...]], rule: Compare) -> Callable[[tuple[bytes, ...]], Iterable[int]]:
    """For an expected item that stays after the exact matches: which of ``right`` are near in its first number with a
    tolerance. Comparing all with all would take hours on outputs of a hundred thousand lines."""
    indexes: dict[int, ByNumber] = {}

    def near(item: tuple[bytes, ...]) -> Iterable[int]:
        place = next((i for i, token in enumerate(item) if tolerant(token, rule)), None)
        if place is None:
            return ()
        if place not in indexes:
            indexes[place] = ByNumber([_number_at(other, place) for other in right])
        return indexes[place].within(float(item[place]), rule)

    return near


def _number_at(item: tuple[bytes, ...], place: int) -> float | None:
    return float(item[place]) if len(item) > place and NUMBER.match(item[place]) else None


def _show(token: bytes, limit: int = 60) -> str:
    text = token[: limit + 1].decode("utf-8", "replace")
    return repr(text if len(text) <= limit else text[:limit] + "…")


def _first_byte(expected: bytes, answer: bytes) -> str:
    shared = min(len(expected), len(answer))
    place = next((i for i in range(shared) if expected[i] != answer[i]), shared)
    return f"byte {place + 1}: expected {_show(expected[place:])}, got {_show(answer[place:])}"
