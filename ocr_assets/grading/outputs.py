"""What a program wrote against the expected output: pure functions over bytes (docs/grading.md, §3).

Default: tokens split on whitespace, in order and complete. Nothing is lower-cased, sorted, joined or made a set unless the
problem's policy says so. Results of calls are compared in ``values.py``, single numbers in ``tolerance.py``.

Both texts are read block by block, so that an output of the largest size allowed needs little memory beside itself; only
comparison in any order holds all tokens, once it is known that there are no more of them than expected.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from ocr_assets.grading.cost import Budget
from ocr_assets.grading.pairing import unpaired, unpaired_number
from ocr_assets.grading.tolerance import DEFAULT, NUMBER, number, tokens_equal, tolerant
from ocr_assets.schema import Compare

Item = tuple[bytes, ...]  # the tokens of a line, or one token
_BLOCK = 1 << 16
_SPACE = re.compile(rb"\s")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_NAN = re.compile(rb"(?<!\S)[+-]?nan(?!\S)", re.IGNORECASE)
_INFINITY = re.compile(rb"([+-]?)inf(?:inity)?\Z", re.IGNORECASE)


def compare_output(expected: bytes, answer: bytes, compare: Compare | None = None) -> str | None:
    """None if ``answer`` is right, else the first differing place as a message.

    Takes time linear in both sizes (n log n in any order). Raises ``TooCostly`` where that cannot be kept.
    """
    rule = compare or DEFAULT
    if rule["policy"] == "exact":
        return None if expected == answer else _first_byte(expected, answer)
    if (place := _not_utf8(answer)) is not None:
        return f"output is not UTF-8 (byte {place})"
    if rule["case"] == "insensitive":
        expected, answer = _folded(expected), _folded(answer)
    if expected == answer and not _NAN.search(expected):
        return None
    if rule["policy"] == "tokens":
        return _sequences(expected, answer, rule)
    if rule["policy"] == "unordered_tokens":
        return _unordered_tokens(expected, answer, rule)
    expected, answer = expected.rstrip(), answer.rstrip()  # blank lines at the end do not count
    counts = _count_lines(expected), _count_lines(answer)
    if counts[0] != counts[1]:
        return f"{counts[1]} lines, expected {counts[0]}"
    if rule["policy"] == "unordered_lines":
        return _unordered_lines(expected, answer, rule)
    for index, (left, right) in enumerate(zip(_lines(expected), _lines(answer), strict=True)):
        if (left != right or _NAN.search(left)) and (difference := _sequences(left, right, rule)):
            return f"line {index + 1}: {difference}"
    return None


def _not_utf8(text: bytes) -> int | None:
    """The place of the first byte that is no UTF-8; decoding all at once would take four times the memory."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(text), _BLOCK):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(text[start : start + _BLOCK], final=start + _BLOCK >= len(text))
        except UnicodeDecodeError as error:
            return start - pending + error.start
    return None


def _folded(text: bytes) -> bytes:
    """Without difference of case."""
    blocks = (block.decode("utf-8", "surrogateescape").casefold() for block in _blocks(text))
    return b"".join(block.encode("utf-8", "surrogateescape") for block in blocks)


def _blocks(text: bytes) -> Iterator[bytes]:
    """The text in pieces that end before whitespace."""
    start = 0
    while start < len(text):
        space = _SPACE.search(text, start + _BLOCK)
        end = space.start() if space else len(text)
        yield text[start:end]
        start = end


def _tokens(text: bytes) -> Iterator[list[bytes]]:
    return (block.split() for block in _blocks(text))


def _count_tokens(text: bytes) -> int:
    return sum(map(len, _tokens(text)))


def _count_lines(text: bytes) -> int:
    """Lines of a text without blanks at its end, with line ends of any platform."""
    return 1 + text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n") if text else 0


def _lines(text: bytes) -> Iterator[bytes]:
    start = 0
    for end in _LINE_END.finditer(text):
        yield text[start : end.start()]
        start = end.end()
    if text:
        yield text[start:]


def _sequences(expected: bytes, answer: bytes, rule: Compare) -> str | None:
    """Tokens in order."""
    has_nan = _NAN.search(expected) is not None
    wanted_blocks, got_blocks = _tokens(expected), _tokens(answer)
    wanted, got, place = list[bytes](), list[bytes](), 0
    while True:
        wanted = wanted or next((block for block in wanted_blocks if block), [])
        got = got or next((block for block in got_blocks if block), [])
        shared = min(len(wanted), len(got))
        if not shared:
            break
        if has_nan or wanted[:shared] != got[:shared]:
            for index in range(shared):
                if not tokens_equal(wanted[index], got[index], rule):
                    return f"token {place + index + 1}: expected {_show(wanted[index])}, got {_show(got[index])}"
        wanted, got, place = wanted[shared:], got[shared:], place + shared
    if wanted:
        total = place + len(wanted) + sum(map(len, wanted_blocks))
        return f"{place} tokens, expected {total}: {_show(wanted[0])} is missing"
    if got:
        total = place + len(got) + sum(map(len, got_blocks))
        return f"{total} tokens, expected {place}: {_show(got[0])} is too many"
    return None


def _unordered_tokens(expected: bytes, answer: bytes, rule: Compare) -> str | None:
    counts = _count_tokens(expected), _count_tokens(answer)
    if counts[0] != counts[1]:
        return f"{counts[1]} tokens, expected {counts[0]}"
    wanted, got = ([(token,) for token in text.split()] for text in (expected, answer))
    return _multisets(wanted, got, rule, "token", counts[0])


def _unordered_lines(expected: bytes, answer: bytes, rule: Compare) -> str | None:
    counts = _count_tokens(expected), _count_tokens(answer)
    if counts[1] > counts[0]:  # also keeps what must be held in memory to the size of the expected output
        return f"{counts[1]} tokens, expected {counts[0]}"
    wanted, got = ([tuple(line.split()) for line in _lines(text)] for text in (expected, answer))
    return _multisets(wanted, got, rule, "line", counts[0])


def _multisets(wanted: Sequence[Item], got: Sequence[Item], rule: Compare, noun: str, tokens: int) -> str | None:
    """Equal but for order; as many of one as of the other."""
    budget = Budget(tokens)
    wanted, got = [_one_infinity(item) for item in wanted], [_one_infinity(item) for item in got]
    without_partner = next((item for item in wanted if any(_NAN.match(token) for token in item)), None)
    extra = Counter(got)
    near: list[tuple[Item, tuple[int, ...]]] = []  # items with tolerant tokens, and where in the item these are
    for item in wanted:
        places = tuple(place for place, token in enumerate(item) if tolerant(token, rule))
        if places:
            near.append((item, places))
        elif extra[item]:
            extra[item] -= 1
        else:
            without_partner = without_partner or item
    if without_partner is None and near:
        without_partner = _unpaired(near, list(extra.elements()), rule, budget)
    return None if without_partner is None else f"{noun} {_show(b' '.join(without_partner))} is missing"


def _one_infinity(item: Item) -> Item:
    """Infinity written in one way."""
    if not any(_INFINITY.match(token) for token in item):
        return item
    return tuple(_INFINITY.sub(lambda sign: (b"-" if sign[1] == b"-" else b"") + b"inf", token) for token in item)


def _unpaired(wanted: Sequence[tuple[Item, tuple[int, ...]]], got: Sequence[Item], rule: Compare, budget: Budget) -> Item | None:
    """An expected item for which no answer is left when they are paired as well as can be."""

    def equal(item: Item, other: Item) -> bool:
        budget.read(sum(map(len, other)))
        return len(item) == len(other) and all(tokens_equal(left, right, rule) for left, right in zip(item, other, strict=True))

    items = [item for item, _ in wanted]
    common = Counter(items) & Counter(got)
    for left, right in ((_without(items, common), _without(got, common)), (items, got)):
        ordered = zip(sorted(left, key=_order), sorted(right, key=_order), strict=True)
        if all(equal(item, other) for item, other in ordered):
            return None  # nearly every right answer ends here
    shapes = {(len(item), places) for item, places in wanted}
    if len(shapes) == 1 and len(wanted[0][1]) == 1:
        return _unpaired_by_number(items, got, wanted[0][1][0], equal)
    alone = unpaired(len(wanted), len(got), _neighbours(wanted, got, equal, budget), budget)
    return None if alone is None else items[alone]


def _without(items: Iterable[Item], gone: Counter[Item]) -> list[Item]:
    return list((Counter(items) - gone).elements())


def _order(item: Item) -> list[tuple[bool, float, bytes]]:
    """A sort key by which items that are nearly equal mostly come to stand in the same place."""
    return [(True, float(token), b"") if NUMBER.match(token) else (False, 0.0, token) for token in item]


def _key(item: Item, places: Sequence[int]) -> Item | None:
    """What an item must share exactly with another whose numbers at ``places`` may differ; None if there are no numbers."""
    if any(place >= len(item) or not NUMBER.match(item[place]) for place in places):
        return None
    return tuple(b"" if place in places else token for place, token in enumerate(item))


def _unpaired_by_number(
    wanted: Sequence[Item], got: Sequence[Item], place: int, equal: Callable[[Item, Item], bool]
) -> Item | None:
    """Where all items differ from their partners in one number at the same place."""
    groups: dict[Item | None, tuple[list[Item], list[Item]]] = defaultdict(lambda: ([], []))
    for side, items in enumerate((wanted, got)):
        for item in items:
            groups[_key(item, (place,))][side].append(item)
    for left, right in groups.values():
        alone = unpaired_number(left, right, lambda item: number(item[place]), equal) if left else None
        if alone is not None:
            return left[alone]
    return None


def _neighbours(
    wanted: Sequence[tuple[Item, tuple[int, ...]]],
    got: Sequence[Item],
    equal: Callable[[Item, Item], bool],
    budget: Budget,
) -> Callable[[int], Iterable[int]]:
    """Which of ``got`` equal an item: looked for among those that have the same tokens where no number may differ."""
    groups: dict[tuple[int, ...], dict[Item | None, list[int]]] = {}

    def neighbours(index: int) -> Iterable[int]:
        item, places = wanted[index]
        if places not in groups:
            budget.spend(len(got))
            groups[places] = defaultdict(list)
            for position, other in enumerate(got):
                groups[places][_key(other, places)].append(position)
        candidates = groups[places].get(_key(item, places), ())
        budget.spend(len(candidates))
        return [position for position in candidates if equal(item, got[position])]

    return neighbours


def _show(token: bytes, limit: int = 60) -> str:
    text = token[: 4 * limit + 4].decode("utf-8", "replace")
    return repr(text if len(text) <= limit else text[:limit] + "…")


def _first_byte(expected: bytes, answer: bytes) -> str:
    shared = min(len(expected), len(answer))
    block = next((i for i in range(0, shared, _BLOCK) if expected[i : i + _BLOCK] != answer[i : i + _BLOCK]), shared)
    place = next((i for i in range(block, min(block + _BLOCK, shared)) if expected[i] != answer[i]), shared)
    left, right = expected[place : place + 256], answer[place : place + 256]
    return f"byte {place + 1}: expected {_show(left)}, got {_show(right)}"
